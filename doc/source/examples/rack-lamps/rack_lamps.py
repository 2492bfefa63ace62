# SPDX-License-Identifier: Apache-2.0
"""A driver for the signal lamps on top of racks."""

import threading
from typing import Literal

from ironic_passthru import errors
from ironic_passthru.drivers import base


class RackLamps(base.VendorInterface):
    """Signal lamps, simulated in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lamps = {'r1': 'off', 'r2': 'off'}

    @base.driver_passthru(['GET'], async_call=False)
    def lamps(self) -> dict[str, str]:
        """Return the state of every lamp."""
        with self._lock:
            return dict(self._lamps)

    @base.driver_passthru(['PUT'], async_call=False)
    def set_lamp(
        self, rack: str, state: Literal['off', 'on', 'blinking'] = 'on'
    ) -> None:
        """Switch the lamp of one rack."""
        with self._lock:
            if rack not in self._lamps:
                raise errors.InvalidParameterValue(f'there is no rack {rack}')
            self._lamps[rack] = state
