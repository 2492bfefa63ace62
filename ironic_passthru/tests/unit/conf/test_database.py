# SPDX-License-Identifier: Apache-2.0
"""Tests of the database options."""

import pathlib
import shutil
import tempfile

import sqlalchemy as sa

from ironic_passthru.conf import database
from ironic_passthru.tests import base


class TestDatabase(base.TestCase):
    """Defaults, and the default file."""

    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.path = pathlib.Path(directory, 'a', 'state')

    def test_unavailable_database_is_reported_at_once(self) -> None:
        conf = self.make_conf()
        self.assertEqual(0, conf.database.max_retries)
        self.assertIsNone(conf.database.connection)

    def test_default_is_a_file_in_a_private_directory(self) -> None:
        conf = self.make_conf(state_path=str(self.path))
        url = sa.make_url(database.default_connection(conf))
        self.assertEqual(str(self.path / 'registry.sqlite'), url.database)
        self.assertEqual(0o700, self.path.stat().st_mode & 0o777)
        self.assertEqual(
            str(url), database.default_connection(conf), 'a second time'
        )
