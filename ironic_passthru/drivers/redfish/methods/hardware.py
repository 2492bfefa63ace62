# SPDX-License-Identifier: Apache-2.0
"""Method that reads the components of systems."""

from collections.abc import Iterable
from typing import TypeVar
from typing import Unpack

from typing_extensions import TypedDict

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_Object = TypeVar('_Object', bound=resource.JsonObject)

#: Maximum number of requests for one target.
MAX_REQUESTS = 200


class ProcessorModule(TypedDict):
    """A processor."""

    id: str
    slot: str | None
    type: str | None
    """Such as ``CPU`` or ``GPU``."""
    model: str | None
    cores: float | None
    threads: float | None
    speed_mhz: float | None
    health: str | None


class Processors(TypedDict):
    """Numbers of processors, and each of them."""

    count: float | None
    model: str | None
    cores: float | None
    threads: float | None
    modules: list[ProcessorModule]


class MemoryModule(TypedDict):
    """A memory module."""

    id: str
    slot: str | None
    type: str | None
    """Such as ``DDR5``."""
    size_mib: float | None
    speed_mhz: float | None
    manufacturer: str | None
    part_number: str | None
    serial_number: str | None
    health: str | None


class Memory(TypedDict):
    """Size of the memory, and each module."""

    total_gib: float | None
    modules: list[MemoryModule]


class Drive(TypedDict):
    """A drive."""

    id: str | None
    controller: str
    """Id of the storage resource."""
    name: str | None
    manufacturer: str | None
    model: str | None
    serial_number: str | None
    capacity_bytes: float | None
    media_type: str | None
    """Such as ``SSD``."""
    protocol: str | None
    """Such as ``NVMe``."""
    firmware: str | None
    health: str | None


class EthernetPort(TypedDict):
    """An Ethernet interface."""

    id: str
    mac: str | None
    """MAC address."""
    speed_mbps: float | None
    link: str | None
    """Such as ``LinkUp``."""
    health: str | None


class NetworkAdapter(TypedDict):
    """A network adapter of the chassis."""

    id: str
    manufacturer: str | None
    model: str | None
    serial_number: str | None
    firmware: str | None
    health: str | None


class FirmwareVersions(TypedDict):
    """Versions of firmware."""

    bios: str | None
    managers: dict[str, str | None]
    """Versions by Id of the manager."""


class HardwareItem(results.PartialItem):
    """The components of a target."""

    processors: Processors
    memory: Memory
    drives: list[Drive]
    nics: list[EthernetPort]
    firmware: FirmwareVersions
    adapters: list[NetworkAdapter]


class HardwareMethods(fleet.FleetMethods):
    """The method ``hardware``."""

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def hardware(
        self,
        context: request_context.RequestContext,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[HardwareItem]:
        """Return processors, memory, drives, NICs and versions of targets.

        Items have ``processors``, ``memory``, ``drives``, ``nics``,
        ``adapters``, ``firmware`` and ``warnings`` about unreadable
        resources. Values that the BMC does not report are ``null``.
        """
        return self._each(context, options, read)


def read(machine: bmc.Bmc) -> failures.Item:
    """Return the item with all components of a system."""
    system = machine.system
    reader = partial_reader.PartialReader(
        machine.client, max_requests=MAX_REQUESTS
    )
    return {
        'reachable': True,
        'processors': _processors(system, reader),
        'memory': _memory(system, reader),
        'drives': _drives(system, reader),
        'nics': [
            {
                'id': each.identity,
                'mac': each.text('MACAddress')
                or each.text('PermanentMACAddress'),
                'speed_mbps': each.number('SpeedMbps'),
                'link': each.text('LinkStatus'),
                'health': each.text('Status', 'Health'),
            }
            for each in reader.members(system, 'EthernetInterfaces')
        ],
        'firmware': {
            'bios': system.text('BiosVersion'),
            'managers': {
                each.identity: each.text('FirmwareVersion')
                for each in reader.owners(machine.manager_paths, 'Managers')
            },
        },
        # Last, as the least important part if requests run out.
        'adapters': list(_adapters(machine, reader)),
        'warnings': reader.warnings,
    }


def _processors(
    system: resource.Resource, reader: partial_reader.PartialReader
) -> failures.Item:
    """Return processors; the summary where details are missing.

    ``CoreCount`` exists since ComputerSystem 1.14 (2021).
    """
    modules: list[failures.Item] = [
        {
            'id': each.identity,
            'slot': each.text('Socket'),
            'type': each.text('ProcessorType'),
            'model': each.text('Model'),
            'cores': each.number('TotalCores'),
            'threads': each.number('TotalThreads'),
            'speed_mhz': each.number('MaxSpeedMHz'),
            'health': each.text('Status', 'Health'),
        }
        for each in _present(reader.members(system, 'Processors'))
    ]
    # Accelerators are processors, too.
    central = [each for each in modules if each['type'] in ('CPU', None)]
    totals = {
        name: _total(each[name] for each in central)
        for name in ('cores', 'threads')
    }
    found = system.mapping('ProcessorSummary')
    models = [each['model'] for each in central if each['model']]
    return {
        'count': found.number('Count') or len(central) or None,
        'model': found.text('Model') or (models[0] if models else None),
        'cores': found.number('CoreCount') or totals['cores'],
        'threads': found.number('LogicalProcessorCount') or totals['threads'],
        'modules': modules,
    }


def _memory(
    system: resource.Resource, reader: partial_reader.PartialReader
) -> failures.Item:
    modules: list[failures.Item] = [
        {
            'id': each.identity,
            'slot': each.text('DeviceLocator')
            or each.text('Location', 'PartLocation', 'ServiceLabel'),
            'type': each.text('MemoryDeviceType'),
            'size_mib': each.number('CapacityMiB'),
            'speed_mhz': each.number('OperatingSpeedMhz'),
            'manufacturer': each.text('Manufacturer'),
            'part_number': each.text('PartNumber'),
            'serial_number': each.text('SerialNumber'),
            'health': each.text('Status', 'Health'),
        }
        for each in _present(reader.members(system, 'Memory'))
    ]
    total = system.number('MemorySummary', 'TotalSystemMemoryGiB')
    mib = _total(each['size_mib'] for each in modules)
    if total is None and mib is not None:
        total = mib / 1024
    return {'total_gib': total, 'modules': modules}


def _drives(
    system: resource.Resource, reader: partial_reader.PartialReader
) -> list[failures.Item]:
    """Return drives; those of SimpleStorage only if there are no others."""
    paths: dict[str, str] = {}
    for storage in reader.members(system, 'Storage'):
        for path in storage.links('Drives'):
            paths.setdefault(path, storage.identity)
    if paths:
        found = [(reader.get(path), name) for path, name in paths.items()]
        return [
            {'id': drive.identity, 'controller': name, **_drive(drive)}
            for drive, name in found
            if drive is not None and _is_present(drive)
        ]
    return [
        {
            'id': device.text('Name'),
            'controller': storage.identity,
            **_drive(device),
        }
        for storage in reader.members(system, 'SimpleStorage')
        for device in _present(storage.mappings('Devices'))
    ]


def _drive(drive: resource.JsonObject) -> failures.Item:
    return {
        'name': drive.text('Name'),
        'manufacturer': drive.text('Manufacturer'),
        'model': drive.text('Model'),
        'serial_number': drive.text('SerialNumber'),
        'capacity_bytes': drive.number('CapacityBytes'),
        'media_type': drive.text('MediaType'),
        'protocol': drive.text('Protocol'),
        'firmware': drive.text('Revision'),
        'health': drive.text('Status', 'Health'),
    }


def _adapters(
    machine: bmc.Bmc, reader: partial_reader.PartialReader
) -> Iterable[failures.Item]:
    """Yield network adapters, which belong to the chassis."""
    for chassis in reader.owners(machine.chassis_paths, 'Chassis'):
        for each in _present(reader.members(chassis, 'NetworkAdapters')):
            controllers = each.mappings('Controllers')
            yield {
                'id': each.identity,
                'manufacturer': each.text('Manufacturer'),
                'model': each.text('Model'),
                'serial_number': each.text('SerialNumber'),
                'firmware': next(
                    (c.text('FirmwarePackageVersion') for c in controllers),
                    None,
                ),
                'health': each.text('Status', 'Health'),
            }


def _present(found: Iterable[_Object]) -> Iterable[_Object]:
    """Leave out empty slots."""
    return filter(_is_present, found)


def _is_present(found: resource.JsonObject) -> bool:
    return found.text('Status', 'State') != 'Absent'


def _total(values: Iterable[float | None]) -> float | None:
    """Return a sum; ``None`` if there are no values, or one is unknown."""
    known = list(values)
    if not known or None in known:
        return None
    return sum(value for value in known if value is not None)
