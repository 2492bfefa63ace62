# SPDX-License-Identifier: Apache-2.0
"""Methods that list and eject virtual media."""

from typing import Annotated
from typing import Literal
from typing import Unpack

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish import virtual_media as media
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_EJECT = '#VirtualMedia.EjectMedia'

_Device = Annotated[
    Literal['CD', 'DVD', 'Floppy', 'USBStick'] | None,
    pydantic.Field(
        description='Eject only from devices that take this medium.'
    ),
]


class MediaItem(results.PartialItem):
    """The virtual media devices of a target."""

    devices: list[media.MediaDevice]


class EjectedMediaItem(results.ChangedItem):
    """The ejected media."""

    ejected: list[str]
    """Names of the devices."""


class VirtualMediaMethods(fleet.FleetMethods):
    """The methods ``virtual_media`` and ``eject_vmedia``."""

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def virtual_media(
        self,
        context: request_context.RequestContext,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[MediaItem]:
        """Return the virtual media devices of targets and their media.

        ``devices`` is a list with ``device``, ``name``, ``image`` (without
        credentials and query), ``inserted``, ``media_types``,
        ``write_protected`` and ``connected_via``; ``warnings`` are about
        devices that could not be read.
        """
        return self._each(context, options, read_devices)

    @base.driver_passthru(['POST'], async_call=False, target=selection.NAMES)
    def eject_vmedia(
        self,
        context: request_context.RequestContext,
        *,
        device: _Device = None,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[EjectedMediaItem]:
        """Eject the virtual media that are inserted in targets.

        ``ejected`` lists the ejected devices; it is empty, and ``changed``
        false, if nothing was inserted. If one of several devices fails, the
        item contains both ``error`` and the devices that had been ejected
        before.
        """
        return self._each(
            context,
            options,
            lambda machine: eject(machine, device),
            change=True,
        )


def read_devices(machine: bmc.Bmc) -> failures.Item:
    """Return the devices of the system and its managers.

    :raises: NotSupported if there is no collection of devices; the error of
        the only one.
    """
    found = media.MediaDevices(machine)
    devices = [media.describe(device) for device in found]
    warnings = found.reader.warnings
    found.reader.check(found=bool(devices) or not warnings)
    return {'reachable': True, 'devices': devices, 'warnings': warnings}


def eject(machine: bmc.Bmc, media_type: str | None) -> failures.Item:
    """Eject inserted media; an error affects one device only.

    :param media_type: a Redfish media type; ``None`` for every device.
    :returns: the item of the target, with the first error, if any: media
        that were ejected stay ejected.
    """
    found = media.MediaDevices(machine)
    ejected: list[str] = []
    has_device = False
    error: failures.BmcError | None = None
    try:
        for device in found:
            if media_type not in (None, *device.texts('MediaTypes')):
                continue
            has_device = True
            with found.reader.isolated(device.path):
                if media.is_loaded(device):
                    _eject_one(machine, device)
                    ejected.append(device.identity)
        if media_type and not has_device and not found.reader.error:
            raise failures.NoSuchDevice()
    except failures.BmcError as exc:
        error = exc
    # Whether a medium was ejected matters more than an odd device.
    if not isinstance(error, failures.ChangeOutcomeUnknown):
        error = found.reader.error or error
    item = partial_reader.item_of_changes(error, ejected)
    return item | {'ejected': ejected}


def _eject_one(machine: bmc.Bmc, device: resource.Resource) -> None:
    if device.action(_EJECT) is not None:
        machine.client.act(device, _EJECT)
    elif device.allows('PATCH'):
        # Older firmware of some vendors has a writable state, but no action.
        machine.client.patch(device, {'Image': None, 'Inserted': False})
    else:
        raise failures.NotSupported()
