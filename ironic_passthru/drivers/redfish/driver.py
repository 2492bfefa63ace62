# SPDX-License-Identifier: Apache-2.0
"""The vendor methods of the ``redfish`` driver."""

from collections.abc import Callable
from typing import Annotated
from typing import Any
from typing import Literal

import pydantic
from oslo_config import cfg

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import connector
from ironic_passthru.drivers.redfish import deadline as call_deadline
from ironic_passthru.drivers.redfish import executor
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import log_filter
from ironic_passthru.drivers.redfish.inventories import base as inventories
from ironic_passthru.drivers.redfish.inventories import entry
from ironic_passthru.drivers.redfish.inventories import file
from ironic_passthru.drivers.redfish.inventories import loading

_Chosen = Annotated[str, pydantic.Field(min_length=1, max_length=255)]

Target = Annotated[
    _Chosen | None, pydantic.Field(description='Name of one target.')
]
Targets = Annotated[
    Annotated[list[_Chosen], pydantic.Field(min_length=1, max_length=1000)]
    | None,
    pydantic.Field(description='Names of several targets.'),
]
Tag = Annotated[
    _Chosen | None,
    pydantic.Field(description='Tag of the targets.'),
]

_SELECTORS = ('target', 'targets', 'tag')

# A tag, or no selector, refers to targets that only the inventory lists. The
# executor limits their threads, and the time of a call.
_NAMES = ('target', 'targets')


class RedfishVendor(base.VendorInterface):
    """Servers with a Redfish BMC, as the conductor's inventory names them.

    Every method returns ``{target: item}``. The item of a failed target
    contains ``error``; the call itself does not fail.
    """

    def __init__(self) -> None:
        super().__init__()
        # Without targets until start().
        self._inventory: inventories.InventorySource = file.FileSource()
        self._executor = executor.FleetExecutor(
            concurrency=1, call_timeout_seconds=1.0
        )
        self._connect_timeout_seconds = 1.0
        self._read_timeout_seconds = 1.0
        self._log_filter: log_filter.DebugOnly | None = None

    def start(self, conf: cfg.ConfigOpts) -> None:
        """Read options and inventory.

        :raises: ConfigError if the inventory is invalid.
        """
        section = conf.redfish
        self._inventory = loading.start(conf)
        self._connect_timeout_seconds = section.connect_timeout
        self._read_timeout_seconds = section.read_timeout
        self._executor = executor.FleetExecutor(
            concurrency=section.concurrency,
            call_timeout_seconds=section.call_timeout,
        )
        self._log_filter = log_filter.install()

    def stop(self) -> None:
        """Start no further work on any BMC."""
        self._executor.close()
        self._inventory.stop()
        if self._log_filter is not None:
            log_filter.remove(self._log_filter)
            self._log_filter = None

    def get_properties(self) -> dict[str, str]:
        """Return the fields of a target in the inventory file."""
        return {
            name: field.description or ''
            for name, field in entry.Entry.model_fields.items()
        }

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        """Check that exactly one selector is given, and that targets exist.

        :raises: MissingParameterValue, InvalidParameterValue
        """
        given = {name: kwargs.get(name) for name in _SELECTORS}
        chosen_by = [
            name for name, value in given.items() if value is not None
        ]
        if len(chosen_by) > 1:
            raise errors.InvalidParameterValue(
                f'Give only one of: {", ".join(chosen_by)}'
            )
        if not chosen_by and method != 'inventory':
            raise errors.MissingParameterValue(
                f'The method {method} needs one of: {", ".join(_SELECTORS)}'
            )
        self._choose(**given)

    @base.driver_passthru(['GET'], async_call=False, target=_NAMES)
    def inventory(
        self,
        context: request_context.RequestContext,
        *,
        target: Target = None,
        targets: Targets = None,
        tag: Tag = None,
    ) -> dict[str, failures.Item]:
        """Return model, serial number, power state and health of targets.

        Values that the BMC does not report are ``null``.
        """
        chosen = self._choose(target=target, targets=targets, tag=tag)
        return self._each(context, chosen, lambda system: system.state())

    @base.driver_passthru(['PUT'], async_call=False, target=_NAMES)
    def indicator_led(
        self,
        context: request_context.RequestContext,
        *,
        state: Annotated[
            Literal['Lit', 'Blinking', 'Off'],
            pydantic.Field(description='State of the LED.'),
        ],
        target: Target = None,
        targets: Targets = None,
        tag: Tag = None,
    ) -> dict[str, failures.Item]:
        """Set the indicator LED of targets."""
        chosen = self._choose(target=target, targets=targets, tag=tag)
        return self._each(
            context,
            chosen,
            lambda system: system.set_indicator_led(state),
            late=failures.OUTCOME_UNKNOWN,
        )

    @base.driver_passthru(['POST'], async_call=False, target=_NAMES)
    def eject_vmedia(
        self,
        context: request_context.RequestContext,
        *,
        device: Annotated[
            Literal['CD', 'DVD', 'Floppy', 'USBStick'] | None,
            pydantic.Field(
                description='Eject only from devices that take this medium.'
            ),
        ] = None,
        target: Target = None,
        targets: Targets = None,
        tag: Tag = None,
    ) -> dict[str, failures.Item]:
        """Eject the virtual media that are inserted in targets.

        ``ejected`` lists the ejected devices; it is empty if nothing was
        inserted. If one of several devices fails, the item contains both
        ``error`` and the devices that had been ejected before.
        """
        chosen = self._choose(target=target, targets=targets, tag=tag)
        return self._each(
            context,
            chosen,
            lambda system: system.eject_vmedia(device),
            late=failures.OUTCOME_UNKNOWN,
        )

    def _each(
        self,
        context: request_context.RequestContext,
        targets: list[bmc_target.Target],
        act: Callable[[bmc.Bmc], failures.Item],
        *,
        late: failures.BmcFailure = failures.TIMEOUT,
    ) -> dict[str, failures.Item]:
        """Run ``act`` for each of ``targets``; return their items by name.

        Each target is reported when its work starts, so that targets that
        were not attempted are not reported.
        """

        def work(
            target: bmc_target.Target, deadline: call_deadline.Deadline
        ) -> failures.Item:
            context.report_targets([target.name])
            connection = connector.Connector(
                target.address,
                deadline,
                connect_timeout_seconds=self._connect_timeout_seconds,
                read_timeout_seconds=self._read_timeout_seconds,
            )
            with connection:
                return act(bmc.Bmc(target, connection))

        return self._executor.run(work, targets, late=late)

    def _choose(
        self,
        *,
        target: str | None,
        targets: list[str] | None,
        tag: str | None,
    ) -> list[bmc_target.Target]:
        current = self._inventory.current()
        if target is not None:
            return current.named([target])
        if targets is not None:
            return current.named(targets)
        if tag is not None:
            return current.tagged(tag)
        return current.everything()
