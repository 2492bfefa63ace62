# SPDX-License-Identifier: Apache-2.0
"""A driver with a long-running method and validation before it."""

from typing import Annotated
from typing import Any

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base


class LampParade(base.VendorInterface):
    """Switches the lamps of racks repeatedly."""

    def get_properties(self) -> dict[str, str]:
        return {'rack': 'Name of a rack, such as r1. Required.'}

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        if kwargs.get('rack') not in ('r1', 'r2'):
            raise errors.InvalidParameterValue('there are r1 and r2')

    # Asynchronous (the default), since it may take minutes.
    @base.driver_passthru(['POST'], target='rack', timeout=600)
    def parade(
        self,
        context: request_context.RequestContext,
        rack: str,
        rounds: Annotated[int, pydantic.Field(ge=1, le=100)] = 3,
    ) -> str:
        """Switch the lamp of one rack through its states."""
        for done in range(rounds):
            if context.cancel_requested:
                raise errors.Cancelled()
            context.report_progress(100 * done / rounds, f'round {done + 1}')
            # Send the commands to the hardware here.
        return f'{rack} did {rounds} rounds'
