# SPDX-License-Identifier: Apache-2.0
"""Virtual media devices of a system."""

import contextlib
import re
from collections.abc import Iterator

from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import isolation
from ironic_passthru.drivers.redfish import resource


class MediaDevices:
    """Devices of a system and of its managers; iterate over them.

    Up to ComputerSystem 1.12 (2020), only managers have the devices.

    :ivar errors: errors of resources that could not be read; they affect
        only these resources.
    """

    def __init__(self, machine: bmc.Bmc) -> None:
        self.errors: list[failures.BmcError] = []
        self._machine = machine
        self._seen: set[str] = set()
        self._has_collection = False

    def __iter__(self) -> Iterator[resource.Resource]:
        """Read the devices, those of the system first, each once.

        :raises: NotSupported at the end if there is no collection of devices.
        """
        yield from self._of(self._machine.system)
        paths: list[str] = []
        with self._isolated():
            paths = self._machine.manager_paths()
        for path in paths:
            owner = None
            with self._isolated():
                owner = self._machine.client.get(path)
            if owner is not None:
                yield from self._of(owner)
        if not self._has_collection and not self.errors:
            raise failures.NotSupported()

    def _of(self, owner: resource.Resource) -> Iterator[resource.Resource]:
        link = owner.link('VirtualMedia')
        if link is None:
            return
        self._has_collection = True
        client = self._machine.client
        paths: list[str] = []
        with self._isolated():
            paths = client.member_paths(client.get(link))
        for path in paths:
            # Some BMCs list the devices of the manager for the system.
            if path in self._seen:
                continue
            self._seen.add(path)
            device = None
            with self._isolated():
                device = client.get(path)
            if device is not None:
                yield device

    def _isolated(self) -> contextlib.AbstractContextManager[None]:
        return isolation.isolated(self.errors.append)


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
        'image': _without_secrets(device.text('Image')),
        'inserted': is_loaded(device),
        'media_types': device.texts('MediaTypes'),
        'write_protected': device.flag('WriteProtected'),
        'connected_via': device.text('ConnectedVia'),
    }


def _without_secrets(image: str | None) -> str | None:
    """Return a URL without user, password, query and fragment.

    Queries of object stores are signatures.
    """
    if image is None:
        return None
    image = re.split(r'[?#]', image, maxsplit=1)[0]
    return re.sub(r'^(\w+:)?//[^/]*@', r'\1//', image)
