# SPDX-License-Identifier: Apache-2.0
"""Hardware types of Ironic and their vendor interfaces."""

import inspect
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from ironic.drivers import base as ironic_base
from ironic.drivers import hardware_type
from ironic.drivers.modules import noop

from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import problems
from ironic_passthru.drivers.ironic import adapter

TYPES = 'ironic.hardware.types'
VENDOR_INTERFACES = 'ironic.hardware.interfaces.vendor'


def instances(
    types: Iterable[tuple[str, str]],
) -> Iterator[tuple[str, base.VendorInterface]]:
    """Yield a driver for each hardware type, with its name.

    :param types: names of hardware types, each with the name of a vendor
        interface; empty for the default.
    :raises: DriverLoadError.
    """
    for name, interface in types:
        yield name, _driver(name, interface)


def _driver(name: str, interface: str) -> base.VendorInterface:
    made = entry_points.instance(name, group=TYPES)
    if not isinstance(made, hardware_type.AbstractHardwareType):
        raise errors.DriverLoadError(
            driver=name,
            reason=f'{type(made).__name__} is not a hardware type of Ironic',
        )
    with entry_points.reported(name, 'supported_vendor_interfaces failed'):
        supported = list(made.supported_vendor_interfaces)
    vendor = _instance(name, interface, supported)
    problem = _problem_of_routes(vendor)
    if problem:
        place = problems.place_of_class(type(vendor))
        raise errors.DriverLoadError(
            driver=name,
            reason=f'{place}: class {type(vendor).__name__} {problem}',
        )
    return adapter.IronicVendor(vendor)


def _problem_of_routes(vendor: Any) -> str | None:
    """Return why the driver methods of a vendor interface cannot be served."""
    routes = getattr(vendor, 'driver_routes', None)
    if routes is None:
        return (
            "has no attribute 'driver_routes'; its __new__ must call "
            'super().__new__(cls)'
        )
    if not routes:
        return 'has no driver_passthru method; methods of nodes are not served'
    for name, route in routes.items():
        function = inspect.unwrap(route['func'])
        if not inspect.isroutine(function):
            return (
                f"has a {type(function).__name__} object as method '{name}'; "
                'use a method'
            )
    return None


def _instance(name: str, interface: str, supported: list[Any]) -> Any:
    """Return an instance of the vendor interface of a hardware type.

    :param interface: name of its entry point; empty for the default.
    :raises: DriverLoadError.
    """
    if interface:
        vendor = entry_points.instance(
            name, group=VENDOR_INTERFACES, entry_name=interface
        )
        if not isinstance(vendor, tuple(supported)):
            raise errors.DriverLoadError(
                driver=name,
                reason=f"the hardware type does not support '{interface}'; "
                f'it supports {_names(supported)}',
            )
    else:
        # The order of the list is that of preference, as in Ironic.
        usable = [kind for kind in supported if kind is not noop.NoVendor]
        if not usable:
            raise errors.DriverLoadError(
                driver=name,
                reason='the hardware type has no vendor interface',
            )
        with entry_points.reported(name, ''):
            vendor = usable[0]()
    if not isinstance(vendor, ironic_base.VendorInterface):
        raise errors.DriverLoadError(
            driver=name,
            reason=f'{type(vendor).__name__} is not a VendorInterface of '
            'Ironic',
        )
    return vendor


def _names(kinds: Iterable[Any]) -> str:
    return ', '.join(kind.__name__ for kind in kinds) or 'none'
