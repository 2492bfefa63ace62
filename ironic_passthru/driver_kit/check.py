# SPDX-License-Identifier: Apache-2.0
"""``check``: inspect a driver without a service and report all problems."""

import contextlib
import pathlib
import re
import unittest
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import loader
from ironic_passthru.drivers import problems
from ironic_passthru.testing import conformance

ERROR = 'error'

_PACKAGE = pathlib.Path(conformance.__file__).parents[1]
# Code that calls drivers, which is not the place of a mistake.
_CALLERS = (f'{_PACKAGE}/testing/', f'{_PACKAGE}/conductor/')


def drivers(target: str) -> list[str]:
    """Return the drivers of a package, or the driver of this name.

    :raises: ConfigError if neither exists.
    """
    entries = metadata.entry_points(group=entry_points.NAMESPACE)
    found = {
        entry.name
        for entry in entries
        if entry.name == target
        or (entry.dist and _normal(entry.dist.name) == _normal(target))
    }
    if not found:
        known = ', '.join(sorted(entries.names)) or 'none'
        raise errors.ConfigError(
            f"'{target}' is neither a driver nor an installed package with "
            f'drivers (available drivers: {known})'
        )
    return sorted(found)


def run(name: str, conf: cfg.ConfigOpts) -> list[problems.Problem]:
    """Return the problems of one driver, the errors first.

    The conformance tests run if the driver can be loaded: they start it.

    :param conf: the configuration that the driver is started with.
    :raises: DriverLoadError if its class cannot be used.
    """
    with reported(name):
        return _problems(name, conf)


@contextlib.contextmanager
def reported(name: str) -> Iterator[None]:
    """Report an unexpected exception of the code of a driver.

    :raises: DriverLoadError.
    """
    try:
        yield
    except (errors.PassthruError, cfg.Error, KeyboardInterrupt):
        raise
    except BaseException as error:
        place = problems.place_of_error(error) or 'in its code'
        raise errors.DriverLoadError(
            driver=name,
            reason=f'{place}: unexpected {_described(error)}; catch it, or '
            'print its traceback with --debug',
        ) from error


def _described(error: BaseException) -> str:
    kind = type(error).__name__
    try:
        return f'{kind}: {error}'
    except Exception:
        # Classes of drivers may raise anything.
        return kind


def _problems(name: str, conf: cfg.ConfigOpts) -> list[problems.Problem]:
    interface = entry_points.instance(name)
    found = loader.examine(name, interface)
    if not any(problem.level == ERROR for problem in found):
        place = problems.place_of_class(type(interface))
        found += _nonconformities(name, conf, place)
    return sorted(found, key=lambda problem: problem.level != ERROR)


def _normal(name: str) -> str:
    """Return the normalized name of a package (PEP 503)."""
    return re.sub(r'[-_.]+', '-', name).lower()


def _nonconformities(
    name: str, conf: cfg.ConfigOpts, place: str | None
) -> Iterator[problems.Problem]:
    failure = _start_failure(name, conf)

    class Conformance(conformance.DriverConformance, unittest.TestCase):
        """The conformance tests of the driver."""

        driver = name

        def make_driver_conf(self) -> cfg.ConfigOpts:
            if failure:
                raise unittest.SkipTest('start() fails')
            return conf

    result = _Result()
    unittest.defaultTestLoader.loadTestsFromTestCase(Conformance).run(result)
    if failure:
        result.found[failure] = 'The driver starts with this configuration'
    for message, requirement in result.found.items():
        yield problems.Problem(
            driver=name,
            method=None,
            place=place,
            message=message,
            remedy=f'required: {requirement}',
        )


def _start_failure(name: str, conf: cfg.ConfigOpts) -> str | None:
    """Return why a driver does not start, or None if it does."""
    interface = entry_points.instance(name)
    try:
        with entry_points.reported(name, 'start() failed'):
            interface.start(conf)
    except errors.DriverLoadError as error:
        return str(error.kwargs['reason'])
    except errors.ConfigError as error:
        return f'start() failed: {error.message}'
    # The conformance tests report its failures.
    with contextlib.suppress(Exception):
        interface.stop()
    return None


class _Result(unittest.TestResult):
    """Requirements of the failed tests by message.

    Several tests fail for one reason, such as an error of ``stop()``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Add a failure; its message follows the compared values."""
        self._add(test, str(err[1]).rpartition(' : ')[2])

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        """Add an exception of the driver."""
        place = problems.place_of_error(err[1])
        text = problems.describe(err[1])
        if place is None or place.startswith(_CALLERS):
            self._add(test, text)
        else:
            self._add(test, f'{text} ({place})')

    def _add(self, test: unittest.TestCase, message: str) -> None:
        requirement = (test.shortDescription() or test.id()).rstrip('.')
        self.found.setdefault(message, requirement)
