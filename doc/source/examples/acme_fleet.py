# SPDX-License-Identifier: Apache-2.0
"""Driver of power strips, several of which a call can switch."""

from collections.abc import Mapping
from typing import Any
from typing import Literal
from typing import Unpack

from ironic_passthru.drivers import base
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection
from ironic_passthru.fleet import selector
from ironic_passthru.fleet import summary

STRIPS = {'r1-left': ['rack1'], 'r1-right': ['rack1'], 'r2-left': ['rack2']}


class OutletItem(results.ChangedItem):
    """The state of an outlet."""

    state: str
    """``on`` or ``off``."""


class AcmeStrips(base.VendorInterface):
    """Power strips that this conductor reaches."""

    def get_targets(self) -> Mapping[str, list[str]]:
        """Return the strips with their racks as tags."""
        return STRIPS

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        """Reject calls without a selection, and those for unknown strips."""
        self._select(kwargs, method)

    @base.driver_passthru(['PUT'], async_call=False, target=selection.NAMES)
    def outlet(
        self,
        *,
        state: Literal['on', 'off'],
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[OutletItem]:
        """Switch the first outlet of each strip."""
        items: dict[str, Any] = {}
        for name in self._select(options, 'outlet'):
            # Here the driver would send a request to the strip.
            items[name] = {'reachable': True, 'changed': True, 'state': state}
        return summary.of(items, require_all=options.get('require_all', False))

    def _select(self, parameters: Any, method: str) -> list[str]:
        tags = {name: frozenset(each) for name, each in STRIPS.items()}
        return selector.select(tags, parameters, required_by=method)
