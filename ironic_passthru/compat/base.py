# SPDX-License-Identifier: Apache-2.0
"""Replacement of ``ironic.drivers.base``.

A file that contains more than a vendor interface loads as a whole: the other
interfaces and the decorators of steps exist, but the service does not call
them.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import TypeVar

from ironic_passthru.drivers import base

_Function = TypeVar('_Function', bound=Callable[..., Any])


class BaseInterface:
    """Base of the interfaces of a hardware type."""

    supported = True
    interface_type = 'base'

    def get_properties(self) -> dict[str, str]:
        """Return the properties of the interface with descriptions."""
        return {}

    def validate(self, task: Any, **kwargs: Any) -> None:
        """Accept a node; the service has no nodes and does not call it."""


class BareDriver:
    """Base of the set of interfaces of a node, which is not used here."""


# Types of the arguments of steps.
ArgInfo = BaseStep = CleanStep = DeployStep = ServiceStep = VerifyStep = dict


def _interface(interface_type: str) -> type[BaseInterface]:
    name = f'{interface_type}Interface'
    members = {
        '__doc__': 'An interface that the service does not call.',
        '__module__': __name__,
        'interface_type': interface_type.lower(),
    }
    return type(name, (BaseInterface,), members)


BIOSInterface = _interface('BIOS')
BootInterface = _interface('Boot')
ConsoleInterface = _interface('Console')
DeployInterface = _interface('Deploy')
FirmwareInterface = _interface('Firmware')
InspectInterface = _interface('Inspect')
ManagementInterface = _interface('Management')
NetworkInterface = _interface('Network')
PowerInterface = _interface('Power')
RAIDInterface = _interface('RAID')
RescueInterface = _interface('Rescue')
StorageInterface = _interface('Storage')


class VendorInterface(base.VendorInterface, BaseInterface):
    """A vendor interface whose methods take the context as in Ironic."""

    interface_type = 'vendor'


def driver_passthru(
    http_methods: Sequence[str],
    method: str | None = None,
    async_call: bool = True,
    description: str | None = None,
    attach: bool = False,
    **options: Any,
) -> Callable[[_Function], _Function]:
    """Publish the decorated function as a vendor passthru method.

    The first parameter receives the context, whatever its name, as in
    Ironic. The parameters of the request are passed by name.

    :param options: further arguments of
        :func:`ironic_passthru.drivers.base.driver_passthru`.
        ``require_exclusive_lock`` has no effect: there are no nodes.
    :raises: ValueError for an argument with an invalid value.
    """
    options.pop('require_exclusive_lock', None)
    decorate = base.driver_passthru(
        http_methods, method, async_call, description, attach, **options
    )

    def decorate_with_context(function: _Function) -> _Function:
        decorate(function)
        mark = base.passthru_mark(function)
        if mark is not None:
            base.set_mark(
                function, dataclasses.replace(mark, context_first=True)
            )
        return function

    return decorate_with_context


#: Ignores a passthru method of a node.
passthru = base.passthru


def clean_step(
    *_args: Any, **_options: Any
) -> Callable[[_Function], _Function]:
    """Return the function: the service runs no steps."""
    return lambda function: function


deploy_step = service_step = verify_step = clean_step


def cache_bios_settings(function: _Function) -> _Function:
    """Return the function: the service caches nothing about nodes."""
    return function


cache_firmware_components = cache_bios_settings
