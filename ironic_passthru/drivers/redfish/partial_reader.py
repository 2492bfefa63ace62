# SPDX-License-Identifier: Apache-2.0
"""Reads of several resources of one BMC, of which some may fail."""

import contextlib
import logging
import math
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator

from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource

LOG = logging.getLogger(__name__)

# Errors after which no further read can succeed.
_FINAL = (failures.DataLimitReached, failures.NoAnswer)

#: Errors of one resource, after which the others can be read or changed.
OF_ONE_RESOURCE = (
    failures.BadAnswer,
    failures.NotApplied,
    failures.NotSupported,
    failures.Redirected,
    failures.Rejected,
    failures.ServerError,
    failures.TaskFailed,
)

# All members at once, without those of their links (DSP0266).
_EXPAND = '?$expand=.($levels=1)'
_MAX_WARNINGS = 50


class PartialReader:
    """Reads resources of a BMC; an error affects one resource only.

    :param max_requests: further resources are left out with a warning;
        ``None`` for no limit.
    :ivar client: client that sends the requests.
    :ivar error: the first error.
    :ivar warnings: ``path`` and error ``code`` of unreadable resources, at
        most 50. The code ``request_limit`` means that resources were left
        out; after ``timeout``, too, nothing further is read.
    """

    def __init__(
        self, client: bmc_client.BmcClient, *, max_requests: int | None = None
    ) -> None:
        self.client = client
        self.error: failures.BmcError | None = None
        self.warnings: list[failures.Item] = []
        self._left = math.inf if max_requests is None else max_requests

    @contextlib.contextmanager
    def isolated(self, path: str) -> Iterator[None]:
        """Record an error of the resource at ``path``."""
        try:
            yield
        except (*_FINAL, *OF_ONE_RESOURCE) as exc:
            LOG.debug('Resource %r is skipped', path, exc_info=True)
            if isinstance(exc, _FINAL):
                # The time may be over; what has been read is returned.
                self._left = 0
            self.error = self.error or exc
            self._warn(path, failures.classify(exc).code)

    def check(self, *, found: bool) -> None:
        """Check that something was read.

        :raises: the first error; NotSupported without errors.
        """
        if not found:
            raise self.error or failures.NotSupported()

    def get(self, path: str) -> resource.Resource | None:
        """Read a resource; return ``None`` after an error."""
        if self._left <= 0:
            self._warn(path, 'request_limit')
            return None
        self._left -= 1
        with self.isolated(path):
            return self.client.get(path)
        return None

    def follow(
        self, source: resource.JsonObject | None, *names: str
    ) -> resource.Resource | None:
        """Read the resource of a link; ``None`` without the link."""
        path = None if source is None else source.link(*names)
        return None if path is None else self.get(path)

    def get_all(self, paths: Iterable[str]) -> Iterator[resource.Resource]:
        """Read resources, one after the other."""
        for path in paths:
            found = self.get(path)
            if found is not None:
                yield found

    def owners(
        self, find: Callable[[], list[str]], name: str
    ) -> Iterator[resource.Resource]:
        """Read the resources whose paths ``find`` returns.

        :param name: of their collection, for a warning.
        """
        paths: list[str] = []
        with self.isolated(name):
            paths = find()
        return self.get_all(paths)

    def member_paths(self, collection: resource.Resource | None) -> list[str]:
        """Return the paths of members; an empty list after an error."""
        if collection is not None:
            with self.isolated(collection.path):
                return self.client.member_paths(collection)
        return []

    def members(
        self, source: resource.Resource | None, *names: str
    ) -> Iterator[resource.Resource]:
        """Read the members of a collection, one after the other.

        Those that the collection contains completely cost no request, but
        have no header fields: use :meth:`member_paths` before a PATCH.

        :param source: the collection.
        :param names: link from ``source`` to the collection, which is then
            read with ``$expand`` if the BMC supports it.
        """
        collection = self._collection(source, *names) if names else source
        if collection is None:
            return
        with self.isolated(collection.path):
            for member in self.client.members(collection):
                if is_complete(member):
                    yield member
                elif (found := self.get(member.path)) is not None:
                    yield found

    def _collection(
        self, source: resource.JsonObject | None, *names: str
    ) -> resource.Resource | None:
        path = None if source is None else source.link(*names)
        if path is None:
            return None
        query = ('ProtocolFeaturesSupported', 'ExpandQuery', 'NoLinks')
        with contextlib.suppress(*_FINAL, *OF_ONE_RESOURCE):
            if (
                self._left > 0
                and '?' not in path
                and self.client.root().flag(*query)
            ):
                self._left -= 1
                found = self.client.get(f'{path}{_EXPAND}')
                return resource.Resource(path, found.document, found.status)
        return self.get(path)

    def _warn(self, path: str, code: str) -> None:
        if len(self.warnings) < _MAX_WARNINGS:
            shown = resource.printable(path)
            self.warnings.append({'path': shown, 'code': code})


def is_complete(member: resource.JsonObject) -> bool:
    """Return whether a member of a collection is more than its link."""
    return member.value('Id') is not None and bool(member.text('@odata.type'))


def item_of_changes(
    error: failures.BmcError | None, done: Collection[str]
) -> failures.Item:
    """Return the item of a target with changes of several resources.

    :param error: the error to report, if any; without changes that were made,
        whether one was made is then not stated.
    :param done: names of changed resources.
    """
    if error is None:
        return {'reachable': True, 'changed': bool(done)}
    item = failures.classify(error).item()
    return item | {'changed': True} if done else item


def read_optional(
    client: bmc_client.BmcClient, path: str
) -> resource.Resource | None:
    """Read a resource before a change; ``None`` if it is unusable.

    :raises: NoAnswer, DataLimitReached: the change would fail, too.
    """
    try:
        return client.get(path)
    except failures.DataLimitReached:
        raise
    except OF_ONE_RESOURCE:
        LOG.debug('Resource %r is ignored', path, exc_info=True)
        return None


def read_back(
    client: bmc_client.BmcClient, path: str
) -> resource.Resource | None:
    """Read a resource after a change.

    :returns: ``None`` if it cannot be read: the change was made anyway, and
        an error would deny that.
    """
    if client.dry_run:
        return None
    try:
        return client.get(path)
    except failures.BmcError:
        LOG.debug('Cannot read a changed resource', exc_info=True)
        return None
