# SPDX-License-Identifier: Apache-2.0
"""Method that reads and sets power limits."""

from typing import Annotated
from typing import Any
from typing import Unpack

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import power_limit
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_METHOD = 'power_cap'


class PowerCapOptions(selection.FleetOptions, total=False):
    """Parameters that select targets, and the limit."""

    watts: Annotated[
        Annotated[int, pydantic.Field(ge=1, le=1_000_000)] | None,
        pydantic.Field(
            description='Limit in watts, or null for no limit; only with PUT.'
        ),
    ]


class PowerCapItem(results.TargetItem, total=False):
    """Power limit and consumption of a target.

    After a change, the limit is absent if it could not be read.
    """

    limit_watts: float | None
    """Null if power is not limited."""
    consumed_watts: float | None
    minimum_watts: float | None
    """The lowest limit that the BMC accepts."""
    maximum_watts: float | None
    """The highest limit that the BMC accepts."""
    warnings: list[results.ReadWarning]
    """Resources that could not be read."""
    warning: str
    """That the limit is below the consumption; only with PUT."""
    changed: bool
    """Whether a change was sent; only with PUT."""


class PowerCapMethods(fleet.FleetMethods):
    """The method ``power_cap``."""

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        """Check, in addition, that only PUT has a limit.

        :raises: MissingParameterValue, InvalidParameterValue
        """
        if method == _METHOD:
            changes = kwargs.get('http_method') == 'PUT'
            if changes and 'watts' not in kwargs:
                raise errors.MissingParameterValue(
                    'PUT of power_cap needs watts: a number, or null for no '
                    'limit'
                )
            if not changes and 'watts' in kwargs:
                raise errors.InvalidParameterValue(
                    'watts is not allowed with GET of power_cap, only with PUT'
                )
        super().driver_validate(method, **kwargs)

    @base.driver_passthru(
        ['GET', 'PUT'], async_call=False, target=selection.NAMES
    )
    def power_cap(
        self,
        context: request_context.RequestContext,
        http_method: str,
        **options: Unpack[PowerCapOptions],
    ) -> results.ChangeResult[PowerCapItem]:
        """Return power limit and consumption of targets, or set the limit."""
        if http_method == 'GET':
            return self._each(context, options, power_limit.read)
        watts = options['watts']
        return self._each(
            context,
            options,
            lambda machine: power_limit.change(machine, watts),
            change=True,
        )
