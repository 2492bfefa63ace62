# SPDX-License-Identifier: Apache-2.0
"""Method that lists targets."""

from typing import Unpack

from typing_extensions import TypedDict

from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection
from ironic_passthru.fleet import summary


class ListedTarget(TypedDict):
    """A target of the inventory."""

    tags: list[str]
    conductor_group: str
    """Group of the conductor that reaches the target."""


class TargetMethods(fleet.FleetMethods):
    """The method ``targets``."""

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def targets(
        self, **options: Unpack[selection.Selection]
    ) -> results.FleetResult[ListedTarget]:
        """Return tags and conductor group of targets; send nothing to BMCs."""
        return summary.of(
            {
                target.name: {
                    'tags': sorted(target.tags),
                    'conductor_group': self._conductor_group,
                }
                for target in self._select(options)
            }
        )
