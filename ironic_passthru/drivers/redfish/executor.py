# SPDX-License-Identifier: Apache-2.0
"""Concurrent work on many BMCs until the deadline of a call."""

import logging
import threading
from collections.abc import Callable
from collections.abc import Iterable
from concurrent import futures

from ironic_passthru import threads
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import deadline as call_deadline
from ironic_passthru.drivers.redfish import failures

LOG = logging.getLogger(__name__)

Work = Callable[[bmc_target.Target, call_deadline.Deadline], failures.Item]

THREAD_NAME_PREFIX = 'redfish'

# Work ends at the deadline; its own result, a little later, is more precise
# than a timeout.
_GRACE_SECONDS = 1.0


class FleetExecutor:
    """Runs calls over targets with a bounded number of threads.

    The limit applies to all calls together. Targets are processed in the
    order of calls, so a long call can use up the time of a later one; the
    targets of the later call are then ``not_attempted``.
    """

    def __init__(self, *, concurrency: int, call_timeout_seconds: float):
        self._concurrency = concurrency
        self._call_timeout_seconds = call_timeout_seconds
        self._lock = threading.Lock()
        self._executor: threads.ThreadPool | None = None

    def run(
        self,
        work: Work,
        targets: Iterable[bmc_target.Target],
        *,
        late: failures.BmcFailure = failures.TIMEOUT,
    ) -> dict[str, failures.Item]:
        """Run ``work`` for every target; return their items by name.

        It returns at most one second after the deadline.

        :param late: error of targets that have not finished by then.
        """
        deadline = call_deadline.Deadline(self._call_timeout_seconds)
        executor = self._started()
        running = {
            target.name: executor.submit(_attempt, work, target, deadline)
            for target in targets
        }
        futures.wait(
            running.values(), timeout=deadline.left_seconds() + _GRACE_SECONDS
        )
        items = {
            name: _collect(future, late) for name, future in running.items()
        }
        # Late work must release its thread.
        deadline.end()
        for name, item in items.items():
            if 'error' in item:
                LOG.warning('Target %s: %s', name, item['error']['code'])
        return items

    def close(self) -> None:
        """Cancel queued work; running work ends by its own timeouts."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)

    def _started(self) -> threads.ThreadPool:
        with self._lock:
            if self._executor is None:
                self._executor = threads.ThreadPool(
                    self._concurrency, THREAD_NAME_PREFIX
                )
            return self._executor


def _attempt(
    work: Work,
    target: bmc_target.Target,
    deadline: call_deadline.Deadline,
) -> failures.Item:
    """Run ``work``; an exception becomes the item of the target."""
    if not deadline.left_seconds():
        return failures.NOT_ATTEMPTED.item()
    try:
        return work(target, deadline)
    except Exception as exc:
        LOG.debug('Target %s failed', target.name, exc_info=True)
        return failures.classify(exc).item()


def _collect(
    future: futures.Future[failures.Item], late: failures.BmcFailure
) -> failures.Item:
    if future.done() and not future.cancelled():
        return future.result()
    if future.cancel():
        return failures.NOT_ATTEMPTED.item()
    return late.item()
