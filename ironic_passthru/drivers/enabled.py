# SPDX-License-Identifier: Apache-2.0
"""Entries of the options that enable drivers: ``NAME`` or ``NAME:PART``."""

import dataclasses
import itertools
import re
from collections.abc import Iterable
from typing import Any

from oslo_config import cfg
from oslo_log import log

from ironic_passthru import conf as project_conf
from ironic_passthru import errors
from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import instance_config

OPTION = 'enabled_drivers'
IRONIC_OPTION = 'enabled_ironic_hardware_types'

_INSTANCE_NAME = re.compile(r'[a-z0-9][a-z0-9._-]{0,254}')


@dataclasses.dataclass(frozen=True)
class EnabledDriver:
    """An entry of ``[conductor] enabled_drivers``.

    :param name: name of the driver.
    :param entry_point: entry point of its class; the name, unless the driver
        is an instance.
    """

    name: str
    entry_point: str

    @property
    def is_instance(self) -> bool:
        """Whether the driver has another name than its entry point."""
        return self.name != self.entry_point

    @property
    def entry(self) -> str:
        """The entry in its shortest form."""
        if not self.is_instance:
            return self.name
        return f'{self.name}:{self.entry_point}'

    @property
    def groups(self) -> frozenset[str]:
        """Groups of the driver; others begin with one and an underscore."""
        if self.is_instance:
            return frozenset({self.name})
        return instance_config.own_groups(self.name)

    def make(self) -> Any:
        """Return a new object of the class.

        :raises: DriverLoadError.
        """
        return entry_points.instance(self.name, entry_name=self.entry_point)

    def configuration(self, conf: cfg.ConfigOpts) -> cfg.ConfigOpts:
        """Return the configuration that the driver is started with."""
        if not self.is_instance:
            return conf
        return instance_config.view(
            conf, name=self.name, entry_point=self.entry_point
        )


def pairs(
    option: str, entries: Iterable[str], *, form: str
) -> list[tuple[str, str]]:
    """Return the names and the parts after the colon, which may be empty.

    :param option: name of the option in ``[conductor]``.
    :param form: form of an entry, for errors.
    :raises: ConfigError for another form, or if two entries have one name.
    """
    found: dict[str, str] = {}
    for entry in entries:
        name, colon, part = (each.strip() for each in entry.partition(':'))
        if not name or bool(colon) != bool(part) or ':' in part:
            raise _error(option, entry, f'the form must be {form}')
        if name in found:
            raise _error(option, entry, f"another entry has the name '{name}'")
        found[name] = part
    return list(found.items())


def drivers(conf: cfg.ConfigOpts) -> list[EnabledDriver]:
    """Return the entries of ``[conductor] enabled_drivers``.

    :raises: ConfigError.
    """
    return parse(conf.conductor.enabled_drivers)


def parse(entries: Iterable[str]) -> list[EnabledDriver]:
    """Return the drivers of entries, whose groups do not overlap.

    :raises: ConfigError.
    """
    found = [
        EnabledDriver(name, part or name)
        for name, part in pairs(
            OPTION, entries, form='NAME or NAME:ENTRY_POINT'
        )
    ]
    for driver in found:
        if driver.is_instance:
            _check_name(driver)
            # Its own groups must not be those of the entry point, either.
            _check_groups(driver, EnabledDriver(*[driver.entry_point] * 2))
    for one, other in itertools.combinations(found, 2):
        if one.is_instance or other.is_instance:
            _check_groups(one, other)
    return found


def parse_one(entry: str) -> EnabledDriver:
    """Return the driver of an entry.

    :raises: ConfigError.
    """
    (driver,) = parse([entry])
    return driver


def _check_name(driver: EnabledDriver) -> None:
    if not _INSTANCE_NAME.fullmatch(driver.name):
        raise _error(
            OPTION,
            driver.entry,
            f"'{driver.name}' cannot be the name of a driver; allowed are up "
            'to 255 lower-case letters, digits, ".", "_" and "-", of which '
            'the first one is a letter or a digit',
        )
    if driver.name in _names_of_service():
        raise _error(
            OPTION,
            driver.entry,
            f"'{driver.name}' is the name of a group or an option of the "
            'service; use another name',
        )


def _check_groups(one: EnabledDriver, other: EnabledDriver) -> None:
    """Check that two drivers have no group in common.

    Files and environment do not distinguish upper and lower case.
    """
    for first, second in itertools.product(one.groups, other.groups):
        short, long = sorted((f'{first}_'.lower(), f'{second}_'.lower()))
        if not long.startswith(short):
            continue
        driver = one if one.is_instance else other
        raise _error(
            OPTION,
            driver.entry,
            f'[{max(first, second, key=len)}] would be a group of both '
            f"drivers '{one.name}' and '{other.name}'; a name must not begin "
            'with that of another driver and an underscore',
        )


def _names_of_service() -> cfg.ConfigOpts:
    """Return a container of groups and of options of ``[DEFAULT]``."""
    conf = cfg.ConfigOpts()
    project_conf.register_opts(conf)
    log.register_options(conf)
    return conf


def _error(option: str, entry: str, reason: str) -> errors.ConfigError:
    return errors.ConfigError(f"[conductor] {option}: '{entry}': {reason}")
