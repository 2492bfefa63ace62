# SPDX-License-Identifier: Apache-2.0
"""Actions on the system of one BMC, with sushy."""

import enum
import logging
from typing import Any
from urllib import parse

import sushy
from sushy import auth as sushy_auth
from sushy import exceptions as sushy_exceptions

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import connector as bmc_connector
from ironic_passthru.drivers.redfish import failures

LOG = logging.getLogger(__name__)

# Longest text of a BMC in a result, in characters.
_MAX_TEXT = 255


class Bmc:
    """The system of one target, over an open connection.

    :raises: from every method the exceptions of :mod:`failures`.
    """

    def __init__(
        self,
        target: bmc_target.Target,
        connector: bmc_connector.Connector,
    ) -> None:
        self._connector = connector
        # Basic authentication needs no session: most BMCs support only a few
        # sessions, and an interrupted call would not close its session.
        root = sushy.Sushy(
            target.name,
            auth=sushy_auth.BasicAuth(
                target.address.username, target.address.password
            ),
            connector=connector,
        )
        self._system = root.get_system(_system_path(root, target.system_id))

    def state(self) -> failures.Item:
        """Return model, serial number, power state and health."""
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
        """Eject inserted media from the devices of the type ``device``.

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
                # Earlier devices stay ejected, so the item lists them.
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
            # Up to ComputerSystem 1.12 (2020), managers have the devices.
            return [
                drive
                for manager in self._system.managers
                for drive in manager.virtual_media.get_members()
            ]

    def _eject(self, drive: Any) -> None:
        """Send the one request that ejects.

        sushy's ``eject_media()`` sends a second request if the first, without
        a body, is rejected, and treats most rejections as success. Every BMC
        must accept an empty object as the body (DSP0266).
        """
        actions = drive.json.get('Actions') or {}
        action = actions.get('#VirtualMedia.EjectMedia') or {}
        if action.get('target'):
            self._connector.post(action['target'], data={})
            return
        # Older firmware of some vendors has a writable state, but no action.
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
    """Return the path of the system that the inventory names."""
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
    # Inserted is optional; without it, an image means inserted.
    return bool(drive.image if drive.inserted is None else drive.inserted)


def _text(value: object) -> str | None:
    """Return a string of a document, ``None`` for any other type.

    Terminals of callers show it: unprintable characters are removed, and a
    long text is truncated.
    """
    if isinstance(value, enum.Enum):
        value = value.value
    if not isinstance(value, str):
        return None
    return ''.join(filter(str.isprintable, value[:_MAX_TEXT]))
