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
from ironic_passthru.drivers import enabled
from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import loader
from ironic_passthru.drivers import problems
from ironic_passthru.testing import conformance

ERROR = 'error'

_PACKAGE = pathlib.Path(conformance.__file__).parents[1]
# Code that calls drivers, which is not the place of a mistake.
_CALLERS = (f'{_PACKAGE}/testing/', f'{_PACKAGE}/conductor/')


def drivers(target: str) -> list[enabled.EnabledDriver]:
    """Return the drivers of a package, or the driver of this name.

    :param target: name of a package or a driver, or ``NAME:ENTRY_POINT``.
    :raises: ConfigError if neither exists.
    """
    if ':' in target:
        return [enabled.parse_one(target)]
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
    return [enabled.parse_one(name) for name in sorted(found)]


def run(
    driver: enabled.EnabledDriver, conf: cfg.ConfigOpts
) -> list[problems.Problem]:
    """Return the problems of one driver, the errors first.

    The conformance tests run if the driver can be loaded: they start it.

    :param conf: the configuration of the service.
    :raises: DriverLoadError if its class cannot be used.
    """
    with reported(driver.name):
        return _problems(driver, conf)


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


def _problems(
    driver: enabled.EnabledDriver, conf: cfg.ConfigOpts
) -> list[problems.Problem]:
    interface = driver.make()
    found = loader.examine(driver.name, interface)
    if not any(problem.level == ERROR for problem in found):
        place = problems.place_of_class(type(interface))
        found += _nonconformities(driver, conf, place)
    return sorted(found, key=lambda problem: problem.level != ERROR)


def _normal(name: str) -> str:
    """Return the normalized name of a package (PEP 503)."""
    return re.sub(r'[-_.]+', '-', name).lower()


def _nonconformities(
    loaded: enabled.EnabledDriver, conf: cfg.ConfigOpts, place: str | None
) -> Iterator[problems.Problem]:
    failure = _start_failure(loaded, conf)

    class Conformance(conformance.DriverConformance, unittest.TestCase):
        """The conformance tests of the driver."""

        driver = loaded.entry

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
            driver=loaded.name,
            method=None,
            place=place,
            message=message,
            remedy=f'required: {requirement}',
        )


def _start_failure(
    driver: enabled.EnabledDriver, conf: cfg.ConfigOpts
) -> str | None:
    """Return why a driver does not start, or None if it does."""
    interface = driver.make()
    try:
        with entry_points.reported(driver.name, 'start() failed'):
            interface.start(driver.configuration(conf))
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
