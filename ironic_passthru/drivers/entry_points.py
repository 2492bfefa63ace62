# SPDX-License-Identifier: Apache-2.0
"""Entry points of drivers and their parts, and reports of failures."""

import contextlib
import difflib
import re
import traceback
import types
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers import problems
from ironic_passthru.redaction import credentials
from ironic_passthru.redaction import log_filter

LOG = log.getLogger(__name__)

# Representation of the file of an invalid value in a message of oslo.config.
_LOCATION = re.compile(r"LocationInfo\(.*detail='(.*)'\)")

NAMESPACE = 'ironic_passthru.drivers'


def instance(
    name: str, *, group: str = NAMESPACE, entry_name: str | None = None
) -> Any:
    """Return a new instance of the class of an entry point.

    :param name: name of the driver, for errors.
    :param entry_name: name of the entry point; by default that of the driver.
    :raises: DriverLoadError if it does not exist or fails.
    """
    entry = _entry_point(name, group, entry_name or name)
    what = f"entry point '{entry.name} = {entry.value}'"
    with reported(name, what, group, entry_name=entry.name):
        kind = entry.load()
    if not callable(kind):
        raise errors.DriverLoadError(
            driver=name, reason=_no_class(entry, kind)
        )
    place = problems.place_of_class(kind) if isinstance(kind, type) else None
    with reported(name, '', group, place=place, entry_name=entry.name):
        return kind()


def _entry_point(driver: str, group: str, name: str) -> metadata.EntryPoint:
    """Return the only entry point with a name.

    :raises: DriverLoadError.
    """
    entries = metadata.entry_points(group=group)
    found = {
        (entry.value, entry.dist.name if entry.dist else '?'): entry
        for entry in entries
        if entry.name == name
    }
    if not found:
        known = sorted(entries.names)
        close = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean '{close[0]}'?" if close else ''
        what = 'no such entry point'
        if name != driver:
            what = f"no entry point '{name}'"
        raise errors.DriverLoadError(
            driver=driver,
            reason=f'{what} in {group} (there are: '
            f'{", ".join(known) or "none"}){hint}',
        )
    if len(found) > 1:
        packages = ' and '.join(
            f'{package} ({value})' for value, package in sorted(found)
        )
        raise errors.DriverLoadError(
            driver=driver,
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
    name: str,
    what: str,
    group: str = NAMESPACE,
    *,
    place: str | None = None,
    entry_name: str | None = None,
) -> Iterator[None]:
    """Report an exception of a driver as a DriverLoadError, with its place.

    :param what: the failed step.
    :param place: ``file:line`` of an error outside the code of the driver.
    :param entry_name: name of the entry point; by default that of the driver.
    """
    try:
        yield
    except (errors.ConfigError, errors.DriverLoadError, KeyboardInterrupt):
        raise
    except BaseException as error:
        LOG.debug('Driver %s cannot be loaded', name, exc_info=True)
        reason = _reason(entry_name or name, what, error, group, place)
        raise errors.DriverLoadError(driver=name, reason=reason) from error


def _reason(
    name: str,
    what: str,
    error: BaseException,
    group: str,
    place: str | None,
) -> str:
    """Return in one line what failed, where and why."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        reason = _missing(name, error, group)
    elif isinstance(error, cfg.Error):
        reason = f'{type(error).__name__}: {_message(error)}'
    elif isinstance(error, SystemExit):
        reason = f'{problems.describe(error)}; raise an exception instead'
    else:
        reason = f'{problems.describe(error)}{_similar(error)}'
    place = problems.place_of_error(error) or place
    parts = (what, f'({place})' if place else '')
    subject = ' '.join(part for part in parts if part)
    text = f'{subject}: {reason}' if subject else reason
    return ' '.join(text.split())


def _similar(error: BaseException) -> str:
    """Return a remedy for a name that a module lacks."""
    if not isinstance(error, AttributeError) or not isinstance(
        error.obj, types.ModuleType
    ):
        return ''
    close = difflib.get_close_matches(str(error.name), dir(error.obj), 1)
    found = f"; did you mean '{close[0]}'?" if close else ''
    return (
        f'{found} (after a change of entry points, install the package again)'
    )


def _message(error: cfg.Error) -> str:
    """Return the message of an invalid option without parts of passwords."""
    functions = {
        frame.f_code.co_name
        for frame, _ in traceback.walk_tb(error.__traceback__)
    }
    if '_substitute' in functions:
        # The message quotes the text after the $ of a value.
        return credentials.DOLLAR
    return log_filter.redact(_LOCATION.sub(r'\1', str(error)))


def _missing(name: str, error: ModuleNotFoundError, group: str) -> str:
    """Return the missing module and the command that installs it.

    An extra with the name of the entry point contains its requirements.
    """
    reason = f"the Python module '{error.name}' is not installed"
    module, _, attribute = str(error.name).rpartition('.')
    if 'is not a package' in str(error):
        return f"{reason}; write '{module}:{attribute}' for a class in it"
    if error.name == 'ironic':
        return (
            f"{reason}; 'ironic-passthru-driver port PATH' lists the imports "
            'to replace'
        )
    for entry in metadata.entry_points(group=group, name=name):
        package = entry.dist
        if package and name in package.metadata.get_all('Provides-Extra', []):
            return f"{reason}: pip install '{package.name}[{name}]'"
    return reason
