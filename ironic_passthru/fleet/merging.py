# SPDX-License-Identifier: Apache-2.0
"""Results of calls that several conductors ran in parts."""

import dataclasses
import functools
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ironic_passthru import operation
from ironic_passthru.fleet import summary

#: Code of the errors of targets whose part has an unknown outcome.
OUTCOME_UNKNOWN = 'outcome_unknown'

_NO_ITEM = operation.Error(
    message='The conductor returned no item of this target.',
    status=500,
    code='no_item',
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of a part.

    :param targets: names of its targets.
    :param state: final state of the part; ``expired`` if it certainly did
        not run, ``unknown`` if it may have run.
    :param result: its result, or a part of it; None without a result.
    :param error: why it did not succeed.
    """

    targets: Sequence[str]
    state: operation.State
    result: Any = None
    error: operation.Error | None = None

    @functools.cached_property
    def items(self) -> Mapping[str, Any]:
        """The items that the part returned, by name of the target."""
        items = (
            self.result.get('items') if isinstance(self.result, dict) else None
        )
        if not isinstance(items, dict):
            return {}
        return {
            name: items[name]
            for name in self.targets
            if isinstance(items.get(name), dict)
        }

    def item(self) -> dict[str, Any]:
        """Return the item of a target without an own one."""
        error = self.error or _NO_ITEM
        code = _CODES.get(self.state, error.code)
        return {
            'reachable': None,
            'error': {'code': code, 'message': error.message},
        }


_CODES = {
    operation.State.EXPIRED: summary.NOT_ATTEMPTED,
    operation.State.UNKNOWN: OUTCOME_UNKNOWN,
}


@dataclasses.dataclass(frozen=True)
class Merged:
    """The outcome of a call.

    :param state: its final state.
    :param result: its result, or a part of it; None without a result.
    :param error: why it did not succeed.
    """

    state: operation.State
    result: Any = None
    error: operation.Error | None = None

    @property
    def text(self) -> str | None:
        """The result in JSON; None without a result."""
        return None if self.result is None else json.dumps(self.result)


def merged(
    outcomes: Sequence[Outcome], *, require_all: bool = False
) -> Merged:
    """Return the outcome of a call with the items of all parts.

    A call without any item of a driver has the error of its parts, if they
    agree: it certainly did not run if none of them did.

    :param outcomes: those of all parts, at least one.
    :param require_all: whether every target must succeed.
    """
    items = {
        name: outcome.items.get(name) or outcome.item()
        for outcome in outcomes
        for name in outcome.targets
    }
    states = {outcome.state for outcome in outcomes}
    if operation.State.CANCELLED in states:
        return Merged(operation.State.CANCELLED, summary.counted(items))
    if not any(outcome.items for outcome in outcomes):
        common = _common_error(outcomes, states)
        if common is not None:
            return common
    try:
        return Merged(
            operation.State.SUCCEEDED,
            summary.of(items, require_all=require_all),
        )
    except summary.TargetsFailed as failed:
        return Merged(
            operation.State.FAILED,
            failed.partial_result,
            operation.Error(failed.message, failed.status, failed.code),
        )


def _common_error(
    outcomes: Sequence[Outcome], states: set[operation.State]
) -> Merged | None:
    """Return the outcome of parts that failed in the same way."""
    unknown, expired = operation.State.UNKNOWN, operation.State.EXPIRED
    if unknown in states and states <= {unknown, expired}:
        return Merged(unknown)
    (first, *others) = [outcome.error for outcome in outcomes]
    if states == {expired}:
        return Merged(expired, error=first)
    codes = {error.code for error in others if error is not None}
    if first is not None and None not in others and codes <= {first.code}:
        return Merged(operation.State.FAILED, error=first)
    return None
