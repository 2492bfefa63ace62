# SPDX-License-Identifier: Apache-2.0
"""Method that lists targets."""

from typing import Unpack

from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import selection
from ironic_passthru.drivers.redfish import summary
from ironic_passthru.drivers.redfish.methods import fleet


class TargetMethods(fleet.FleetMethods):
    """The method ``targets``."""

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def targets(
        self, **options: Unpack[selection.Selection]
    ) -> summary.FleetResult:
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
