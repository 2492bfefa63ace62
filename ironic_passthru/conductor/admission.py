# SPDX-License-Identifier: Apache-2.0
"""Which calls a conductor takes, and how many at once."""

import dataclasses
import threading
import time
from typing import Any

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import deduplication
from ironic_passthru.conductor import limits

#: How many calls that are accepted before they run are converted, validated
#: and recorded at once. That runs code of drivers on the threads of the bus,
#: which must not all be taken.
MAX_ADMISSIONS = 64

# How long the id of a call is remembered that came without a deadline.
_KEEP_SECONDS = 600.0

# How much longer than until its deadline: the clock may be set back.
_CLOCK_STEP_SECONDS = 10.0

_NO_TARGETS: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Bounds:
    """How many calls there may be at once.

    :param sync_workers: synchronous calls.
    :param async_workers: asynchronous calls that run.
    :param async_backlog: asynchronous calls that wait for a worker.
    :param driver_limit: calls of one driver in each of the two pools; by
        default what leaves workers to others.
    :param target_limit: calls for one target in each of the two pools.
    """

    sync_workers: int
    async_workers: int
    async_backlog: int
    driver_limit: int | None = None
    target_limit: int = 8


class _Pool:
    """Room for a number of calls, of which one driver or target gets a part.

    Blocking is never wanted: a full conductor refuses.

    :param size: how many calls there is room for.
    """

    def __init__(
        self, size: int, *, driver_limit: int, target_limit: int
    ) -> None:
        self._permits = threading.BoundedSemaphore(size)
        self._limits = limits.Limits(driver_limit, target_limit)

    def acquire(self, driver: str, targets: frozenset[str]) -> bool:
        """Take room for one call, or return False."""
        if not self._permits.acquire(blocking=False):
            return False
        if self._limits.acquire(driver, targets):
            return True
        self._permits.release()
        return False

    def release(self, driver: str, targets: frozenset[str]) -> None:
        """Give the room of one call back."""
        self._limits.release(driver, targets)
        self._permits.release()


class Ticket:
    """The place of one call, from acceptance to its end.

    As a context manager it gives the place back, unless :meth:`keep` was
    called: then whoever runs the call does so by :meth:`release`.
    """

    def __init__(
        self,
        admission: 'Admission',
        pool: _Pool,
        *,
        driver: str,
        targets: frozenset[str],
        accepted: bool,
    ) -> None:
        self._admission = admission
        self._pool = pool
        self._driver = driver
        self._targets = targets
        self._accepted = accepted
        self._kept = False
        self._released = False

    def __enter__(self) -> 'Ticket':
        return self

    def __exit__(self, *_: Any) -> None:
        if self._accepted:
            self._admission.end_acceptance(self._driver)
        if not self._kept:
            self.release()

    def keep(self) -> None:
        """Leave it to the worker to give the place back."""
        self._kept = True

    def release(self) -> None:
        """Give the place back, once."""
        if self._released:
            return
        self._released = True
        self._pool.release(self._driver, self._targets)
        self._admission.forget_one()


class Admission:
    """Takes calls or refuses them, and counts those that it has taken.

    :param incarnation: identifier of this run of the conductor.
    :param drivers: how many drivers share it.
    """

    def __init__(
        self, bounds: Bounds, *, incarnation: str, drivers: int
    ) -> None:
        self._incarnation = incarnation
        self._memory = deduplication.CallDeduplication()
        self._stopping = False

        def pool(size: int) -> _Pool:
            share = limits.default_driver_limit(size, drivers)
            return _Pool(
                size,
                driver_limit=bounds.driver_limit or share,
                target_limit=bounds.target_limit,
            )

        self._sync = pool(bounds.sync_workers)
        self._async = pool(bounds.async_workers + bounds.async_backlog)
        self._acceptances = _Pool(
            MAX_ADMISSIONS,
            driver_limit=limits.default_driver_limit(MAX_ADMISSIONS, drivers),
            target_limit=MAX_ADMISSIONS,
        )
        self._idle = threading.Condition()
        self._count = 0

    def check(self, call: calls.Call) -> None:
        """Refuse a call that is not for this conductor, or not any more.

        :raises: DuplicateCall, ConductorStopping, StaleCall, CallExpired.
        """
        # First: whatever else is wrong with the second message of a call,
        # the first one may be running, so "not run" would be a lie.
        if call.call_id in self._memory:
            raise errors.DuplicateCall()
        if self._stopping:
            raise errors.ConductorStopping()
        if call.incarnation not in (None, self._incarnation):
            raise errors.StaleCall()
        if call.expired:
            raise errors.CallExpired()

    def admit(
        self, call: calls.Call, method: spec.MethodSpec, *, accepted: bool
    ) -> Ticket:
        """Take a call and remember it, or refuse it.

        All in one step: of two messages of one call that come at once the
        second must find the first remembered, not its room taken; and none
        may slip in when the conductor has begun to stop.

        :param accepted: whether it is acknowledged before it runs.
        :raises: ConductorBusy and what :meth:`check` raises.
        """
        pool = self._async if accepted else self._sync
        targets = method.targets(call.parameters)
        with self._idle:
            self.check(call)
            # Even if it is refused now: its caller goes on to another
            # conductor, and a copy of the message that comes when there is
            # room again must not run too.
            self._remember(call)
            if not pool.acquire(call.driver, targets):
                raise errors.ConductorBusy()
            if accepted and not self._acceptances.acquire(
                call.driver, _NO_TARGETS
            ):
                pool.release(call.driver, targets)
                raise errors.ConductorBusy()
            self._count += 1
        return Ticket(
            self,
            pool,
            driver=call.driver,
            targets=targets,
            accepted=accepted,
        )

    def stop(self) -> None:
        """Refuse every further call; :meth:`wait` knows all others."""
        with self._idle:
            self._stopping = True

    def wait(self, seconds: float) -> bool:
        """Wait until no call runs or waits; tell whether that came true."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._count, seconds)

    def end_acceptance(self, driver: str) -> None:
        """Let another call be accepted."""
        self._acceptances.release(driver, _NO_TARGETS)

    def forget_one(self) -> None:
        """Count one call less."""
        with self._idle:
            self._count -= 1
            self._idle.notify_all()

    def _remember(self, call: calls.Call) -> None:
        keep = _KEEP_SECONDS
        if call.deadline is not None:
            left = max(0.0, call.deadline - time.time())
            keep = left + _CLOCK_STEP_SECONDS
        self._memory.add(call.call_id, keep)
