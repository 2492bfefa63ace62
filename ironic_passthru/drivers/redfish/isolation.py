# SPDX-License-Identifier: Apache-2.0
"""Errors that affect one of several resources, or only a report."""

import contextlib
import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator

from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource

LOG = logging.getLogger(__name__)

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


@contextlib.contextmanager
def isolated(record: Callable[[failures.BmcError], None]) -> Iterator[None]:
    """Record an error that concerns one resource instead of raising it."""
    try:
        yield
    except failures.DataLimitReached:
        raise
    except _OF_ONE_RESOURCE as exc:
        LOG.debug('Resource skipped', exc_info=True)
        record(exc)


def describe(errors: Iterable[failures.BmcError]) -> failures.Item:
    """Return the member ``errors`` of an item; nothing without errors."""
    found = [failures.classify(each).item()['error'] for each in errors]
    return {'errors': found} if found else {}


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
