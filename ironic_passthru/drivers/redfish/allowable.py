# SPDX-License-Identifier: Apache-2.0
"""Values that a BMC accepts, checked before a change is sent."""

from collections.abc import Sequence

from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource

_MAX_SHOWN = 20


def values(
    client: bmc_client.BmcClient, action: resource.ActionInfo, parameter: str
) -> list[str]:
    """Return the values that a parameter of an action accepts.

    They are part of the action, or of the resource that
    ``@Redfish.ActionInfo`` names (DSP0266).

    :returns: an empty list if the BMC does not report them.
    """
    found = action.allowable(parameter)
    path = action.info.value('@Redfish.ActionInfo')
    if found or not isinstance(path, str):
        return found
    try:
        info = client.get(path)
    except (failures.Rejected, failures.BadAnswer, failures.ServerError):
        return []
    return [
        value
        for each in info.mappings('Parameters')
        if each.text('Name') == parameter
        for value in each.texts('AllowableValues')
    ]


def check(name: str, value: str, allowed: Sequence[str]) -> None:
    """Check a value; any is accepted if ``allowed`` is empty.

    :param name: of the parameter of the method.
    :raises: ValueNotAllowed.
    """
    if not allowed or value in allowed:
        return
    more = len(allowed) - _MAX_SHOWN
    raise failures.ValueNotAllowed(
        f'{name} is {resource.printable(value)}, but the BMC accepts only: '
        f'{", ".join(allowed[:_MAX_SHOWN])}'
        + (f' and {more} more' if more > 0 else '')
        + '; nothing was changed.'
    )
