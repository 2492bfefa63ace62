# SPDX-License-Identifier: Apache-2.0
"""Tests of the store of operations on SQLite."""

from ironic_passthru.tests.unit.db import operation_cases
from ironic_passthru.tests.unit.db import sqlite


class TestSQLite(sqlite.SQLiteCase, *operation_cases.ALL_CASES):
    """All that holds on every database."""
