# SPDX-License-Identifier: Apache-2.0
"""Record of refusals, heartbeats and ended operations."""

import types
from typing import Any

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import events
from ironic_passthru.conductor import watched
from ironic_passthru.metrics import observer
from ironic_passthru.tests import base


class _Recorder(observer.Metrics):
    """Keeps what it receives."""

    def __init__(self) -> None:
        self.received: list[Any] = []

    def call_refused(self, error: errors.PassthruError) -> None:
        self.received.append(error.code)

    def operation_changed(self, state: str) -> None:
        self.received.append(state)

    def heartbeat(self, *, written: bool) -> None:
        self.received.append(written)


class TestWatched(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.metrics = _Recorder()

    def test_only_calls_that_did_not_run_are_refusals(self) -> None:
        def run(_context: object, error: Exception) -> None:
            raise error

        runner = watched.WatchedRunner(
            types.SimpleNamespace(run=run, driver=None),  # type: ignore[arg-type]
            self.metrics,
        )
        for error in (
            errors.ConductorBusy(),
            errors.DriverFailed(),
            errors.OperationCancelled(operation='x'),
            errors.DuplicateCall(),
        ):
            self.assertRaises(type(error), runner.run, None, error)
        self.assertEqual(
            ['conductor_busy', 'duplicate_call'], self.metrics.received
        )

    def test_a_heartbeat_that_is_not_written_is_skipped(self) -> None:
        def fail() -> bool:
            raise errors.RegistryUnavailable()

        for write, ready in (
            (lambda: True, lambda: True),
            (fail, lambda: True),
            (lambda: True, lambda: False),
        ):
            write, ready = watched.heartbeats(self.metrics, write, ready)
            if ready():
                try:
                    write()
                except errors.RegistryUnavailable:
                    continue
        self.assertEqual([True, False, False], self.metrics.received)

    def test_ended_operations_have_the_state_of_the_registry(self) -> None:
        found = types.SimpleNamespace(state=operation.State.UNKNOWN)
        records = {'a': found, 'b': None}
        watching = watched.events_of(
            events.NO_EVENTS,
            self.metrics,
            records.get,  # type: ignore[arg-type]
        )
        watching.ended(['a', 'b'])
        self.assertEqual(['unknown'], self.metrics.received)
