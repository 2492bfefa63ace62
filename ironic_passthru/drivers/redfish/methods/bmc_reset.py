# SPDX-License-Identifier: Apache-2.0
"""Method that restarts the BMC."""

from typing import Annotated
from typing import Literal
from typing import Unpack

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import allowable
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_RESET = '#Manager.Reset'

_ResetType = Annotated[
    Literal['GracefulRestart', 'ForceRestart'],
    pydantic.Field(description='Kind of restart.'),
]


class BmcResetItem(results.ChangedItem):
    """The restart of a BMC."""

    managers: list[str]
    """Ids of the restarted managers."""


class BmcResetMethods(fleet.FleetMethods):
    """The method ``reset_bmc``."""

    @base.driver_passthru(['POST'], async_call=False, target=selection.NAMES)
    def reset_bmc(
        self,
        context: request_context.RequestContext,
        *,
        reset_type: _ResetType = 'GracefulRestart',
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[BmcResetItem]:
        """Restart the BMCs of targets; their systems continue to run.

        ``managers`` lists the restarted ones, also if one of several fails.
        The method does not wait until they are reachable again.
        """
        return self._each(
            context,
            options,
            lambda machine: reset(machine, reset_type),
            change=True,
        )


def reset(machine: bmc.Bmc, reset_type: str) -> failures.Item:
    """Restart the managers of the system.

    All are checked first, because the BMC may be unreachable after the first
    restart.

    :returns: the item, with the first error, if any: managers that were
        restarted before it are listed.
    :raises: NotSupported; ValueNotAllowed.
    """
    managers = machine.managers()
    if not managers:
        raise failures.NotSupported()
    for manager in managers:
        action = manager.action(_RESET)
        if action is None:
            raise failures.NotSupported()
        allowed = allowable.of_action(machine.client, action, 'ResetType')
        allowable.check('reset_type', reset_type, allowed)
    done: list[str] = []
    error: failures.BmcError | None = None
    try:
        for manager in managers:
            machine.client.act(manager, _RESET, {'ResetType': reset_type})
            done.append(manager.identity)
    except failures.BmcError as exc:
        error = exc
    item = partial_reader.item_of_changes(error, done)
    return item | {'managers': done}
