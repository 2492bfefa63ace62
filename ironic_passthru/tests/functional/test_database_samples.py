# SPDX-License-Identifier: Apache-2.0
"""Shipped samples of options for databases.

The tests of Galera load the options of cluster nodes.
"""

import re
import tempfile
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg

from ironic_passthru import conf as project_conf
from ironic_passthru.conf import database as database_conf
from ironic_passthru.db import session
from ironic_passthru.tests import base
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional.servers import shipped
from ironic_passthru.tests.functional.servers import sql

_OURS = console.ROOT / 'etc' / 'ironic_passthru' / 'database.conf.sample'


class TestMariaDB(base.TestCase):
    """Options of a server."""

    def test_all_options_are_in_force(self) -> None:
        found = self.useFixture(servers.MariaDB()).variables()
        sample = shipped.options(shipped.mariadb())
        self.assertGreater(len(sample), 8)
        for name, value in sample.items():
            self.assertIn(found[name], shipped.ways_to_write(value), name)


class TestPostgreSQL(base.TestCase):
    """Options of a server."""

    def test_all_options_are_in_force(self) -> None:
        server = self.useFixture(servers.PostgreSQL(durable=True))
        # Options of TCP have no value in sessions without TCP.
        rows = sql.execute(
            server.url(),
            'SELECT name, setting FROM pg_file_settings '
            'WHERE applied AND error IS NULL',
        )
        sample = shipped.options(shipped.postgresql())
        self.assertGreater(len(sample), 8)
        self.assertEqual(sample, {k: v for k, v in rows if k in sample})


class TestService(base.TestCase):
    """Options of the service."""

    def load(self, text: str) -> cfg.ConfigOpts:
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write(text)
            file.flush()
            conf = cfg.ConfigOpts()
            project_conf.register_opts(conf, [database_conf])
            conf(['--config-file', file.name])
        return conf

    def test_it_has_the_defaults(self) -> None:
        text = _OURS.read_text(encoding='utf-8')
        named = set(re.findall(r'^([a-z_]+) =', text, re.MULTILINE))
        loaded = dict(self.load(text).database)
        self.assertGreater(len(named), 4)
        self.assertEqual(set(), named - loaded.keys())
        self.assertEqual(dict(self.load('').database), loaded)

    def test_commented_options_reach_the_driver(self) -> None:
        lines = re.findall(
            r'^#([a-z_]+ = .+)$', _OURS.read_text('utf-8'), re.MULTILINE
        )
        found = [self.arguments_with(line) for line in lines]
        self.assertEqual('db.example.com', found[0]['host'])
        self.assertEqual('db.example.com', found[1]['host'])
        self.assertEqual('db1.example.com,db2.example.com', found[2]['host'])
        self.assertEqual('read-write', found[2]['target_session_attrs'])
        self.assertEqual('mysql_wsrep_sync_wait = 15', lines[3])
        self.assertEqual(30, found[4]['read_timeout'])
        self.assertEqual('30000', found[5]['tcp_user_timeout'])
        self.assertEqual(6, len(lines))

    def arguments_with(self, line: str) -> dict[str, Any]:
        """Return the arguments of a database driver."""
        scheme = 'postgresql' if 'keepalives' in line else 'mysql'
        connection = f'connection = {scheme}://db/passthru\n'
        if line.startswith('connection ='):
            connection = ''
        conf = self.load(f'[database]\n{connection}{line}\n')
        database = session.Database(conf)
        self.addCleanup(database.close)
        seen: list[dict[str, Any]] = []

        def see(_dialect: Any, _rec: Any, _args: Any, kw: Any) -> None:
            seen.append(dict(kw))
            raise RuntimeError

        sa.event.listen(sa.engine.Engine, 'do_connect', see)
        try:
            with database.connection():
                self.fail('it has connected')
        except RuntimeError:
            return seen[0]
        finally:
            sa.event.remove(sa.engine.Engine, 'do_connect', see)
