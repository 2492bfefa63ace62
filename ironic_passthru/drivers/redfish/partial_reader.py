# SPDX-License-Identifier: Apache-2.0
"""Reading of many resources, of which some may be unreadable."""

import contextlib
import logging
from collections.abc import Callable
from collections.abc import Iterator

from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource

LOG = logging.getLogger(__name__)

# Errors of one resource, after which others can be read.
_OF_ONE_RESOURCE = (
    failures.BadAnswer,
    failures.NotSupported,
    failures.Redirected,
    failures.Rejected,
    failures.ServerError,
)

_EXPAND = '$expand=.($levels=1)'
_MAX_WARNINGS = 50


class PartialReader:
    """Reads resources of one BMC up to a number of requests.

    :param max_requests: further resources are left out with a warning.
    :ivar warnings: ``path`` and error ``code`` of unreadable resources, at
        most 50. The code ``request_limit`` means that resources were left
        out; after ``timeout``, too, nothing further is read.
    """

    def __init__(
        self, client: bmc_client.BmcClient, *, max_requests: int
    ) -> None:
        self._client = client
        self._left = max_requests
        self.warnings: list[failures.Item] = []

    def get(self, path: str) -> resource.Resource | None:
        """Read a resource; ``None`` and a warning if it is unreadable."""
        if self._left <= 0:
            self._warn(path, 'request_limit')
            return None
        self._left -= 1
        try:
            return self._client.get(path)
        except (failures.DataLimitReached, failures.NoAnswer) as exc:
            # The time may be over; what has been read is returned.
            self._left = 0
            self._record(path, exc)
        except _OF_ONE_RESOURCE as exc:
            self._record(path, exc)
        return None

    def follow(
        self, source: resource.JsonObject, *names: str
    ) -> resource.Resource | None:
        """Read the resource of a link; ``None`` without the link."""
        path = source.link(*names)
        return None if path is None else self.get(path)

    def paths(self, find: Callable[[], list[str]], name: str) -> list[str]:
        """Return what ``find`` returns; no paths if it fails.

        :param name: of the collection, for a warning.
        """
        try:
            return find()
        except _OF_ONE_RESOURCE as exc:
            self._record(name, exc)
            return []

    def members(
        self, source: resource.JsonObject, *names: str
    ) -> Iterator[resource.Resource]:
        """Read the members of the collection of a link.

        They are part of the collection if the BMC supports ``$expand``
        (DSP0266, ServiceRoot 1.3); otherwise each costs a request.
        """
        path = source.link(*names)
        if path is None:
            return
        found = self._expanded(path) or self.get(path)
        if found is None:
            return
        try:
            paths = self._client.member_paths(found)
        except _OF_ONE_RESOURCE as exc:
            self._record(path, exc)
            return
        contained = {each.link(): each for each in found.mappings('Members')}
        for member_path in paths:
            inside = contained.get(member_path)
            if inside is not None and inside.value('Id') is not None:
                yield resource.Resource(member_path, inside.document)
            elif (member := self.get(member_path)) is not None:
                yield member

    def _expanded(self, path: str) -> resource.Resource | None:
        """Read a collection with its members, if the BMC can do this."""
        query = ('ProtocolFeaturesSupported', 'ExpandQuery', 'NoLinks')
        if not self._client.root().flag(*query) or '?' in path:
            return None
        if self._left <= 0:
            return None
        self._left -= 1
        with contextlib.suppress(*_OF_ONE_RESOURCE):
            return self._client.get(f'{path}?{_EXPAND}')
        return None

    def _record(self, path: str, exc: failures.BmcError) -> None:
        LOG.debug('Resource %r is unreadable', path, exc_info=True)
        self._warn(path, failures.classify(exc).code)

    def _warn(self, path: str, code: str) -> None:
        if len(self.warnings) < _MAX_WARNINGS:
            shown = resource.printable(path)
            self.warnings.append({'path': shown, 'code': code})
