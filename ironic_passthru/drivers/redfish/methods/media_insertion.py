# SPDX-License-Identifier: Apache-2.0
"""Method that inserts virtual media."""

import dataclasses
import re
from typing import Annotated
from typing import Any
from typing import Literal
from typing import Unpack

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import allowable
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish import virtual_media
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_INSERT = '#VirtualMedia.InsertMedia'

# Without user: it would be part of logs and results.
_IMAGE_URL = re.compile(r'(https?|nfs|cifs)://[^/?#@\s]+/\S+')

_Image = Annotated[
    str,
    pydantic.Field(
        max_length=2048,
        description='URL of the image: http, https, nfs or cifs.',
    ),
]
_Device = Annotated[
    Literal['CD', 'DVD', 'Floppy', 'USBStick'],
    pydantic.Field(description='Medium that the device must take.'),
]
_WriteProtected = Annotated[
    bool, pydantic.Field(description='Whether the system cannot write.')
]
_Username = Annotated[
    str | None,
    pydantic.Field(max_length=255, description='User of the image server.'),
]
_Password = Annotated[
    str | None,
    pydantic.Field(
        max_length=255, description='Password for the image server.'
    ),
]


@dataclasses.dataclass(frozen=True)
class Medium:
    """A medium to insert.

    :param media_type: a Redfish media type.
    """

    image: str
    media_type: str
    write_protected: bool = True
    username: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)


class InsertedMediumItem(results.ChangedItem, virtual_media.MediaDevice):
    """The device with the medium."""


class MediaInsertionMethods(fleet.FleetMethods):
    """The method ``insert_vmedia``."""

    @base.driver_passthru(
        ['PUT'],
        async_call=False,
        target=selection.NAMES,
        secret=('password', 'Password'),
    )
    def insert_vmedia(
        self,
        context: request_context.RequestContext,
        *,
        image: _Image,
        device: _Device = 'CD',
        write_protected: _WriteProtected = True,
        username: _Username = None,
        password: _Password = None,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[InsertedMediumItem]:
        """Insert an image into a virtual media device of targets.

        Nothing is sent to a target in which the image is inserted
        (``changed`` is false); one with another medium is an error. Other
        members are those of a device of ``virtual_media``.
        """
        _check_image(image)
        medium = Medium(image, device, write_protected, username, password)
        return self._each(
            context,
            options,
            lambda machine: insert(machine, medium),
            change=True,
        )


def insert(machine: bmc.Bmc, medium: Medium) -> failures.Item:
    """Insert a medium into the first empty device that takes it.

    :raises: NoSuchDevice; MediumInserted; NotSupported; ValueNotAllowed.
    """
    found = virtual_media.MediaDevices(machine)
    devices = [
        each for each in found if medium.media_type in each.texts('MediaTypes')
    ]
    if not devices:
        raise found.reader.error or failures.NoSuchDevice()
    for device in devices:
        if virtual_media.is_loaded(device) and (
            device.value('Image') == medium.image
        ):
            return _item(device, changed=False)
    empty = [each for each in devices if not virtual_media.is_loaded(each)]
    if not empty:
        raise failures.MediumInserted()
    device = next((each for each in empty if _accepts(each)), empty[0])
    _insert_into(machine, device, medium)
    changed = partial_reader.read_back(machine.client, device.path)
    return _item(changed or device, changed=True)


def _check_image(image: str) -> None:
    if not _IMAGE_URL.fullmatch(image):
        raise errors.InvalidParameterValue(
            'image must be a URL with scheme (http, https, nfs or cifs), host '
            'and path, without credentials; use username and password'
        )


def _accepts(device: resource.Resource) -> bool:
    return device.action(_INSERT) is not None or device.allows('PATCH')


def _insert_into(
    machine: bmc.Bmc, device: resource.Resource, medium: Medium
) -> None:
    action = device.action(_INSERT)
    if action is not None:
        document = _parameters(machine, action, medium)
        machine.client.post(action.target, document)
    elif device.allows('PATCH'):
        # Older firmware of some vendors has a writable state, but no action.
        machine.client.patch(device, _members(medium))
    else:
        raise failures.NotSupported()


def _parameters(
    machine: bmc.Bmc, action: resource.ActionInfo, medium: Medium
) -> dict[str, Any]:
    """Return the parameters of the action (VirtualMedia 1.3).

    Optional ones that the BMC does not list are omitted.

    :raises: ValueNotAllowed.
    """
    declared = allowable.parameters(machine.client, action)
    sent = _members(medium)
    protocol = medium.image.partition(':')[0].upper()
    needed = declared.get('TransferProtocolType', resource.JsonObject({}))
    allowed = action.allowable('TransferProtocolType')
    allowed = allowed or needed.texts('AllowableValues')
    allowable.check('the protocol of image', protocol, allowed)
    if needed.flag('Required'):
        sent['TransferProtocolType'] = protocol
    if declared and 'Inserted' not in declared:
        del sent['Inserted']
    return sent


def _members(medium: Medium) -> dict[str, Any]:
    credentials = {'UserName': medium.username, 'Password': medium.password}
    return {
        'Image': medium.image,
        'Inserted': True,
        'WriteProtected': medium.write_protected,
        **{k: v for k, v in credentials.items() if v is not None},
    }


def _item(device: resource.Resource, *, changed: bool) -> failures.Item:
    return {
        'reachable': True,
        'changed': changed,
        **virtual_media.describe(device),
    }
