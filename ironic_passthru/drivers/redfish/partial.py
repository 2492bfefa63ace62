# SPDX-License-Identifier: Apache-2.0
"""Reads of several resources, of which some may fail."""

import contextlib
import logging
from collections.abc import Iterator

from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource

LOG = logging.getLogger(__name__)

_MAX_WARNINGS = 20

# All members at once, without those of their links (DSP0266).
_EXPAND = '?$expand=.($levels=1)'

# Errors of one resource, after which the others can be read.
_OF_ONE_RESOURCE = (
    failures.BadAnswer,
    failures.NotSupported,
    failures.Redirected,
    failures.Rejected,
    failures.ServerError,
)


class PartialReader:
    """Reads resources of a BMC; an error affects one resource only.

    :ivar client: client that sends the requests.
    :ivar warnings: ``path`` and error ``code`` of resources that could not be
        read, at most 20.
    """

    def __init__(self, client: bmc_client.BmcClient) -> None:
        self.client = client
        self.warnings: list[failures.Item] = []
        self._error: failures.BmcError | None = None

    @contextlib.contextmanager
    def isolated(self, path: str) -> Iterator[None]:
        """Record an error of the resource at ``path``."""
        try:
            yield
        except _OF_ONE_RESOURCE as exc:
            LOG.debug('Resource %r is skipped', path, exc_info=True)
            self._error = self._error or exc
            if len(self.warnings) < _MAX_WARNINGS:
                self.warnings.append(
                    {
                        'path': resource.printable(path),
                        'code': failures.classify(exc).code,
                    }
                )

    def get(self, path: str | None) -> resource.Resource | None:
        """Read a resource; return None for no path and after an error."""
        if path is not None:
            with self.isolated(path):
                return self.client.get(path)
        return None

    def members(
        self, collection: resource.Resource | None
    ) -> Iterator[resource.Resource]:
        """Read the members of a collection, one after the other."""
        if collection is None:
            return
        if is_expanded(collection):
            with self.isolated(collection.path):
                yield from self.client.members(collection)
            return
        for path in self.member_paths(collection):
            found = self.get(path)
            if found is not None:
                yield found

    def member_paths(self, collection: resource.Resource) -> list[str]:
        """Return the paths of members; an empty list after an error."""
        with self.isolated(collection.path):
            return self.client.member_paths(collection)
        return []

    def expanded(self, path: str | None) -> resource.Resource | None:
        """Read a collection, with its members if the BMC supports it."""
        features = self.client.root().mapping(
            'ProtocolFeaturesSupported', 'ExpandQuery'
        )
        if path is None or not features.flag('NoLinks'):
            return self.get(path)
        with contextlib.suppress(*_OF_ONE_RESOURCE):
            return self.client.get(f'{path}{_EXPAND}')
        return self.get(path)

    def check(self, *, found: bool) -> None:
        """Check that something was read.

        :raises: the first error; NotSupported without errors.
        """
        if not found:
            raise self._error or failures.NotSupported()

    def owners(
        self, paths: dict[str, list[str]]
    ) -> Iterator[tuple[str, resource.Resource]]:
        """Read resources by their kind; yield kind and resource."""
        for kind, some in paths.items():
            for path in some:
                found = self.get(path)
                if found is not None:
                    yield kind, found


def is_expanded(collection: resource.Resource) -> bool:
    """Return whether a collection contains its members completely."""
    members = collection.mappings('Members')
    return bool(members) and all(
        each.value('Id') is not None and each.text('@odata.type')
        for each in members
    )
