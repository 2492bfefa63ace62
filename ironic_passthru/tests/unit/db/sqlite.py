# SPDX-License-Identifier: Apache-2.0
"""Test case with a registry in an SQLite file."""

import pathlib
import shutil
import tempfile

from ironic_passthru.conf import database as database_conf
from ironic_passthru.tests.unit.db import cases


class SQLiteCase(cases.RegistryCase):
    """A test with a conductor store in an SQLite file."""

    def new_path(self) -> pathlib.Path:
        """Return the path of a missing file."""
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        return pathlib.Path(directory, 'registry.sqlite')

    def new_url(self) -> str:
        return database_conf.sqlite_url(self.new_path())
