# SPDX-License-Identifier: Apache-2.0
"""Concurrent work on many BMCs until the deadline of a call."""

import collections
import dataclasses
import logging
import math
import threading
from collections.abc import Mapping
from collections.abc import Sequence

from oslo_config import cfg

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers import instance_config
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import deadline as call_deadline
from ironic_passthru.drivers.redfish import dispatcher
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import item_filter
from ironic_passthru.drivers.redfish import running_call
from ironic_passthru.tracing import spans

LOG = logging.getLogger(__name__)

THREAD_NAME_PREFIX = 'redfish'

# Connections are shut down at the deadline; the result of the work, a little
# later, is more precise than a timeout.
_GRACE_SECONDS = 1.0

# Interval of progress reports and of checks for cancellation.
_TICK_SECONDS = 0.25

_MAX_RESULT_BYTES = 16 * 1024 * 1024

# Number of failed targets of one call with a log record each.
_MAX_LOGGED = 1000


# Number of failed targets that the progress names.
_MAX_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Options:
    """How one call runs.

    :param change: whether the work changes BMCs.
    :param concurrency: number of targets at a time; None for the configured
        number.
    :param max_failures: number of failed targets after which no further one
        starts; None for any.
    :param batch: number of targets that must succeed before the others
        start; None for no such batch.
    :param target_seconds: time of one target in an asynchronous call; None
        for the time of a synchronous call.
    :param percentages: percentages of running targets by name, which the work
        updates.
    """

    change: bool = False
    concurrency: int | None = None
    max_failures: int | None = None
    batch: int | None = None
    target_seconds: float | None = None
    percentages: Mapping[str, float] = dataclasses.field(default_factory=dict)


class FleetExecutor:
    """Runs calls over targets with the limits of the configuration.

    :ivar concurrency: number of targets at a time, over all calls.
    :ivar outcomes: number of targets by the code of their failure, or ``ok``.
    """

    def __init__(
        self,
        *,
        concurrency: int = 1,
        changes_per_bmc: int = 1,
        reads_per_bmc: int = 1,
        call_timeout_seconds: float = 1.0,
        max_result_bytes: int = _MAX_RESULT_BYTES,
        driver: str = THREAD_NAME_PREFIX,
    ) -> None:
        self._driver = driver
        self._max_result_bytes = max_result_bytes
        self._counting = threading.Lock()
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.concurrency = concurrency
        self._call_timeout_seconds = call_timeout_seconds
        self._dispatcher = dispatcher.Dispatcher(
            THREAD_NAME_PREFIX,
            concurrency=concurrency,
            changes_per_bmc=changes_per_bmc,
            reads_per_bmc=reads_per_bmc,
        )

    @classmethod
    def configured(cls, conf: cfg.ConfigOpts) -> 'FleetExecutor':
        """Return an executor with the limits of the configuration."""
        return cls(
            concurrency=conf.redfish.concurrency,
            changes_per_bmc=conf.redfish.changes_per_bmc,
            reads_per_bmc=conf.redfish.reads_per_bmc,
            call_timeout_seconds=conf.redfish.call_timeout,
            max_result_bytes=conf.conductor.max_result_size,
            driver=instance_config.group_name(conf, 'redfish'),
        )

    def run(
        self,
        work: running_call.Work,
        targets: Sequence[bmc_target.Target],
        *,
        context: request_context.RequestContext,
        options: Options,
    ) -> dict[str, failures.Item]:
        """Run ``work`` for every target; return their items by name.

        It returns at most one second after the deadline of the call.

        :raises: RuntimeError if no thread runs and none can be started.
        """
        call = self._call(work, context, options)
        first = len(targets) if options.batch is None else options.batch
        try:
            self._run(call, targets[:first], context, total=len(targets))
            if len(targets) > first and call.failed:
                self._dispatcher.stop(call, running_call.BATCH_FAILED)
            if len(targets) > first and call.stopped is None:
                self._run(call, targets[first:], context, total=len(targets))
        finally:
            reason = call.stopped or failures.NOT_ATTEMPTED
            ran, late = self._dispatcher.end(call)
        items: dict[str, failures.Item] = {}
        for name in [target.name for target in targets]:
            if name in ran:
                items[name] = ran[name]
            elif name not in late:
                items[name] = reason.item()
            elif late[name]:
                items[name] = failures.OUTCOME_UNKNOWN.item()
            else:
                items[name] = failures.TIMEOUT.item()
        items = item_filter.fitting(items, self._max_result_bytes)
        self._log(items)
        self._count(items)
        return items

    def _count(self, items: dict[str, failures.Item]) -> None:
        with self._counting:
            self.outcomes.update(
                item['error']['code'] if 'error' in item else 'ok'
                for item in items.values()
            )

    def close(self) -> None:
        """Start no further work; running work ends by its own timeouts."""
        self._dispatcher.close()

    def _call(
        self,
        work: running_call.Work,
        context: request_context.RequestContext,
        options: Options,
    ) -> running_call.RunningCall:
        limits = running_call.CallLimits(
            concurrency=options.concurrency or self.concurrency,
            target_seconds=options.target_seconds
            or self._call_timeout_seconds,
            max_failures=options.max_failures,
        )
        deadline = call_deadline.Deadline(self._seconds(context))
        call = running_call.RunningCall(
            spans.current().bind(work),
            deadline,
            limits,
            change=options.change,
        )
        call.percentages = options.percentages
        return call

    def _seconds(self, context: request_context.RequestContext) -> float:
        """Return the time of a call.

        Only the caller of a synchronous call waits for its end.
        """
        if not context.accepted:
            return self._call_timeout_seconds
        left = context.seconds_left
        return base.MAX_TIMEOUT_SECONDS if left is None else left

    def _run(
        self,
        call: running_call.RunningCall,
        targets: Sequence[bmc_target.Target],
        context: request_context.RequestContext,
        *,
        total: int,
    ) -> None:
        """Run targets; return when they have finished, or are late."""
        self._dispatcher.add(call, targets)
        reported = -1.0
        while not call.idle.wait(
            min(_TICK_SECONDS, call.deadline.left_seconds())
        ):
            if not call.deadline.left_seconds():
                self._dispatcher.stop(call, failures.NOT_ATTEMPTED)
                self._dispatcher.shut_down_late(call)
                call.idle.wait(_GRACE_SECONDS)
                break
            if context.cancel_requested:
                self._dispatcher.cancel(call)
            self._dispatcher.shut_down_late(call)
            if (finished := call.finished()) != reported:
                reported = finished
                _report(context, call, total=total)
        _report(context, call, total=total)

    def _log(self, items: dict[str, failures.Item]) -> None:
        """Log the failed targets of a call."""
        failed = [
            (name, item['error']['code'])
            for name, item in items.items()
            if 'error' in item
        ]
        for name, code in failed[:_MAX_LOGGED]:
            LOG.warning('Target %s of driver %s: %s', name, self._driver, code)
        if failed[_MAX_LOGGED:]:
            LOG.warning(
                '%d further targets of driver %s failed',
                len(failed) - _MAX_LOGGED,
                self._driver,
            )


def _report(
    context: request_context.RequestContext,
    call: running_call.RunningCall,
    *,
    total: int,
) -> None:
    if not total:
        return
    failed = list(call.failed)
    names = ', '.join(failed[:_MAX_NAMED])
    more = ', ...' if failed[_MAX_NAMED:] else ''
    context.report_progress(
        # Rounded down: 100 percent means that nothing is left.
        math.floor(100 * call.finished() / total),
        f'{len(call.items)} of {total} finished, {len(failed)} failed'
        + (f': {names}{more}' if failed else ''),
    )
