# SPDX-License-Identifier: Apache-2.0
"""Errors at any line between the claim of a call and its last record."""

import contextlib
import linecache
import sys
from collections.abc import Callable
from collections.abc import Iterator
from types import CodeType
from types import FrameType
from typing import Any

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import operation_tracker
from ironic_passthru.conductor import results
from ironic_passthru.conductor import runner
from ironic_passthru.tests.unit.conductor import test_recorded

State = test_recorded.State

_FILES = {module.__file__ for module in (runner, operation_tracker, results)}

# Steps that let go of an operation: there is nothing left to fall back on.
_LAST_STEPS: set[CodeType] = {
    operation_tracker.OperationTracker._release.__code__,
    operation_tracker.OperationTracker.abandon.__code__,
}

# Lines that do nothing which could fail. Python passes those of blocks again
# at their end, where an error would skip what the block undoes.
_CANNOT_FAIL = (
    'try:',
    'with self._lock:',
    'with self._admission.admit(',
    'with self._executor.reserve(job.call.driver_name) as worker:',
)

_ERRORS: tuple[type[BaseException], ...] = (
    MemoryError,
    RecursionError,
    SystemExit,
)


class Injector:
    """Raises an error at the n-th line that a thread passes.

    :param last: number of that line, from 1.
    :ivar place: the line, once the error was raised.
    """

    def __init__(self, last: int, error: type[BaseException]) -> None:
        self._last = last
        self._error = error
        self._count = 0
        self.place: str | None = None

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Watch the calling thread."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        watched = code.co_filename in _FILES and code not in _LAST_STEPS
        return self._pass if watched and self.place is None else None

    def _pass(self, frame: FrameType, event: str, _: Any) -> Any:
        if event != 'line' or self.place is not None:
            return self._pass
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if text.strip() in _CANNOT_FAIL:
            return self._pass
        self._count += 1
        if self._count < self._last:
            return self._pass
        self.place = f'{frame.f_code.co_qualname}:{frame.f_lineno}'
        raise self._error


class UnexpectedCase(test_recorded.RecordedCase):
    """Every call ends, gives its place back and is not forgotten."""

    def each_line(self, run: Callable[[str, Injector], None]) -> list[str]:
        """Raise each error at each line that ``run`` passes.

        :param run: makes a call of the id that it is given.
        :returns: the lines.
        """
        places: list[str] = []
        for error in _ERRORS:
            for number in range(1, 1000):
                self.vendor.calls.clear()
                call_id = f'{error.__name__}-{number}'
                injector = Injector(number, error)
                run(call_id, injector)
                if injector.place is None:
                    break
                places.append(injector.place)
                self.check(call_id, injector.place)
        return places

    def check(self, call_id: str, where: str) -> None:
        """Fail unless a call has ended in every respect."""
        self.assertTrue(
            self.conductor.admission.wait(10), f'{where}: a place is taken'
        )
        self.wait_for(
            lambda: not self.conductor.tracker._tracked,
            f'{where}: it is released',
        )
        self.assertLessEqual(len(self.vendor.calls), 1, where)
        state = self.store.states.get(call_id)
        if state in (State.QUEUED, State.RUNNING):
            # Housekeeping ends it.
            ends = self.conductor.tracker.orphans({call_id: state})
            self.assertEqual([call_id], [end.id for end in ends], where)
        elif state is State.SUCCEEDED:
            self.assertEqual(1, len(self.vendor.calls), where)


class TestAccepted(UnexpectedCase):
    def test_in_the_worker(self) -> None:
        work = self.conductor.runner._work

        def run(call_id: str, injector: Injector) -> None:
            def watched(tracked: operation_tracker.TrackedOperation) -> None:
                with injector.active(), contextlib.suppress(BaseException):
                    work(tracked)

            self.conductor.runner._work = watched  # type: ignore[method-assign]
            self.call(call_id=call_id)
            self.assertTrue(self.conductor.admission.wait(10), injector.place)

        places = self.each_line(run)
        for step in ('_work', 'start', 'succeed', 'recorded', '_finish'):
            self.assertTrue(
                [one for one in places if step in one], f'{step}: {places}'
            )

    def test_while_it_is_accepted(self) -> None:
        def run(call_id: str, injector: Injector) -> None:
            with injector.active(), contextlib.suppress(BaseException):
                self.call(call_id=call_id)

        places = self.each_line(run)
        for step in ('_accept', 'record', '_new_operation'):
            self.assertTrue(
                [one for one in places if step in one], f'{step}: {places}'
            )


class TestWithKey(UnexpectedCase):
    def test_while_its_caller_waits(self) -> None:
        def run(call_id: str, injector: Injector) -> None:
            with injector.active(), contextlib.suppress(BaseException):
                self.call('now', call_id=call_id, key=_key(call_id))

        self.each_line(run)

    def test_the_caller_gets_what_is_recorded(self) -> None:
        def fail(*_: Any) -> None:
            raise MemoryError

        for name, error in (
            ('results.recorded', errors.ResultNotSerializable),
            ('operation_tracker.json.dumps', errors.ResultNotSerializable),
            ('execution.execute', errors.DriverFailed),
        ):
            self.build()
            self.vendor.action = lambda _: 'done'
            with self.patched(f'ironic_passthru.conductor.{name}', fail):
                self.assertRaises(
                    error, self.call, 'now', call_id='a', key=test_recorded.KEY
                )
            self.assertEqual(State.FAILED, self.store.states['a'], name)
            noted = self.last_move().error
            assert noted is not None
            self.assertEqual((500, error.code), (noted.status, noted.code))

    @contextlib.contextmanager
    def patched(self, name: str, replacement: Any) -> Iterator[None]:
        """Replace something for as long as the context lasts."""
        with test_recorded.fixtures.MonkeyPatch(name, replacement):
            yield


def _key(call_id: str) -> operation.Key:
    return operation.Key(digest=call_id, fingerprint='f' * 64)
