# SPDX-License-Identifier: Apache-2.0
"""Tests of the database options."""

import pathlib
import shutil
import tempfile

import sqlalchemy as sa
from oslo_config import cfg

from ironic_passthru.conf import database
from ironic_passthru.tests import base


class TestDatabase(base.TestCase):
    """Defaults, and the file that is used without any configuration."""

    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.path = pathlib.Path(directory, 'a', 'state')

    def test_a_database_that_is_away_is_told_at_once(self) -> None:
        conf = self.make_conf()
        self.assertEqual(0, conf.database.max_retries)
        self.assertIsNone(conf.database.connection)

    def test_two_configurations_share_no_value(self) -> None:
        first, second = self.make_conf(), self.make_conf()
        first.set_override('connection', 'sqlite:///x', group='database')
        self.assertIsNone(second.database.connection)

    def test_the_default_is_a_file_in_a_private_directory(self) -> None:
        conf = self.make_conf(state_path=str(self.path))
        url = sa.make_url(database.default_connection(conf))
        self.assertEqual(str(self.path / 'registry.sqlite'), url.database)
        self.assertEqual(0o700, self.path.stat().st_mode & 0o777)
        self.assertEqual(
            str(url), database.default_connection(conf), 'a second time'
        )

    def test_the_sample_shows_our_defaults(self) -> None:
        saved = [(opt, opt.default) for opt in database.OPTS]
        for opt, default in saved:
            self.addCleanup(setattr, opt, 'default', default)
        database.set_sample_defaults()
        shown = {opt.name: opt.default for opt in database.OPTS}
        for name, value in database.DEFAULTS.items():
            self.assertEqual(value, shown[name], name)

    def test_registering_twice_is_harmless(self) -> None:
        conf = cfg.ConfigOpts()
        database.register_opts(conf)
        database.register_opts(conf)
