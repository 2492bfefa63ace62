# SPDX-License-Identifier: Apache-2.0
"""Entry points of drivers and their parts, and reports of failures."""

import contextlib
import difflib
import types
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers import problems

LOG = log.getLogger(__name__)

NAMESPACE = 'ironic_passthru.drivers'

#: Exceptions of a driver's code that are reported as errors of the driver.
FAILURES = (Exception, SystemExit)


def instance(name: str, namespace: str = NAMESPACE) -> Any:
    """Return a new instance of the class of an entry point.

    :param namespace: group of the entry point.
    :raises: DriverLoadError if it does not exist or fails.
    """
    entry = _entry_point(name, namespace)
    what = f"entry point '{entry.name} = {entry.value}'"
    with reported(name, what, namespace):
        kind = entry.load()
    if not callable(kind):
        raise errors.DriverLoadError(
            driver=name, reason=_no_class(entry, kind)
        )
    with reported(name, '', namespace):
        return kind()


def _entry_point(name: str, namespace: str) -> metadata.EntryPoint:
    """Return the only entry point with a name.

    :raises: DriverLoadError.
    """
    entries = metadata.entry_points(group=namespace)
    found = {
        (entry.value, entry.dist.name if entry.dist else '?'): entry
        for entry in entries
        if entry.name == name
    }
    if not found:
        known = sorted(entries.names)
        close = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean '{close[0]}'?" if close else ''
        raise errors.DriverLoadError(
            driver=name,
            reason=f'no such entry point in {namespace} (there are: '
            f'{", ".join(known) or "none"}){hint}',
        )
    if len(found) > 1:
        packages = ' and '.join(
            f'{package} ({value})' for value, package in sorted(found)
        )
        raise errors.DriverLoadError(
            driver=name,
            reason=f'several packages define it: {packages}; uninstall all '
            'but one',
        )
    return next(iter(found.values()))


def _no_class(entry: metadata.EntryPoint, value: Any) -> str:
    """Return why the object of an entry point is not a driver."""
    text = f"entry point '{entry.name} = {entry.value}' names a "
    if not isinstance(value, types.ModuleType):
        return f'{text}{type(value).__name__} object instead of a class'
    classes = [
        name
        for name, member in vars(value).items()
        if isinstance(member, type)
        and issubclass(member, base.VendorInterface)
        and member.__module__ == value.__name__
    ]
    return (
        f"{text}module; write '{entry.name} = {value.__name__}:"
        f"{' or '.join(classes) or 'CLASS'}'"
    )


@contextlib.contextmanager
def reported(
    name: str, what: str, namespace: str = NAMESPACE
) -> Iterator[None]:
    """Report an exception of a driver as a DriverLoadError, with its place."""
    try:
        yield
    except (errors.ConfigError, errors.DriverLoadError):
        raise
    except FAILURES as error:
        LOG.debug('Driver %s cannot be loaded', name, exc_info=True)
        raise errors.DriverLoadError(
            driver=name, reason=_reason(name, what, error, namespace)
        ) from error


def _reason(name: str, what: str, error: BaseException, namespace: str) -> str:
    """Return in one line what failed, where and why."""
    if isinstance(error, ModuleNotFoundError):
        reason = _missing(name, error, namespace)
    else:
        reason = f'{type(error).__name__}: {error}'
    place = problems.place_of_error(error)
    parts = (what, f'({place})' if place else '')
    subject = ' '.join(part for part in parts if part)
    text = f'{subject}: {reason}' if subject else reason
    return ' '.join(text.split())


def _missing(name: str, error: ModuleNotFoundError, namespace: str) -> str:
    """Return which module is missing, and how to install it.

    The extra with the requirements of an entry point has its name.
    """
    reason = f"the Python module '{error.name}' is not installed"
    for entry in metadata.entry_points(group=namespace, name=name):
        package = entry.dist
        if package and name in package.metadata.get_all('Provides-Extra', []):
            return f"{reason}: pip install '{package.name}[{name}]'"
    return reason
