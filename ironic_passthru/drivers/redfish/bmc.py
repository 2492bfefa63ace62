# SPDX-License-Identifier: Apache-2.0
"""What can be done to the system behind one BMC, in terms of sushy."""

import enum
import logging
from typing import Any
from urllib import parse

import sushy
from sushy import auth as sushy_auth
from sushy import exceptions as sushy_exceptions

from ironic_passthru.drivers.redfish import connector as bmc_connector
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import inventory

LOG = logging.getLogger(__name__)

# Characters of a text that a BMC wrote and a caller gets.
_MAX_TEXT = 255


class Bmc:
    """The system of one target, over an open connection.

    :raises: from every method what :mod:`failures` classifies.
    """

    def __init__(
        self,
        target: inventory.Target,
        connector: bmc_connector.Connector,
    ) -> None:
        self._connector = connector
        # Logging in at each request needs no session on the BMC: few BMCs
        # have many, and one that is cut off would be left there.
        root = sushy.Sushy(
            target.name,
            auth=sushy_auth.BasicAuth(
                target.address.username, target.address.password
            ),
            connector=connector,
        )
        self._system = root.get_system(_system_path(root, target.system_id))

    def facts(self) -> failures.Item:
        """Return what the system is and how it does."""
        system = self._system
        return {
            'reachable': True,
            'manufacturer': _text(system.manufacturer),
            'model': _text(system.model),
            'serial_number': _text(system.serial_number),
            'power_state': _text(system.power_state),
            'health': _text(system.status and system.status.health),
        }

    def set_indicator_led(self, state: str) -> failures.Item:
        """Make the system's indicator LED ``Lit``, ``Blinking`` or ``Off``."""
        self._system.set_indicator_led(sushy.IndicatorLED(state))
        return {'reachable': True, 'state': state}

    def eject_vmedia(self, device: str | None) -> failures.Item:
        """Eject what is inserted in the devices of the kind ``device``.

        :param device: a Redfish media type; ``None`` for every device.
        """
        drives = [
            drive
            for drive in self._drives()
            if device is None or device in map(_text, drive.media_types)
        ]
        if device is not None and not drives:
            raise failures.NoSuchDevice()
        ejected: list[str] = []
        for drive in filter(_is_loaded, drives):
            try:
                self._eject(drive)
            except Exception as exc:
                # What was ejected before stays ejected, so it is told.
                LOG.debug('Ejecting failed', exc_info=True)
                return {
                    **failures.classify(exc).item(),
                    'ejected': ejected,
                }
            ejected.append(_text(drive.identity) or '')
        return {'reachable': True, 'ejected': ejected}

    def _drives(self) -> list[Any]:
        try:
            return list(self._system.virtual_media.get_members())
        except sushy_exceptions.MissingAttributeError:
            # Up to ComputerSystem 1.12 (2020) they belonged to the manager.
            return [
                drive
                for manager in self._system.managers
                for drive in manager.virtual_media.get_members()
            ]

    def _eject(self, drive: Any) -> None:
        """Send the one request that ejects.

        sushy's ``eject_media()`` sends a second one when the first, without
        a body, is refused, and takes most refusals for success. An empty
        object is the body that every BMC has to accept (DSP0266).
        """
        actions = drive.json.get('Actions') or {}
        action = actions.get('#VirtualMedia.EjectMedia') or {}
        if action.get('target'):
            self._connector.post(action['target'], data={})
            return
        # Older firmware of some vendors has no action but a writable state.
        headers = self._connector.get(drive.path).headers
        if 'PATCH' not in headers.get('Allow', '').upper():
            raise sushy_exceptions.MissingActionError(
                action='#VirtualMedia.EjectMedia', resource=drive.path
            )
        self._connector.patch(
            drive.path,
            data={'Image': None, 'Inserted': False},
            etag=headers.get('ETag'),
        )


def _system_path(root: sushy.Sushy, system_id: str | None) -> str:
    """Return the path of the system that the inventory means."""
    if system_id is not None and system_id.startswith('/'):
        return system_id
    paths = root.get_system_collection().members_identities
    if system_id is not None:
        paths = [path for path in paths if _last_part(path) == system_id]
    if len(paths) != 1:
        raise failures.NoSuchSystem()
    return str(paths[0])


def _last_part(path: str) -> str:
    return parse.unquote(path.rstrip('/').rpartition('/')[2])


def _is_loaded(drive: Any) -> bool:
    # Inserted is optional; an image that is set counts where it is absent.
    return bool(drive.image if drive.inserted is None else drive.inserted)


def _text(value: object) -> str | None:
    """Return a value of a document as text, ``None`` for any other kind.

    It goes to callers and their terminals: what cannot be printed is left
    out, and a long text is cut.
    """
    if isinstance(value, enum.Enum):
        value = value.value
    if not isinstance(value, str):
        return None
    return ''.join(filter(str.isprintable, value[:_MAX_TEXT]))
