# SPDX-License-Identifier: Apache-2.0
"""Base of the classes with vendor methods: targets, and work on them."""

import functools
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

from oslo_config import cfg

from ironic_passthru import conf as project_conf
from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.conf import redfish as redfish_conf
from ironic_passthru.conf import values
from ironic_passthru.drivers import base
from ironic_passthru.drivers import instance_config
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import client
from ironic_passthru.drivers.redfish import deadline as target_deadline
from ironic_passthru.drivers.redfish import dry_run
from ironic_passthru.drivers.redfish import executor
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import log_filter
from ironic_passthru.drivers.redfish import trust
from ironic_passthru.drivers.redfish.inventories import base as inventories
from ironic_passthru.drivers.redfish.inventories import entry
from ironic_passthru.drivers.redfish.inventories import file
from ironic_passthru.drivers.redfish.inventories import loading
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection
from ironic_passthru.fleet import selector
from ironic_passthru.fleet import summary

Act = Callable[[bmc.Bmc], failures.Item]

_Client = TypeVar('_Client', bound=client.BmcClient)


class FleetMethods(base.VendorInterface):
    """Inventory, threads and limits that all methods share."""

    def __init__(self) -> None:
        super().__init__()
        # Without targets until start().
        self._inventory: inventories.InventorySource = file.FileSource()
        self._executor = executor.FleetExecutor()
        self._conductor_group = ''
        self._connect_timeout_seconds = 1.0
        self._read_timeout_seconds = 1.0
        self._send_trace_headers = False
        self._log_filter: log_filter.DebugOnly | None = None
        self._trust = trust.TrustStore()

    def start(self, conf: cfg.ConfigOpts) -> None:
        """Read options and inventory.

        :raises: ConfigError if the inventory is invalid.
        """
        # An instance has groups of its own.
        project_conf.register_opts(conf, [redfish_conf])
        driver = instance_config.group_name(conf, 'redfish')
        values.check(conf, redfish_conf, group=driver)
        section = conf.redfish
        self._inventory = loading.start(conf)
        self._conductor_group = conf.conductor.conductor_group
        self._connect_timeout_seconds = section.connect_timeout
        self._read_timeout_seconds = section.read_timeout
        self._send_trace_headers = section.send_trace_headers
        self._executor = executor.FleetExecutor.configured(conf)
        self._log_filter = log_filter.install()

    def stop(self) -> None:
        """Start no further work on any BMC."""
        self._executor.close()
        self._inventory.stop()
        if self._log_filter is not None:
            log_filter.remove(self._log_filter)
            self._log_filter = None

    @property
    def target_outcomes(self) -> Mapping[str, int]:
        """Number of targets by the code of their failure, or ``ok``."""
        return self._executor.outcomes.copy()

    def get_properties(self) -> dict[str, str]:
        """Return the fields of a target in the inventory file."""
        return {
            name: field.description or ''
            for name, field in entry.Entry.model_fields.items()
        }

    def get_targets(self) -> Mapping[str, Iterable[str]]:
        """Return the targets of the inventory.

        :raises: TemporaryFailure if the inventory is not known yet.
        """
        return self._inventory.current().tags

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        """Check that one selector is given, and that targets exist.

        A GET selects all targets by default.

        :raises: MissingParameterValue, InvalidParameterValue
        """
        reads = kwargs.get('http_method') == 'GET'
        self._select(kwargs, required_by=None if reads else method)
        concurrency = kwargs.get('concurrency') or 1
        if concurrency > self._executor.concurrency:
            raise errors.InvalidParameterValue(
                f'concurrency must be at most {self._executor.concurrency}, '
                f'not {concurrency}'
            )

    def _each(
        self,
        context: request_context.RequestContext,
        options: selection.FleetOptions,
        act: Act,
        *,
        change: bool = False,
        target_seconds: float | None = None,
    ) -> results.FleetResult[Any]:
        """Run ``act`` for each selected target; return the items.

        :param change: whether ``act`` changes the BMC.
        :param target_seconds: time of one target in an asynchronous call, if
            it may exceed that of a synchronous call.
        :raises: TargetsFailed, Cancelled.
        """
        dry = options.get('dry_run', False)
        percentages: dict[str, float] = {}

        def work(
            target: bmc_target.Target, deadline: target_deadline.Deadline
        ) -> failures.Item:
            # Targets that are not attempted must not be reported.
            context.report_targets([target.name])
            if dry and change:
                return self._try(target, deadline, act)
            with self._client(
                client.BmcClient, target, deadline, percentages
            ) as sender:
                return act(bmc.Bmc(target, sender))

        items = self._executor.run(
            work,
            self._select(options),
            context=context,
            options=executor.Options(
                change=change and not dry,
                concurrency=options.get('concurrency'),
                max_failures=options.get('max_failures'),
                batch=options.get('batch'),
                target_seconds=target_seconds,
                percentages=percentages,
            ),
        )
        return _result(items, context, options)

    def _try(
        self,
        target: bmc_target.Target,
        deadline: target_deadline.Deadline,
        act: Act,
    ) -> failures.Item:
        """Return the changes that ``act`` would send."""
        with self._client(
            dry_run.RecordingClient, target, deadline, {}
        ) as recorder:
            item = act(bmc.Bmc(target, recorder))
        # The other members would describe a change that was not made.
        kept: failures.Item = {
            k: item[k] for k in ('reachable', 'error', 'warning') if k in item
        }
        return {**kept, 'would_send': recorder.changes}

    def _client(
        self,
        kind: type[_Client],
        target: bmc_target.Target,
        deadline: target_deadline.Deadline,
        percentages: dict[str, float],
    ) -> _Client:
        return kind(
            target,
            deadline,
            self._trust,
            connect_timeout_seconds=self._connect_timeout_seconds,
            read_timeout_seconds=self._read_timeout_seconds,
            send_trace_headers=self._send_trace_headers,
            on_progress=functools.partial(
                percentages.__setitem__, target.name
            ),
        )

    def _select(
        self, options: Mapping[str, Any], *, required_by: str | None = None
    ) -> list[bmc_target.Target]:
        current = self._inventory.current()
        chosen = selector.select(
            current.tags, options, required_by=required_by
        )
        return [current.target(name) for name in chosen]


def _result(
    items: dict[str, failures.Item],
    context: request_context.RequestContext,
    options: selection.FleetOptions,
) -> results.FleetResult[Any]:
    """Return the result of a call that was neither cancelled nor stopped.

    :raises: TargetsFailed, Cancelled; both contain the items.
    """
    result = summary.counted(items)
    stopped = result['summary']['not_attempted'] > 0
    if stopped and context.cancel_requested:
        cancelled = errors.Cancelled()
        cancelled.partial_result = result
        raise cancelled
    limited = stopped and ('batch' in options or 'max_failures' in options)
    return summary.of(
        items, require_all=limited or options.get('require_all', False)
    )
