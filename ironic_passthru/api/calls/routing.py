# SPDX-License-Identifier: Apache-2.0
"""Routes of calls to the conductors that serve their targets."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.api.registry import target_index
from ironic_passthru.fleet import selector
from ironic_passthru.rpc import protocol

# Parameters that count or order all targets of a call.
_NEED_ONE_CONDUCTOR = ('batch', 'max_failures')

# Number of names in a message.
_MAX_SHOWN = 5

# The schema of the parameter ``targets`` allows so many.
_MAX_TARGETS = 10_000


@dataclasses.dataclass(frozen=True)
class CheckedCall:
    """A call that passed all checks.

    :param parameters: JSON values that match the schema of the method.
    :param servers: live conductors that offer the method, and that the
        caller may use.
    :param targets: the targets that these conductors serve.
    :param conductor_group: the only group that may run it; None for any.
    """

    driver: str
    method: spec.MethodSpec
    http_method: str
    parameters: Mapping[str, Any]
    servers: Sequence[protocol.ConductorAddress]
    targets: target_index.TargetIndex
    conductor_group: str | None = None


@dataclasses.dataclass(frozen=True)
class CallPart:
    """The part of a call that one conductor runs.

    :param servers: conductors of which one runs the part; empty if none that
        serves its targets is alive.
    :param parameters: those of the call, with the targets of the part.
    :param targets: names of the targets; empty if they are not known.
    :param routed: whether the servers publish these targets.
    """

    servers: Sequence[protocol.ConductorAddress]
    parameters: Mapping[str, Any]
    targets: tuple[str, ...] = ()
    routed: bool = False


def parts(call: CheckedCall) -> list[CallPart]:
    """Return the parts of a call, usually one.

    :raises: InvalidParameterValue or MissingParameterValue if the parameters
        select no target, or targets that the call cannot be split for;
        TargetsUnavailable if no live conductor serves a named target.
    """
    if not call.targets.sites or not call.method.target:
        return [CallPart(call.servers, call.parameters)]
    if call.method.selects_targets:
        return _selected(call)
    names = call.method.targets(call.parameters)
    index = call.targets
    servers = index.serving(names)
    if servers:
        return [
            CallPart(
                servers, call.parameters, tuple(names), routed=bool(names)
            )
        ]
    # Conductors that publish no targets may serve them.
    if not index.unlisted:
        if unavailable := index.unavailable(names):
            raise errors.TargetsUnavailable(names=selector.shown(unavailable))
        if all(name in index.tags for name in names):
            raise errors.InvalidParameterValue(
                'no conductor serves all targets of the call: '
                f'{selector.shown(sorted(names))}; send a call for each'
            )
    # Any conductor reports the error.
    return [CallPart(index.unlisted or call.servers, call.parameters)]


def _selected(call: CheckedCall) -> list[CallPart]:
    """Return the parts of a call whose parameters select targets."""
    index = call.targets
    if index.sites == 1 and not index.unlisted:
        return [CallPart(call.servers, call.parameters)]
    try:
        names = selector.select(
            index.tags,
            call.parameters,
            required_by=(
                None if call.http_method == 'GET' else call.method.name
            ),
        )
    except errors.InvalidParameterValue:
        if index.unlisted:
            return [CallPart(index.unlisted, call.parameters)]
        raise
    sites = index.split(names)
    if len(sites) == 1:
        # Other conductors may serve these targets, too.
        sites = [(index.serving(names), names)]
    found = [
        CallPart(
            servers or index.unlisted,
            _with_targets(call.parameters, each[start : start + _MAX_TARGETS]),
            tuple(each[start : start + _MAX_TARGETS]),
            routed=bool(servers),
        )
        for servers, each in sites
        for start in range(0, len(each), _MAX_TARGETS)
    ]
    live = [part for part in found if part.servers]
    if not live:
        raise errors.TargetsUnavailable(names=selector.shown(names))
    if len(live) > 1:
        _check_divisible(call, live)
    return found


def _with_targets(
    parameters: Mapping[str, Any], names: list[str]
) -> Mapping[str, Any]:
    """Return the parameters of a part: names instead of a selection.

    The number of all targets is already checked.
    """
    if names == [parameters.get('target')] and not parameters.get('exclude'):
        return parameters
    kept = {
        name: value
        for name, value in parameters.items()
        if name not in selector.PARAMETERS and name != 'expected_targets'
    }
    return {**kept, 'targets': names}


def _check_divisible(call: CheckedCall, found: list[CallPart]) -> None:
    """Reject calls whose parts cannot run independently.

    :raises: InvalidParameterValue.
    """
    given = [
        name
        for name in _NEED_ONE_CONDUCTOR
        if call.parameters.get(name) is not None
    ]
    if not given and not call.method.attach:
        return
    needed_by = ' and '.join(given) or f'an attachment of {call.method.name}'
    sites = '; '.join(
        f'{part.servers[0].hostname}: '
        f'{selector.shown(part.targets, _MAX_SHOWN)}'
        for part in found[:_MAX_SHOWN]
    )
    raise errors.InvalidParameterValue(
        f'{needed_by} needs all targets on one conductor, but several '
        f'conductors serve them: {sites}'
    )
