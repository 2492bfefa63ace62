# SPDX-License-Identifier: Apache-2.0
"""Tests of ``ironic-passthru-dbsync``."""

import contextlib
import io
import pathlib
import shutil
import sqlite3
import tempfile

from oslo_config import cfg

from ironic_passthru.cmd import dbsync
from ironic_passthru.db import schema
from ironic_passthru.tests import base


class TestDbsync(base.TestCase):
    """What its user sees: the status, the output, one line for an error."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        self.file = self.directory / 'state' / 'registry.sqlite'
        self.configure()

    def configure(self, **database: str) -> None:
        lines = ['[DEFAULT]', f'state_path = {self.file.parent}', '[database]']
        lines += [f'{name} = {value}' for name, value in database.items()]
        config = self.directory / 'test.conf'
        config.write_text('\n'.join(lines))
        config.chmod(0o600)
        self.options = ['--config-file', str(config)]

    def run_command(self, *arguments: str) -> tuple[int, str, str]:
        """Return status, standard output and standard error."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                status = dbsync.main([*self.options, *arguments], self.conf())
            except SystemExit as exc:
                status = exc.code or 0
        return status, out.getvalue(), err.getvalue()

    def conf(self) -> cfg.ConfigOpts:
        return cfg.ConfigOpts()

    def refused(self, command: str) -> str:
        status, out, err = self.run_command(command)
        self.assertEqual((dbsync.EXIT_ERROR, ''), (status, out))
        self.assertEqual(1, err.count('\n'), err)
        self.assertTrue(err.startswith('ironic-passthru-dbsync: '), err)
        return err

    def test_from_nothing_to_current(self) -> None:
        status, out, err = self.run_command('check')
        self.assertEqual((dbsync.EXIT_UPGRADE_NEEDED, ''), (status, err))
        self.assertIn('ironic-passthru-dbsync upgrade', out)
        self.assertFalse(self.file.exists(), 'a check creates nothing')
        status, out, err = self.run_command('version')
        self.assertEqual((0, ''), (status, err))
        self.assertIn('no tables', out)
        status, out, err = self.run_command('upgrade')
        self.assertEqual((0, ''), (status, err))
        self.assertIn(schema.HEAD, out)
        self.assertEqual(0o600, self.file.stat().st_mode & 0o777)
        for command in ('check', 'version', 'upgrade'):
            status, out, err = self.run_command(command)
            self.assertEqual((0, ''), (status, err), command)
            self.assertIn(schema.HEAD, out)

    def test_a_newer_schema_is_an_error(self) -> None:
        self.run_command('upgrade')
        with contextlib.closing(sqlite3.connect(self.file)) as link, link:
            link.execute("UPDATE alembic_version SET version_num = 'z9'")
        for command in ('check', 'upgrade'):
            self.assertIn('z9', self.refused(command))

    def test_a_server_that_is_away(self) -> None:
        self.configure(connection='mysql://user:hunter2@127.0.0.1:1/registry')
        for command in dbsync.COMMANDS:
            err = self.refused(command)
            self.assertIn('refused', err)
            self.assertNotIn('hunter2', err)

    def test_a_password_that_every_user_can_read(self) -> None:
        self.configure(connection='mysql://user:hunter2@127.0.0.1:1/registry')
        (self.directory / 'test.conf').chmod(0o644)
        for command in dbsync.COMMANDS:
            err = self.refused(command)
            self.assertIn('connection in group [database]', err)
            self.assertIn('chmod o=', err)
            self.assertNotIn('hunter2', err)

    def test_a_file_that_is_no_database(self) -> None:
        self.file.parent.mkdir()
        self.file.write_text('something else' * 100)
        self.assertIn('not a database', self.refused('upgrade'))

    def test_a_url_that_is_none(self) -> None:
        self.configure(connection='postgresql://user:hunter2/registry')
        err = self.refused('check')
        self.assertIn('Option connection in group [database]', err)
        self.assertNotIn('hunter2', err)

    def test_an_option_with_a_bad_value(self) -> None:
        self.configure(db_max_retries='many')
        self.assertIn('db_max_retries', self.refused('check'))

    def test_a_state_path_that_cannot_be_made(self) -> None:
        self.file.parent.write_text('a file is in the way')
        self.assertIn(str(self.file.parent), self.refused('check'))

    def test_a_configuration_file_that_is_missing(self) -> None:
        self.options = ['--config-file', str(self.directory / 'nowhere')]
        self.assertIn('nowhere', self.refused('check'))

    def test_help_tells_commands_and_exit_statuses(self) -> None:
        status, out, _ = self.run_command('--help')
        self.assertEqual(0, status)
        for word in (*dbsync.COMMANDS, 'Exit status', '--config-file'):
            self.assertIn(word, out)

    def test_wrong_usage(self) -> None:
        for arguments in ((), ('unknown',), ('check', '--unknown')):
            status, out, err = self.run_command(*arguments)
            self.assertEqual((2, ''), (status, out))
            self.assertIn('usage:', err)

    def test_it_shows_a_version(self) -> None:
        status, out, _ = self.run_command('--version')
        self.assertEqual(0, status)
        self.assertRegex(out, r'^\d+\.\d+')
