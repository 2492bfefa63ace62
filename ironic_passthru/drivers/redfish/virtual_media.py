# SPDX-License-Identifier: Apache-2.0
"""Ejection of virtual media."""

import contextlib
import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator

from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource

LOG = logging.getLogger(__name__)

_EJECT = '#VirtualMedia.EjectMedia'

# Errors of one resource, after which the others can be tried.
_OF_ONE_RESOURCE = (
    failures.BadAnswer,
    failures.NotApplied,
    failures.NotSupported,
    failures.Redirected,
    failures.Rejected,
    failures.ServerError,
    failures.TaskFailed,
)


class MediaEjector:
    """Ejects the media of one system; an error affects one device only.

    :param media_type: a Redfish media type; ``None`` for every device.
    """

    def __init__(
        self, client: bmc_client.BmcClient, media_type: str | None
    ) -> None:
        self._client = client
        self._media_type = media_type
        self._ejected: list[str] = []
        self._seen: set[str] = set()
        self._has_collection = self._has_device = False
        self._error: failures.BmcError | None = None

    def eject(
        self,
        system: resource.Resource,
        manager_paths: Callable[[], Iterable[str]],
    ) -> failures.Item:
        """Eject from the devices of a system and of its managers.

        :returns: the item of the target, with the first error, if any: media
            that were ejected stay ejected.
        """
        try:
            self._eject_from(system)
            with self._isolated():
                for path in manager_paths():
                    with self._isolated():
                        self._eject_from(self._client.get(path))
        except failures.BmcError as exc:
            self._record(exc)
        if self._error is None and not self._has_collection:
            raise failures.NotSupported()
        if self._error is None and self._media_type and not self._has_device:
            raise failures.NoSuchDevice()
        if self._error is None:
            return {'reachable': True, 'ejected': self._ejected}
        item = failures.classify(self._error).item()
        return {**item, 'ejected': self._ejected}

    def _eject_from(self, owner: resource.Resource) -> None:
        """Eject from the devices of a system or manager."""
        link = owner.link('VirtualMedia')
        if link is None:
            return
        self._has_collection = True
        with self._isolated():
            for path in self._client.member_paths(self._client.get(link)):
                # Some BMCs list the devices of the manager for the system.
                if path not in self._seen:
                    self._seen.add(path)
                    with self._isolated():
                        self._eject_one(self._client.get(path))

    def _eject_one(self, device: resource.Resource) -> None:
        types = device.texts('MediaTypes')
        if self._media_type is not None and self._media_type not in types:
            return
        self._has_device = True
        if not _is_loaded(device):
            return
        if device.action(_EJECT) is not None:
            self._client.act(device, _EJECT)
        elif device.allows('PATCH'):
            # Older firmware of some vendors has a writable state, but no
            # action.
            self._client.patch(device, {'Image': None, 'Inserted': False})
        else:
            raise failures.NotSupported()
        self._ejected.append(device.identity)

    @contextlib.contextmanager
    def _isolated(self) -> Iterator[None]:
        try:
            yield
        except failures.DataLimitReached:
            raise
        except _OF_ONE_RESOURCE as exc:
            self._record(exc)

    def _record(self, exc: failures.BmcError) -> None:
        LOG.debug('Ejecting failed', exc_info=True)
        self._error = self._error or exc


def _is_loaded(device: resource.Resource) -> bool:
    # Inserted is optional; without it, an image means inserted.
    inserted = device.flag('Inserted')
    return bool(device.text('Image')) if inserted is None else inserted
