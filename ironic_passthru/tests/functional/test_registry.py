# SPDX-License-Identifier: Apache-2.0
"""The registry on private PostgreSQL and MariaDB servers."""

from ironic_passthru.tests.functional import registry
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.unit.db import cases
from ironic_passthru.tests.unit.db import operation_cases


class TestPostgreSQL(
    registry.ServerCases, *cases.ALL_CASES, *operation_cases.ALL_CASES
):
    """The registry on PostgreSQL."""

    @classmethod
    def make_server(cls) -> servers.PostgreSQL:
        return servers.PostgreSQL()

    def refusing_url(self) -> str:
        return 'postgresql://somebody:hunter2@127.0.0.1:1/registry'


class TestMariaDB(
    registry.ServerCases, *cases.ALL_CASES, *operation_cases.ALL_CASES
):
    """The registry on MariaDB."""

    @classmethod
    def make_server(cls) -> servers.MariaDB:
        return servers.MariaDB()

    def refusing_url(self) -> str:
        return 'mysql://somebody:hunter2@127.0.0.1:1/registry'
