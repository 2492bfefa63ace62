# SPDX-License-Identifier: Apache-2.0
"""A driver for the signal lamps on top of racks."""

from typing import Annotated
from typing import Any
from typing import Literal

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base

Rack = Annotated[str, pydantic.Field(pattern='^r[0-9]{1,3}$')]


class RackLamps(base.VendorInterface):
    """Signal lamps; this one keeps them in memory."""

    def __init__(self) -> None:
        self._lamps: dict[str, str] = {'r1': 'off', 'r2': 'off'}

    def get_properties(self) -> dict[str, str]:
        return {'rack': 'Name of a rack, such as r1. Required.'}

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        rack = kwargs.get('rack')
        if rack is not None and rack not in self._lamps:
            raise errors.InvalidParameterValue(f'there is no rack {rack}')

    @base.driver_passthru(['GET'], async_call=False)
    def lamps(self) -> dict[str, str]:
        """Tell the state of every lamp."""
        return self._lamps

    @base.driver_passthru(['PUT'], async_call=False)
    def set_lamp(
        self, rack: Rack, state: Literal['off', 'on', 'blinking'] = 'on'
    ) -> None:
        """Switch the lamp of one rack."""
        self._lamps[rack] = state

    # Asynchronous, which is the default, for it may take a while.
    @base.driver_passthru(['POST'], target='rack')
    def cycle_lamp(
        self,
        context: request_context.RequestContext,
        rack: Rack,
        rounds: Annotated[int, pydantic.Field(ge=1, le=100)] = 3,
    ) -> str:
        """Switch the lamp of one rack through its states, many times."""
        for done in range(rounds):
            if context.cancel_requested:
                raise errors.VendorPassthruException(
                    f'stopped after {done} rounds'
                )
            context.report_progress(100 * done / rounds, f'round {done + 1}')
            for state in ('on', 'blinking', 'off'):
                self.set_lamp(rack, state)
        return f'{rack} did {rounds} rounds'
