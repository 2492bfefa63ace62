# SPDX-License-Identifier: Apache-2.0
"""The state of one call over many targets."""

import collections
import dataclasses
import logging
import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import deadline as call_deadline
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import item_filter

LOG = logging.getLogger(__name__)

Work = Callable[[bmc_target.Target, call_deadline.Deadline], failures.Item]


@dataclasses.dataclass(frozen=True)
class CallLimits:
    """Limits of one call.

    :param concurrency: number of targets with work in progress.
    :param max_failures: number of failed targets after which no further one
        is started; None for any.
    :param target_seconds: time of one target.
    """

    concurrency: int
    target_seconds: float
    max_failures: int | None = None


class RunningCall:
    """Targets of one call that wait, run or have an item.

    The dispatcher changes an object only while it holds its lock.

    :param change: whether ``work`` changes the BMC.
    """

    def __init__(
        self,
        work: Work,
        deadline: call_deadline.Deadline,
        limits: CallLimits,
        *,
        change: bool,
    ) -> None:
        self.change = change
        self.deadline = deadline
        self.items: dict[str, failures.Item] = {}
        #: Names of failed targets in the order of their failures.
        self.failed: list[str] = []
        self.pending: collections.deque[bmc_target.Target] = (
            collections.deque()
        )
        #: Number of targets that wait for their BMC.
        self.waiting = 0
        self.running: dict[str, call_deadline.Deadline] = {}
        #: The error of targets that are not started any more.
        self.stopped: failures.BmcFailure | None = None
        #: Set while nothing of the call waits or runs.
        self.idle = threading.Event()
        #: Percentages of running targets by name, from other threads.
        self.percentages: Mapping[str, float] = {}
        self._work = work
        self._limits = limits

    @property
    def ready(self) -> bool:
        """Whether a target may start as far as the call is concerned."""
        return bool(self.pending) and (
            len(self.running) < self._limits.concurrency
        )

    def finished(self) -> float:
        """Return the number of finished targets, with parts of others."""
        parts = [
            self.percentages.get(name, 0.0) for name in list(self.running)
        ]
        return len(self.items) + sum(parts) / 100

    def add(self, targets: Iterable[bmc_target.Target]) -> None:
        """Add targets that wait for a thread."""
        if self.stopped is None:
            self.pending.extend(targets)
        self._update()

    def stop(self, reason: failures.BmcFailure) -> None:
        """Start no further target."""
        if self.stopped is None:
            self.stopped = reason
        self.pending.clear()
        self.waiting = 0
        self._update()

    def start(self, target: bmc_target.Target) -> call_deadline.Deadline:
        """Return the deadline of a target that starts."""
        seconds = min(
            self.deadline.left_seconds(), self._limits.target_seconds
        )
        deadline = self.running[target.name] = call_deadline.Deadline(seconds)
        return deadline

    def attempt(
        self, target: bmc_target.Target, deadline: call_deadline.Deadline
    ) -> failures.Item:
        """Run the work; return the item without credentials.

        An exception becomes the item of the target.
        """
        item = self._attempt(target, deadline)
        return item_filter.filtered(item, target, change=self.change)

    def _attempt(
        self, target: bmc_target.Target, deadline: call_deadline.Deadline
    ) -> failures.Item:
        try:
            return self._work(target, deadline)
        except failures.BmcError as exc:
            LOG.debug('Target %s failed', target.name, exc_info=True)
            return failures.classify(exc).item()
        except BaseException:
            # SystemExit must not end the thread, which counts in limits.
            LOG.exception('Work on target %s failed', target.name)
            return failures.INTERNAL_ERROR.item()

    def finish(self, target: bmc_target.Target, item: failures.Item) -> None:
        """Keep the item of a target that ran."""
        del self.running[target.name]
        self.items[target.name] = item
        if 'error' in item:
            self.failed.append(target.name)
            if len(self.failed) == self._limits.max_failures:
                self.stop(MAX_FAILURES)
        self._update()

    def _update(self) -> None:
        if self.pending or self.waiting or self.running:
            self.idle.clear()
        else:
            self.idle.set()


def not_attempted(reason: str) -> failures.BmcFailure:
    """Return the error of targets that are not started for a reason."""
    return dataclasses.replace(
        failures.NOT_ATTEMPTED, message=f'{reason}; nothing was sent.'
    )


MAX_FAILURES = not_attempted(
    'The call reached max_failures before this target started'
)
CANCELLED = not_attempted('The call was cancelled before this target started')
BATCH_FAILED = not_attempted('A target of the first batch failed')
CLOSED = not_attempted('The conductor stopped before this target started')
