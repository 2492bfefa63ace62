# SPDX-License-Identifier: Apache-2.0
"""The system of one BMC, its managers and chassis."""

from urllib import parse

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource


class Bmc:
    """One target during a call; everything is read when it is needed.

    :ivar target: the target.
    :ivar client: for requests of methods.
    :raises: from every member the exceptions of :mod:`failures`.
    """

    def __init__(
        self, target: bmc_target.Target, client: bmc_client.BmcClient
    ) -> None:
        self.target = target
        self.client = client
        self._system: resource.Resource | None = None

    # Not cached_property: up to Python 3.11 it has one lock for all objects.
    @property
    def system(self) -> resource.Resource:
        """The system that the inventory names, or the only one.

        It is read once; use :meth:`refresh` after a change.

        :raises: NoSuchSystem.
        """
        if self._system is None:
            self._system = self.client.get(self._system_path())
        return self._system

    def refresh(self) -> resource.Resource:
        """Read the system again and return it."""
        self._system = self.client.get(self.system.path)
        return self._system

    def managers(self) -> list[resource.Resource]:
        """Read the managers of the system; an empty list if it has none."""
        return [self.client.get(path) for path in self.manager_paths()]

    def manager_paths(self) -> list[str]:
        """Return the paths of the system's managers without reading them."""
        return self._related('ManagedBy', 'Managers')

    def chassis(self) -> list[resource.Resource]:
        """Read the chassis of the system; an empty list if it has none."""
        return [self.client.get(path) for path in self.chassis_paths()]

    def chassis_paths(self) -> list[str]:
        """Return the paths of the system's chassis without reading them."""
        return self._related('Chassis', 'Chassis')

    def state(self) -> failures.Item:
        """Return model, serial number, power state and health."""
        system = self.system
        return {
            'reachable': True,
            'manufacturer': system.text('Manufacturer'),
            'model': system.text('Model'),
            'serial_number': system.text('SerialNumber'),
            'power_state': system.text('PowerState'),
            'health': system.text('Status', 'Health'),
        }

    def _system_path(self) -> str:
        wanted = self.target.system_id
        if wanted is not None and wanted.startswith('/'):
            return wanted
        systems = self.client.follow(self.client.root(), 'Systems')
        paths = self.client.member_paths(systems)
        if wanted is not None:
            paths = [path for path in paths if _last_part(path) == wanted]
        if len(paths) != 1:
            raise failures.NoSuchSystem()
        return paths[0]

    def _related(self, link: str, collection: str) -> list[str]:
        """Return paths of links of the system.

        A system without links has the only member of a collection of the
        service root; one of several may belong to another system.
        """
        paths = self.system.links('Links', link)
        if paths or self.client.root().link(collection) is None:
            return list(dict.fromkeys(paths))
        members = self.client.member_paths(
            self.client.follow(self.client.root(), collection)
        )
        return members if len(members) == 1 else []


def _last_part(path: str) -> str:
    return parse.unquote(path.rstrip('/').rpartition('/')[2])
