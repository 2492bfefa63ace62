# SPDX-License-Identifier: Apache-2.0
"""A runner with a registry of operations in memory."""

import dataclasses
import threading
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from oslo_db import exception as db_exc

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import admission
from ironic_passthru.conductor import events
from ironic_passthru.conductor import operation_tracker
from ironic_passthru.conductor import operation_writer
from ironic_passthru.conductor import runner
from ironic_passthru.drivers import loader
from ironic_passthru.tests import base


class FakeRecords:
    """The registry of operations, as far as a conductor writes it.

    :ivar away: whether the database cannot be reached.
    :ivar closed: whether the connection was given back.
    :ivar states: state of each operation, by id.
    :ivar new: operations as they were recorded, by id.
    :ivar moves: what moved them, in order.
    :ivar entered: counts the transactions.
    :ivar go_on: cleared, it lets every transaction wait.
    """

    def __init__(self) -> None:
        self.away = False
        self.closed = False
        self.states: dict[str, operation.State] = {}
        self.new: dict[str, operation.NewOperation] = {}
        self.moves: list[operation.Transition] = []
        self.batches: list[int] = []
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.go_on.set()

    def close(self) -> None:
        """Give back the connection."""
        self.closed = True

    def apply(self, changes: Sequence[operation.Change]) -> list[bool]:
        self.entered.release()
        self.go_on.wait(20)
        if self.away:
            raise errors.RegistryUnavailable()
        if len(changes) > 1 and any(map(self._exists, changes)):
            raise db_exc.DBDuplicateEntry()
        self.batches.append(len(changes))
        return [self._apply(change) for change in changes]

    def _exists(self, change: operation.Change) -> bool:
        return isinstance(change, operation.NewOperation) and (
            change.id in self.states
            or any(
                change.key and other.key == change.key
                for other in self.new.values()
            )
        )

    def _apply(self, change: operation.Change) -> bool:
        if isinstance(change, operation.NewOperation):
            if change.id in self.states:
                raise errors.DuplicateCall()
            for other in self.new.values():
                if change.key and other.key == change.key:
                    raise errors.KeyInUse(operation=other.id)
            self.new[change.id] = change
            self.states[change.id] = change.state
            return True
        if self.states.get(change.id) is not change.source:
            return False
        self.states[change.id] = change.target
        self.moves.append(change)
        return True


@dataclasses.dataclass(frozen=True)
class Conductor:
    """The parts of a conductor that calls go through."""

    runner: runner.Runner
    admission: admission.Admission
    writer: operation_writer.OperationWriter
    tracker: operation_tracker.OperationTracker
    records: FakeRecords


def conductor(
    case: base.TestCase,
    drivers: Mapping[str, loader.Driver],
    *,
    incarnation: str = 'one',
    queue_seconds: float = 60.0,
    max_result_size: int = 1 << 20,
    events: events.Events = events.NO_EVENTS,
    **bounds: Any,
) -> Conductor:
    """Return a conductor that ends with the test.

    :param events: publishes calls and operations.
    :param bounds: of :class:`admission.Bounds`.
    """
    values = {'sync_workers': 2, 'async_workers': 2, 'async_backlog': 0}
    values |= bounds
    store = FakeRecords()
    writer = operation_writer.OperationWriter(
        lambda: store,  # type: ignore[arg-type, return-value]
        retry_seconds=0.01,
    )
    admitted = admission.Admission(
        admission.Bounds(**values),
        incarnation=incarnation,
        drivers=len(drivers),
    )
    tracker = operation_tracker.OperationTracker(
        writer, hostname='host', incarnation=incarnation, events=events
    )
    made = runner.Runner(
        drivers,
        admission=admitted,
        tracker=tracker,
        workers=values['async_workers'],
        max_result_size=max_result_size,
        queue_seconds=queue_seconds,
        events=events,
    )
    writer.start()
    case.addCleanup(writer.close, 0.0)
    case.addCleanup(made.close)
    return Conductor(made, admitted, writer, tracker, store)
