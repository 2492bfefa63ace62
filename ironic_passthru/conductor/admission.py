# SPDX-License-Identifier: Apache-2.0
"""Admission of calls: fencing, deduplication and limits."""

import dataclasses
import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.conductor import deduplication
from ironic_passthru.conductor import limits
from ironic_passthru.metrics import observer
from ironic_passthru.rpc import protocol

#: Number of asynchronous calls that are converted, validated and recorded at
#: once. That runs driver code in the threads of the RPC server, which it must
#: not occupy completely.
MAX_ADMISSIONS = 64

# For the id of a call without a deadline.
_KEEP_SECONDS = 600.0

# An id is kept for longer than the deadline, since clocks may be set back.
_CLOCK_STEP_SECONDS = 10.0

_NO_TARGETS: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Numbers of concurrent calls.

    :param sync_workers: synchronous calls.
    :param async_workers: asynchronous calls that run.
    :param async_backlog: asynchronous calls that wait for a worker.
    :param driver_limit: calls of one driver in each of the two pools; None
        for the default, which leaves workers to other drivers.
    :param target_limit: calls for one target in each of the two pools.
    """

    sync_workers: int
    async_workers: int
    async_backlog: int
    driver_limit: int | None = None
    target_limit: int = 8


class Ticket:
    """The place of an admitted call.

    As a context manager it releases the place, unless :meth:`keep` was
    called: then the worker that runs the call releases it.

    :param release: releases the place.
    :param end_acceptance: called when the context ends.
    """

    def __init__(
        self, release: Callable[[], None], end_acceptance: Callable[[], None]
    ) -> None:
        self._release = release
        self._end_acceptance = end_acceptance
        self._kept = False
        self._released = False

    def __enter__(self) -> 'Ticket':
        return self

    def __exit__(self, *_: Any) -> None:
        self._end_acceptance()
        if not self._kept:
            self.release()

    def keep(self) -> None:
        """Leave :meth:`release` to the worker."""
        self._kept = True

    def release(self) -> None:
        """Release the place; further calls have no effect."""
        if not self._released:
            self._released = True
            self._release()


class Admission:
    """Admits or refuses calls, and counts the admitted ones.

    :param incarnation: identifier of this run of the conductor.
    :param drivers: number of drivers of the conductor.
    """

    def __init__(
        self, bounds: Bounds, *, incarnation: str, drivers: int
    ) -> None:
        def pool(
            size: int, driver_limit: int | None, target_limit: int
        ) -> limits.Limits:
            default = limits.default_driver_limit(size, drivers)
            return limits.Limits(
                size,
                driver_limit=driver_limit or default,
                target_limit=target_limit,
            )

        shares = bounds.driver_limit, bounds.target_limit
        self._sync = pool(bounds.sync_workers, *shares)
        self._async = pool(
            bounds.async_workers + bounds.async_backlog, *shares
        )
        self._acceptances = pool(MAX_ADMISSIONS, None, MAX_ADMISSIONS)
        self._incarnation = incarnation
        self._seen_calls = deduplication.CallDeduplication()
        self._stopping = False
        self._changed = threading.Condition()
        self._count = 0

    def check(self, call: protocol.CallRequest) -> None:
        """Refuse a call that this conductor must not run.

        :raises: DuplicateCall, ConductorStopping, StaleCall, CallExpired.
        """
        # A duplicate comes first: whatever else is wrong with the second
        # message of a call, the first one may be running, so an error that
        # means "not run" would be false.
        if call.call_id in self._seen_calls:
            raise errors.DuplicateCall()
        if self._stopping:
            raise errors.ConductorStopping()
        if call.incarnation not in (None, self._incarnation):
            raise errors.StaleCall()
        if call.expired:
            raise errors.CallExpired()

    def admit(
        self,
        call: protocol.CallRequest,
        method: spec.MethodSpec,
        *,
        accepted: bool,
    ) -> Ticket:
        """Admit a call and keep its id, or refuse it, in one step.

        Of two simultaneous messages of one call the second is a duplicate,
        and no call is admitted after the conductor started to stop.

        :param accepted: whether it is acknowledged before it runs.
        :raises: ConductorBusy and the errors of :meth:`check`.
        """
        pool = self._async if accepted else self._sync
        targets = method.targets(call.info)
        with self._changed:
            self.check(call)
            # Also if it is refused now: the caller continues with another
            # conductor, and a duplicate that arrives when there is room
            # again must not run too.
            self._seen_calls.add(call.call_id, _keep_seconds(call))
            if not pool.acquire(call.driver_name, targets):
                raise errors.ConductorBusy()
            if accepted and not self._acceptances.acquire(
                call.driver_name, _NO_TARGETS
            ):
                pool.release(call.driver_name, targets)
                raise errors.ConductorBusy()
            self._count += 1

        def end_acceptance() -> None:
            if accepted:
                self._acceptances.release(call.driver_name, _NO_TARGETS)

        return Ticket(
            functools.partial(self._release, pool, call.driver_name, targets),
            end_acceptance,
        )

    def usage(self) -> tuple[observer.PoolUsage, observer.PoolUsage]:
        """Return the usage for synchronous and for asynchronous calls."""
        return self._sync.usage(), self._async.usage()

    def stop(self) -> int:
        """Refuse every further call; return the number of admitted ones."""
        with self._changed:
            self._stopping = True
            return self._count

    def wait(self, seconds: float) -> bool:
        """Wait for all admitted calls; return whether all have finished."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._count, seconds)

    def _release(
        self, pool: limits.Limits, driver: str, targets: frozenset[str]
    ) -> None:
        pool.release(driver, targets)
        with self._changed:
            self._count -= 1
            self._changed.notify_all()


def _keep_seconds(call: protocol.CallRequest) -> float:
    if call.deadline is None:
        return _KEEP_SECONDS
    return max(0.0, call.deadline - time.time()) + _CLOCK_STEP_SECONDS
