# SPDX-License-Identifier: Apache-2.0
"""Virtual media devices of a system."""

from collections.abc import Iterator

from typing_extensions import TypedDict

from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource


class MediaDevice(TypedDict):
    """A virtual media device and its medium."""

    device: str
    """Id of the device."""
    name: str | None
    image: str | None
    """URL without credentials and query."""
    inserted: bool
    media_types: list[str]
    """Such as ``CD``."""
    write_protected: bool | None
    connected_via: str | None
    """Such as ``URI``."""


class MediaDevices:
    """Devices of a system and of its managers; iterate over them.

    Up to ComputerSystem 1.12 (2020), only managers have the devices.

    :ivar reader: has the errors of resources that could not be read.
    """

    def __init__(self, machine: bmc.Bmc) -> None:
        self.reader = partial_reader.PartialReader(machine.client)
        self._machine = machine

    def __iter__(self) -> Iterator[resource.Resource]:
        """Read the devices, those of the system first, each once.

        :raises: NotSupported at the end if there is no collection of devices.
        """
        has_collection = False
        # Some BMCs list the devices of the manager for the system.
        seen: set[str] = set()
        for owner in self._owners():
            has_collection |= owner.link('VirtualMedia') is not None
            collection = self.reader.follow(owner, 'VirtualMedia')
            paths = self.reader.member_paths(collection)
            new = [each for each in dict.fromkeys(paths) if each not in seen]
            seen.update(new)
            yield from self.reader.get_all(new)
        if not has_collection:
            self.reader.check(found=self.reader.error is not None)

    def _owners(self) -> Iterator[resource.Resource]:
        yield self._machine.system
        yield from self.reader.owners(self._machine.manager_paths, 'Managers')


def is_loaded(device: resource.JsonObject) -> bool:
    """Return whether a medium is inserted."""
    # Inserted is optional; without it, an image means inserted.
    inserted = device.flag('Inserted')
    return bool(device.text('Image')) if inserted is None else inserted


def describe(device: resource.Resource) -> failures.Item:
    """Return state and abilities of a device (VirtualMedia 1.3)."""
    return {
        'device': device.identity,
        'name': device.text('Name'),
        'image': resource.printable_url(device.value('Image')),
        'inserted': is_loaded(device),
        'media_types': device.texts('MediaTypes'),
        'write_protected': device.flag('WriteProtected'),
        'connected_via': device.text('ConnectedVia'),
    }
