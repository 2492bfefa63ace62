# SPDX-License-Identifier: Apache-2.0
"""Errors of values that are checked before a change is sent."""

from collections.abc import Sequence

from ironic_passthru.drivers.redfish import failures

_MAX_SHOWN = 20


def value_not_allowed(
    name: str, value: object, allowed: Sequence[object]
) -> failures.Item:
    """Return the item of a target that does not accept a value.

    :param name: parameter of the method.
    :param allowed: values or ranges that the BMC accepts, without control
        characters.
    """
    shown = ', '.join(map(str, allowed[:_MAX_SHOWN]))
    more = len(allowed) - _MAX_SHOWN
    return refused(
        'value_not_allowed',
        f'{name}: the BMC does not allow {value}; it allows {shown}'
        + (f' and {more} more' if more > 0 else '')
        + '. Nothing was sent.',
    )


def refused(code: str, message: str) -> failures.Item:
    """Return the item of a target with an error of a method's own."""
    return failures.BmcFailure(code, True, message).item()
