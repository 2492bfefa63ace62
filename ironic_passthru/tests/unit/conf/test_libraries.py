# SPDX-License-Identifier: Apache-2.0
"""Options of libraries that are listed."""

import inspect
from importlib import metadata

from oslo_db.sqlalchemy import engines

from ironic_passthru.conf import database
from ironic_passthru.conf import libraries
from ironic_passthru.tests import base

# Of transactions, which oslo.db or the service reads.
_TRANSACTIONS = {
    *('connection', 'connection_parameters', 'db_max_retries'),
    *('slave_connection', 'synchronous_reader'),
}


class TestLibraries(base.TestCase):
    """conf/libraries.py."""

    def setUp(self) -> None:
        super().setUp()
        self.listed = {
            (group, option.dest)
            for group, options in libraries.list_opts()
            for option in options
        }

    def test_the_database_uses_each_option(self) -> None:
        used = _TRANSACTIONS | {
            *inspect.signature(engines.create_engine).parameters
        }
        names = {name for group, name in self.listed if group == 'database'}
        self.assertEqual(set(), names - used)
        self.assertEqual(
            libraries.NO_EFFECT['database'],
            {option.dest for option in database.OPTS} - used,
        )

    def test_names_without_effect_exist(self) -> None:
        known = set()
        for namespace in libraries.NAMESPACES:
            (point,) = metadata.entry_points(
                group='oslo.config.opts', name=namespace
            )
            for group, options in point.load()():
                name = str(getattr(group, 'name', group) or 'DEFAULT')
                known |= {(name, option.dest) for option in options}
        hidden = {
            (group, name)
            for group, names in libraries.NO_EFFECT.items()
            for name in names
        }
        self.assertEqual(set(), hidden - known)
        self.assertEqual(set(), hidden & self.listed)
        groups = {group for group, _ in known}
        self.assertEqual(set(), libraries.UNUSED_GROUPS - groups)
