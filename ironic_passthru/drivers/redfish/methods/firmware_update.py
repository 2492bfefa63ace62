# SPDX-License-Identifier: Apache-2.0
"""Method that updates firmware."""

import contextlib
import dataclasses
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Annotated
from typing import Any
from typing import Literal
from typing import NotRequired
from typing import Unpack
from urllib import parse

import pydantic
from oslo_config import cfg
from typing_extensions import TypedDict

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import allowable
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import firmware_upload
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

#: Time of a call, and of one target, in seconds.
TIMEOUT_SECONDS = 4 * 60 * 60.0

_ACTION = '#UpdateService.SimpleUpdate'
_PUSH = 'MultipartHttpPushUri'
_APPLY_TIME = '@Redfish.OperationApplyTime'
_SUPPORT = '@Redfish.OperationApplyTimeSupport'

# Versions are read before and after; each time with so many requests.
_MAX_REQUESTS = 100

_SCHEMES = ('http', 'https', 'ftp', 'sftp', 'tftp', 'scp', 'nfs', 'cifs')

_Uri = Annotated[
    Annotated[str, pydantic.Field(min_length=1, max_length=2000)] | None,
    pydantic.Field(
        description='Image that the BMC downloads, as a URI without '
        'credentials.'
    ),
]
_File = Annotated[
    Annotated[str, pydantic.Field(min_length=1, max_length=1000)] | None,
    pydantic.Field(
        description='Image that is sent to the BMC, as a name in the '
        'firmware_directory of the driver.'
    ),
]
_Targets = Annotated[
    Annotated[
        list[Annotated[str, pydantic.Field(min_length=1, max_length=500)]],
        pydantic.Field(min_length=1, max_length=100),
    ]
    | None,
    pydantic.Field(
        description='Components, as ids or paths of the firmware inventory; '
        'by default those of the image.'
    ),
]
_Time = Annotated[
    Literal[
        'Immediate',
        'OnReset',
        'AtMaintenanceWindowStart',
        'InMaintenanceWindowOnReset',
        'OnStartUpdateRequest',
        'OnTargetReset',
    ]
    | None,
    pydantic.Field(
        description='When the update is made; by default as the BMC decides.'
    ),
]


@dataclasses.dataclass(frozen=True)
class Update:
    """An update of one or several components.

    :param uri: image that the BMC downloads; ``None`` for ``image``.
    :param image: image that is sent.
    :param components: ids or paths; empty for those of the image.
    :param apply_time: a value of OperationApplyTime; ``None`` for that of
        the BMC.
    """

    uri: str | None
    image: firmware_upload.FirmwareImage | None
    components: Sequence[str]
    apply_time: str | None

    @property
    def is_immediate(self) -> bool:
        """Whether the task ends without a further event."""
        return self.apply_time in (None, 'Immediate')


class UpdatedComponent(TypedDict):
    """Versions of a component before and after an update."""

    id: str
    name: str | None
    before: str | None
    after: str | None
    """Null if it could not be read after the update."""


class FirmwareUpdateItem(results.ChangedItem):
    """An update of firmware."""

    state: Literal['accepted', 'finished', 'pending']
    """``pending`` until later; ``accepted`` without a task."""
    waits_for: NotRequired[str]
    """``next_boot``, or a time in ISO 8601, of a scheduled task."""
    task: str | None
    """Path of the task on the BMC."""
    messages: list[results.BmcMessageItem]
    versions: list[UpdatedComponent]


class FirmwareUpdateMethods(fleet.FleetMethods):
    """The method ``update_firmware``."""

    def __init__(self) -> None:
        super().__init__()
        self._firmware_directory: str | None = None

    def start(self, conf: cfg.ConfigOpts) -> None:
        """Read the directory of images."""
        super().start(conf)
        self._firmware_directory = conf.redfish.firmware_directory

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        """Check the image of an update, too."""
        super().driver_validate(method, **kwargs)
        if method == 'update_firmware':
            names = ('image_uri', 'image_file')
            with self._image(*(kwargs.get(name) for name in names)):
                pass

    @base.driver_passthru(
        ['POST'],
        timeout=TIMEOUT_SECONDS,
        target=selection.NAMES,
        dangerous=True,
    )
    def update_firmware(
        self,
        context: request_context.RequestContext,
        *,
        image_uri: _Uri = None,
        image_file: _File = None,
        targets_on_bmc: _Targets = None,
        apply_time: _Time = None,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[FirmwareUpdateItem]:
        """Update firmware of targets from an image.

        Items have ``changed``, ``state`` (``finished``, or ``pending`` until
        ``apply_time``, or while ``task`` is scheduled: ``waits_for``),
        ``task``, ``messages`` and ``versions``.
        """
        with self._image(image_uri, image_file) as image:
            wanted = Update(image_uri, image, targets_on_bmc or (), apply_time)
            return self._each(
                context,
                options,
                lambda machine: update(machine, wanted),
                change=True,
                target_seconds=TIMEOUT_SECONDS,
            )

    def _image(
        self, uri: str | None, file: str | None
    ) -> contextlib.AbstractContextManager[
        firmware_upload.FirmwareImage | None
    ]:
        """Open the image; ``None`` if the BMC downloads it.

        :raises: InvalidParameterValue.
        """
        if (uri is None) == (file is None):
            raise errors.InvalidParameterValue(
                'Give either image_uri or image_file'
            )
        if file is not None:
            return firmware_upload.FirmwareImage(
                self._firmware_directory, file
            )
        _check_uri(uri or '')
        return contextlib.nullcontext()


def update(machine: bmc.Bmc, wanted: Update) -> failures.Item:
    """Update components; wait for the end if the update is immediate.

    :raises: NotSupported; ValueNotAllowed before anything is sent.
    """
    client = machine.client
    service = client.follow(client.root(), 'UpdateService')
    paths = _component_paths(client, service, wanted.components)
    before = _versions(client, service, paths)
    send = _pull if wanted.image is None else _push
    try:
        response = send(client, service, wanted, paths)
    except failures.TaskScheduled as exc:
        item = _scheduled(exc)
    except (failures.ChangeOutcomeUnknown, failures.TaskFailed) as exc:
        # The versions show whether parts of the update were made.
        item = failures.classify(exc).item()
    else:
        item = _success(client, wanted, response)
    after: dict[str, failures.Item] = {}
    if not client.dry_run and item.get('state') != 'pending':
        # The BMC may restart now, after an update of its own.
        with contextlib.suppress(failures.BmcError):
            after = _versions(client, service, paths)
    return {
        **item,
        'versions': [
            {
                'id': old['id'],
                'name': old['name'],
                'before': old['version'],
                'after': after.get(path, {}).get('version'),
            }
            for path, old in before.items()
            if path in paths or after.get(path, old) != old
        ],
    }


def _success(
    client: bmc_client.BmcClient,
    wanted: Update,
    response: resource.Resource,
) -> failures.Item:
    state = 'accepted' if response.task is None else 'finished'
    return {
        'reachable': True,
        'changed': True,
        'state': state if wanted.is_immediate else 'pending',
        'task': response.task,
        'messages': _messages(client, response),
    }


def _scheduled(exc: failures.TaskScheduled) -> failures.Item:
    return {
        'reachable': True,
        'changed': True,
        'state': 'pending',
        'task': exc.task,
        'messages': [
            {'id': each.message_id, 'text': each.text} for each in exc.messages
        ],
        'waits_for': exc.waits_for,
    }


def _check_uri(uri: str) -> None:
    """Check an image URI without showing it: it may contain a password.

    :raises: InvalidParameterValue.
    """
    if not allowable.is_url(uri, _SCHEMES):
        raise errors.InvalidParameterValue(
            'image_uri must be a URI with a host and one of the schemes '
            f'{", ".join(_SCHEMES)}, without user name and password'
        )


def _component_paths(
    client: bmc_client.BmcClient,
    service: resource.Resource,
    components: Iterable[str],
) -> list[str]:
    """Return paths for ids and paths.

    :raises: ValueNotAllowed for an unknown id.
    """
    known: dict[str, str] | None = None
    paths = []
    for component in components:
        if component.startswith('/'):
            paths.append(component)
            continue
        if known is None:
            inventory = client.follow(service, 'FirmwareInventory')
            known = {
                parse.unquote(path.rstrip('/').rpartition('/')[2]): path
                for path in client.member_paths(inventory)
            }
        if not known:
            raise failures.NotSupported()
        allowable.check('targets_on_bmc', component, list(known))
        paths.append(known[component])
    return list(dict.fromkeys(paths))


def _versions(
    client: bmc_client.BmcClient,
    service: resource.Resource,
    paths: Sequence[str],
) -> dict[str, failures.Item]:
    """Return versions by path, of all components without ``paths``."""
    reader = partial_reader.PartialReader(client, max_requests=_MAX_REQUESTS)
    found = reader.get_all(paths)
    if not paths:
        found = reader.members(service, 'FirmwareInventory')
    return {
        each.path: {
            'id': each.identity,
            'name': each.text('Name'),
            'version': each.text('Version'),
        }
        for each in found
    }


def _pull(
    client: bmc_client.BmcClient,
    service: resource.Resource,
    wanted: Update,
    paths: Sequence[str],
) -> resource.Resource:
    """Let the BMC download the image (UpdateService 1.0, 2016)."""
    action = service.action(_ACTION)
    if action is None or wanted.uri is None:
        raise failures.NotSupported()
    parameters: dict[str, Any] = {'ImageURI': wanted.uri}
    protocol = parse.urlsplit(wanted.uri).scheme.upper()
    if protocols := allowable.of_action(client, action, 'TransferProtocol'):
        allowable.check('the protocol of image_uri', protocol, protocols)
        parameters['TransferProtocol'] = protocol
    if paths:
        allowed = allowable.of_action(client, action, 'Targets')
        for path in paths:
            allowable.check('targets_on_bmc', path, allowed)
        parameters['Targets'] = list(paths)
    supported = action.info.texts(_SUPPORT, 'SupportedValues')
    parameters |= _apply_time(wanted, supported)
    return client.post(action.target, parameters, follow=wanted.is_immediate)


def _push(
    client: bmc_client.BmcClient,
    service: resource.Resource,
    wanted: Update,
    paths: Sequence[str],
) -> resource.Resource:
    """Send the image (``MultipartHttpPushUri``)."""
    target = service.value(_PUSH)
    if not isinstance(target, str) or not target or wanted.image is None:
        raise failures.NotSupported()
    supported = service.texts(f'{_PUSH}{_SUPPORT}', 'SupportedValues')
    form = firmware_upload.MultipartForm(
        {'Targets': list(paths), **_apply_time(wanted, supported)},
        wanted.image,
    )
    return client.upload(target, form, follow=wanted.is_immediate)


def _apply_time(wanted: Update, supported: Sequence[str]) -> dict[str, str]:
    if wanted.apply_time is None:
        return {}
    allowable.check('apply_time', wanted.apply_time, supported)
    return {_APPLY_TIME: wanted.apply_time}


def _messages(
    client: bmc_client.BmcClient, response: resource.Resource
) -> list[failures.Item]:
    """Return the messages of a response, or else of its task."""
    found = client.messages(response)
    if not found and response.task is not None:
        # The task may be removed at its end.
        with contextlib.suppress(failures.BmcError):
            found = client.messages(client.get(response.task))
    return [{'id': each.message_id, 'text': each.text} for each in found]
