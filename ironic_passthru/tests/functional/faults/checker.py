# SPDX-License-Identifier: Apache-2.0
"""Compare responses with executions and recorded operations.

For each key there are attempts (requests and responses of a client),
executions (recorded by the driver) and operations (read from the registry).
Each of them limits the number of executions::

    200                             exactly 1
    202                             as stated by its operation
    500 of a method that fails      exactly 1
    4xx, 503, connection refused    0
    504, no answer                  0 or 1

    operation succeeded, failed     exactly 1
    operation unknown               0 or 1
    operation expired, cancelled    0
    operation failed with 400       0

A call with targets counts as one call for each of them. The item of a target
replaces the response and the state of the operation::

    success                         200, succeeded
    not_attempted                   503, expired
    outcome_unknown                 504, unknown
    invalid_parameter_value         400, failed with 400
    no item, another code           500, failed
"""

import collections
import collections.abc
import dataclasses
import itertools
from typing import Any

from ironic_passthru.tests.functional.faults import driver
from ironic_passthru.tests.functional.faults import history

Kind = history.Kind

EXACTLY_ONE = (1, 1)
NONE = (0, 0)
NONE_OR_ONE = (0, 1)

_STATES = {
    'succeeded': EXACTLY_ONE,
    'failed': EXACTLY_ONE,
    'unknown': NONE_OR_ONE,
    'expired': NONE,
    'cancelled': NONE,
    # Failed, because the driver rejected the parameters.
    'rejected': NONE,
    # An item of a cancelled operation: the method may have failed later.
    'done': EXACTLY_ONE,
}

_CODES = {
    '': (200, 'succeeded'),
    'not_attempted': (503, 'expired'),
    'outcome_unknown': (504, 'unknown'),
    'invalid_parameter_value': (400, 'rejected'),
}

#: Exceptions that occur when no request was sent.
REFUSED = 'ConnectionRefusedError'


@dataclasses.dataclass(frozen=True)
class Operation:
    """The operation of a call in the registry.

    :param id: id in the response.
    :param key: argument of the method.
    :param codes: those of the items of its result, as in
        :class:`history.Attempt`.
    """

    id: str
    key: str
    state: str
    codes: collections.abc.Mapping[str, str] | None = None


@dataclasses.dataclass(frozen=True)
class Violation:
    """A violated promise.

    :param key: key of the call.
    :param rule: name of the function of this module that checks it.
    :param detail: the observation.
    """

    key: str
    rule: str
    detail: str


@dataclasses.dataclass(frozen=True)
class Call:
    """Attempts, executions and operations with one key."""

    key: str
    attempts: tuple[history.Attempt, ...]
    executions: tuple[driver.Execution, ...]
    operations: tuple[Operation, ...]

    @property
    def fails(self) -> bool:
        """Whether the method is requested to fail."""
        return any(attempt.fails for attempt in self.attempts)

    @property
    def recorded(self) -> bool:
        """Whether each execution needs an operation."""
        return any(
            attempt.kind is not Kind.SYNC or attempt.idempotent
            for attempt in self.attempts
        )


def check(
    attempts: collections.abc.Sequence[history.Attempt],
    *,
    executions: collections.abc.Sequence[driver.Execution],
    operations: collections.abc.Sequence[Operation],
) -> list[Violation]:
    """Return every violation.

    :param operations: operations after the time limit for final states.
    """
    targets = {attempt.key: attempt.targets for attempt in attempts}
    operations = [
        one
        for operation in operations
        for one in _operations(operation, targets.get(operation.key, ()))
    ]
    asked = _by_key(one for each in attempts for one in _attempts(each))
    done = _by_key(executions)
    recorded = _by_key(operations)
    known = {operation.id: operation for operation in operations}
    violations = []
    for key in {**asked, **done, **recorded}:
        call = Call(
            key=key,
            attempts=tuple(asked.get(key, ())),
            executions=tuple(done.get(key, ())),
            operations=tuple(recorded.get(key, ())),
        )
        faults = (
            *itertools.chain.from_iterable(rule(call) for rule in RULES),
            *record_of_the_answer(call, known),
        )
        violations += [Violation(key, *fault) for fault in faults]
    return violations


Faults = collections.abc.Iterator[tuple[str, str]]


def asked_for(call: Call) -> Faults:
    """Every execution and every operation belongs to a request."""
    if not call.attempts:
        yield (
            'asked_for',
            f'{len(call.executions)} executions, '
            f'{len(call.operations)} operations',
        )


def at_most_once(call: Call) -> Faults:
    """No call runs twice."""
    if len(call.executions) > 1:
        places = [f'{e.host}:{e.pid}' for e in call.executions]
        yield 'at_most_once', f'ran at {places}'


def as_answered(call: Call) -> Faults:
    """The number of executions matches the responses."""
    bounds = [bounds_of_answer(attempt) for attempt in call.attempts]
    if not bounds:
        return
    low = max(low for low, _ in bounds)
    high = max(high for _, high in bounds)
    count = len(call.executions)
    if not low <= min(count, 1) <= high:
        outcomes = [attempt.outcome for attempt in call.attempts]
        yield 'as_answered', f'{count} executions, answered {outcomes}'


def as_recorded(call: Call) -> Faults:
    """The number of executions matches the operations."""
    bounds = [_STATES.get(o.state, NONE_OR_ONE) for o in call.operations]
    low = sum(low for low, _ in bounds)
    high = sum(high for _, high in bounds) if call.recorded else 1
    count = len(call.executions)
    if not low <= min(count, 1) <= high:
        states = [operation.state for operation in call.operations]
        yield 'as_recorded', f'{count} executions, recorded {states}'


def final(call: Call) -> Faults:
    """Every operation reaches a final state."""
    for operation in call.operations:
        if operation.state not in _STATES:
            yield 'final', f'{operation.id} is {operation.state}'


def true_outcome(call: Call) -> Faults:
    """An operation succeeds or fails as its method does."""
    wrong = 'succeeded' if call.fails else 'failed'
    for operation in call.operations:
        if call.attempts and operation.state == wrong:
            yield 'true_outcome', f'{operation.id} has {wrong}'


def one_record(call: Call) -> Faults:
    """An attempt creates one operation; attempts with one key share it.

    An operation that certainly did not run does not prevent another one.
    """
    attempts = len(call.attempts)
    counted = call.operations
    if any(attempt.idempotent for attempt in call.attempts):
        attempts = 1
        counted = tuple(
            o for o in counted if _STATES.get(o.state, NONE_OR_ONE) != NONE
        )
    if call.attempts and len(counted) > attempts:
        found = [(operation.id, operation.state) for operation in counted]
        yield 'one_record', f'{found} for {attempts}'


def fitting_answer(call: Call) -> Faults:
    """A valid request gets the status of its kind, 503 or 504."""
    for attempt in call.attempts:
        if attempt.status is None or attempt.status in _fitting(attempt):
            continue
        yield 'fitting_answer', f'{attempt.kind.value}: {attempt.status}'


def sent_again_for_cause(call: Call) -> Faults:
    """A client retries only calls that certainly did not run.

    This is a promise of the clients of the tests; without it, several
    attempts would prove nothing.
    """
    for attempt in call.attempts[:-1]:
        if not attempt.idempotent and bounds_of_answer(attempt) != NONE:
            yield 'sent_again_for_cause', f'after {attempt.outcome}'


def record_of_the_answer(
    call: Call, known: collections.abc.Mapping[str, Operation]
) -> Faults:
    """The operation in a response exists; each 202 names one."""
    for attempt in call.attempts:
        if not attempt.operation:
            if attempt.status == 202:
                yield 'record_of_the_answer', '202 without Location'
            continue
        operation = known.get(attempt.operation)
        if operation is None:
            yield (
                'record_of_the_answer',
                f'{attempt.outcome} points at {attempt.operation}, '
                'which is not there',
            )
        elif operation.key != call.key:
            yield (
                'record_of_the_answer',
                f'{attempt.outcome} points at the operation of '
                f'{operation.key}',
            )


RULES: tuple[collections.abc.Callable[[Call], Faults], ...] = (
    asked_for,
    at_most_once,
    as_answered,
    as_recorded,
    final,
    true_outcome,
    one_record,
    fitting_answer,
    sent_again_for_cause,
)


def bounds_of_answer(attempt: history.Attempt) -> tuple[int, int]:
    """Return the possible numbers of executions for a response."""
    status = attempt.status
    if status is None:
        return NONE if attempt.error == REFUSED else NONE_OR_ONE
    if status == 200 or (status == 500 and attempt.fails):
        return EXACTLY_ONE
    if status == 503 or 400 <= status < 500:
        return NONE
    return NONE_OR_ONE


def _attempts(attempt: history.Attempt) -> list[history.Attempt]:
    """Return an attempt for each target of a call."""
    if not attempt.targets:
        return [attempt]
    return [
        dataclasses.replace(
            attempt,
            key=history.of_target(attempt.key, target),
            status=_outcome(attempt, target, attempt.status, 0),
            operation=attempt.operation
            and history.of_target(attempt.operation, target),
        )
        for target in attempt.targets
    ]


def _operations(
    operation: Operation, targets: collections.abc.Sequence[str]
) -> list[Operation]:
    """Return an operation for each target of a call."""
    if not targets:
        return [operation]
    return [
        Operation(
            id=history.of_target(operation.id, target),
            key=history.of_target(operation.key, target),
            state=_outcome(operation, target, operation.state, 1),
        )
        for target in targets
    ]


def _outcome(
    thing: history.Attempt | Operation, target: str, whole: Any, column: int
) -> Any:
    """Return the status or state of a target."""
    codes = thing.codes
    if codes is None and whole in (200, 'succeeded'):
        codes = {}
    if codes is None:
        return whole
    if whole == 'cancelled' and codes.get(target) == '':
        return 'done'
    return _CODES.get(codes.get(target), (500, 'failed'))[column]


def _fitting(attempt: history.Attempt) -> tuple[int, ...]:
    done = 500 if attempt.fails else 200
    usual = (done if attempt.kind is Kind.SYNC else 202, 503, 504)
    if attempt.idempotent:
        # The first attempt runs or has run.
        return (*usual, 409)
    return usual


def _by_key(
    things: collections.abc.Iterable,
) -> dict[str, list]:
    found: dict[str, list] = collections.defaultdict(list)
    for thing in things:
        found[thing.key].append(thing)
    return dict(found)
