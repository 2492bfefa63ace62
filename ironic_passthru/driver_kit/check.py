# SPDX-License-Identifier: Apache-2.0
"""``check``: inspect a driver without a service and report all problems."""

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
    class Conformance(conformance.DriverConformance, unittest.TestCase):
        """The conformance tests of the driver."""

        driver = name

        def make_driver_conf(self) -> cfg.ConfigOpts:
            return conf

    result = _Result()
    unittest.defaultTestLoader.loadTestsFromTestCase(Conformance).run(result)
    for message, requirement in result.found.items():
        yield problems.Problem(
            driver=name,
            method=None,
            place=place,
            message=message,
            remedy=f'required: {requirement}',
        )


class _Result(unittest.TestResult):
    """Requirements of the failed tests by message.

    Several tests fail for one reason, such as an error of ``start()``.
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
        self._add(test, f'{text} ({place})' if place else text)

    def _add(self, test: unittest.TestCase, message: str) -> None:
        requirement = (test.shortDescription() or test.id()).rstrip('.')
        self.found.setdefault(message, requirement)
