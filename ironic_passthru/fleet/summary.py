# SPDX-License-Identifier: Apache-2.0
"""Results of calls over many targets, and errors of such calls."""

import collections
from collections.abc import Mapping
from typing import Any
from typing import TYPE_CHECKING

from ironic_passthru import errors

if TYPE_CHECKING:
    # The API does not import pydantic.
    from ironic_passthru.fleet import results

#: Code of the errors of targets to which nothing was sent.
NOT_ATTEMPTED = 'not_attempted'

# Numbers of targets and codes in an error message.
_MAX_TARGETS = 5
_MAX_CODES = 5


class TargetsFailed(errors.DriverError):
    """Too few targets succeeded.

    :param result: the result with the items of all targets.
    """

    code = 'targets_failed'
    status = 502

    def __init__(self, result: 'results.FleetResult[Any]') -> None:
        super().__init__(_describe(result))
        self.partial_result = result


def of(
    items: dict[str, Any], *, require_all: bool = False
) -> 'results.FleetResult[Any]':
    """Return the result of a call.

    :param require_all: whether every target must succeed.
    :raises: TargetsFailed, also if there are targets and none succeeded.
    """
    result = counted(items)
    numbers = result['summary']
    complete = numbers['succeeded'] == numbers['total']
    if not complete and (require_all or not numbers['succeeded']):
        raise TargetsFailed(result)
    return result


def counted(items: dict[str, Any]) -> 'results.FleetResult[Any]':
    """Return the result of a call whatever its items are."""
    codes = collections.Counter(_codes(items).values())
    not_attempted = codes[NOT_ATTEMPTED]
    return {
        'items': items,
        'summary': {
            'total': len(items),
            'succeeded': len(items) - codes.total(),
            'failed': codes.total() - not_attempted,
            'not_attempted': not_attempted,
        },
    }


def _codes(items: Mapping[str, Any]) -> dict[str, str]:
    """Return the error codes of targets by name."""
    return {
        name: item['error']['code']
        for name, item in items.items()
        if 'error' in item
    }


def _describe(result: 'results.FleetResult[Any]') -> str:
    codes = _codes(result['items'])
    counted = collections.Counter(codes.values()).most_common()
    shown = [f'{count} {code}' for code, count in counted[:_MAX_CODES]]
    if counted[_MAX_CODES:]:
        shown.append('others')
    names = list(codes)[:_MAX_TARGETS]
    more = len(codes) - len(names)
    return (
        f'{len(codes)} of {result["summary"]["total"]} targets did not '
        f'succeed ({", ".join(shown)}): {", ".join(names)}'
        + (f' and {more} more' if more else '')
    )
