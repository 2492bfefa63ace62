# SPDX-License-Identifier: Apache-2.0
"""Threads that all calls share, and the order of their targets."""

import logging
import threading
from collections.abc import Iterable

from ironic_passthru.drivers.redfish import bmc_limits
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import deadline as call_deadline
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import running_call

LOG = logging.getLogger(__name__)

_Started = tuple[
    running_call.RunningCall, bmc_target.Target, call_deadline.Deadline
]


class Dispatcher:
    """Runs the targets of all calls with a bounded number of threads.

    The next target is of the call with the fewest running targets, so that a
    long call does not delay a later one. Targets of a busy BMC wait without a
    thread. Threads start on demand and end when they are idle.

    :param name: prefix of the names of threads.
    :param concurrency: number of threads.
    :param idle_seconds: how long a thread waits for work.
    """

    def __init__(
        self,
        name: str,
        *,
        concurrency: int,
        changes_per_bmc: int,
        reads_per_bmc: int,
        idle_seconds: float = 5.0,
    ) -> None:
        self._name = name
        self._concurrency = concurrency
        self._idle_seconds = idle_seconds
        self._limits: bmc_limits.BmcLimits[running_call.RunningCall] = (
            bmc_limits.BmcLimits(changes=changes_per_bmc, reads=reads_per_bmc)
        )
        self._condition = threading.Condition()
        # An ordered set.
        self._calls: dict[running_call.RunningCall, None] = {}
        self._threads = 0
        self._idle = 0
        self._short = False
        self._closed = False

    def add(
        self,
        call: running_call.RunningCall,
        targets: Iterable[bmc_target.Target],
    ) -> None:
        """Let targets of a call wait for a thread.

        :raises: RuntimeError if no thread runs and none can be started.
        """
        with self._condition:
            if self._closed:
                call.stop(running_call.CLOSED)
            call.add(targets)
            self._calls[call] = None
            try:
                self._grow()
            except BaseException:
                del self._calls[call]
                raise

    def stop(
        self, call: running_call.RunningCall, reason: failures.BmcFailure
    ) -> None:
        """Start no further target of a call."""
        with self._condition:
            call.stop(reason)

    def cancel(self, call: running_call.RunningCall) -> None:
        """Start no further target of a call, and end waits of others."""
        with self._condition:
            call.stop(running_call.CANCELLED)
            for deadline in call.running.values():
                deadline.is_cancelled = True

    def end(
        self, call: running_call.RunningCall
    ) -> tuple[dict[str, failures.Item], dict[str, bool]]:
        """Forget a call, and shut down the connections of late targets.

        :returns: the items of targets that ran; the names of late targets,
            and whether a change may have been sent to them.
        """
        with self._condition:
            call.stop(failures.NOT_ATTEMPTED)
            self._calls.pop(call, None)
            self._limits.forget(call)
            items, late = dict(call.items), dict(call.running)
        for deadline in late.values():
            deadline.end()
        return items, {
            name: deadline.has_changes for name, deadline in late.items()
        }

    def shut_down_late(self, call: running_call.RunningCall) -> None:
        """Shut down connections of targets whose deadline has passed."""
        with self._condition:
            running = list(call.running.values())
        is_over = not call.deadline.left_seconds()
        for deadline in running:
            if is_over or not deadline.left_seconds():
                deadline.end()

    def close(self) -> None:
        """Start no further target; running ones end by their timeouts."""
        with self._condition:
            self._closed = True
            for call in self._calls:
                call.stop(running_call.CLOSED)
            self._condition.notify_all()

    def _grow(self) -> None:
        """Wake or start one thread if a target can start."""
        if not any(call.ready for call in self._calls):
            return
        if self._idle:
            self._condition.notify()
        elif self._threads < self._concurrency:
            thread = threading.Thread(
                target=self._run,
                name=f'{self._name}-{self._threads}',
                daemon=True,
            )
            try:
                thread.start()
            except (MemoryError, RuntimeError) as error:
                if not self._threads:
                    raise
                if not self._short:
                    LOG.warning(
                        'Cannot start a thread: %s; work waits for the %d '
                        'threads of %d that run',
                        error,
                        self._threads,
                        self._concurrency,
                    )
                self._short = True
            else:
                self._threads += 1
                self._short = False

    def _run(self) -> None:
        """Run targets in a thread until no target can start."""
        while True:
            with self._condition:
                started = self._next()
                if started is None:
                    self._threads -= 1
                    return
            call, target, deadline = started
            self._finish(call, target, call.attempt(target, deadline))
            # An idle thread must not keep the items of the call alive.
            del started, call

    def _next(self) -> _Started | None:
        """Return a started target; None if the thread should end."""
        waited = False
        while not self._closed:
            started = self._take()
            if started is not None:
                self._grow()
                return started
            if waited:
                return None
            self._idle += 1
            waited = not self._condition.wait(self._idle_seconds)
            self._idle -= 1
        return None

    def _take(self) -> _Started | None:
        while True:
            ready = [call for call in self._calls if call.ready]
            if not ready:
                return None
            call = min(ready, key=lambda one: len(one.running))
            if not call.deadline.left_seconds():
                call.stop(failures.NOT_ATTEMPTED)
                continue
            target = call.pending.popleft()
            if self._limits.acquire(target, call, change=call.change):
                return call, target, call.start(target)
            call.waiting += 1

    def _finish(
        self,
        call: running_call.RunningCall,
        target: bmc_target.Target,
        item: failures.Item,
    ) -> None:
        with self._condition:
            call.finish(target, item)
            released = self._limits.release(target, change=call.change)
            for other, waiting in reversed(released):
                if other.stopped is None:
                    other.waiting -= 1
                    other.pending.appendleft(waiting)
