# SPDX-License-Identifier: Apache-2.0
"""Commands for conductors and health."""

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from ironic_passthru.client.osc import base

_CHECK = ('healthy', 'detail')
_CONDUCTOR = ('hostname', 'conductor_group', 'alive', 'drivers', 'updated_at')


class ListConductor(base.PassthruLister):
    """List the registered conductors."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Any]]:
        """Return columns and rows."""
        found = self.client.conductors()
        return _CONDUCTOR, [base.row(each, _CONDUCTOR) for each in found]


class ShowHealth(base.PassthruLister):
    """Show the health of the service and of what it depends on."""

    _healthy = False

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Any]]:
        """Return columns and rows."""
        health = self.client.health()
        self._healthy = health.healthy
        return ('check', *_CHECK), [
            [base.cell(name), *map(base.cell, map(result.get, _CHECK))]
            for name, result in health.checks.items()
        ]

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; fail unless the service is healthy."""
        code = super().run(parsed_args)
        return code or (base.EXIT_OK if self._healthy else base.EXIT_FAILED)
