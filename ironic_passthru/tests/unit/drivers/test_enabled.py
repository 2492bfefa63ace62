# SPDX-License-Identifier: Apache-2.0
"""Entries of ``[conductor] enabled_drivers``, and drivers loaded twice."""

import pathlib
import sys
from typing import Any

import fixtures
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.drivers import enabled
from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import loader
from ironic_passthru.testing import conformance
from ironic_passthru.testing import service
from ironic_passthru.tests import base


class Chassis(driver_base.VendorInterface):
    """A vendor's driver, which has options of its own."""

    def start(self, conf: Any) -> None:
        conf.register_opts(
            [cfg.StrOpt('host', default='nowhere'), cfg.IntOpt('slots')],
            group='acme',
        )
        self._host = conf.acme.host
        if conf.acme.slots == 0:
            raise ValueError(conf.acme.rack)

    @driver_base.driver_passthru(['GET'], async_call=False)
    def host(self) -> str | None:
        """Return the host."""
        return self._host

    @driver_base.driver_passthru(['POST'], dangerous=True)
    def erase(self) -> None:
        """Erase the chassis."""


def offer(case: base.TestCase, kind: type) -> None:
    """Install a package with the driver ``acme``."""
    root = pathlib.Path(case.useFixture(fixtures.TempDir()).path)
    info = root / 'acme-1.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Name: acme\nVersion: 1\n')
    (info / 'entry_points.txt').write_text(
        f'[{entry_points.NAMESPACE}]\n'
        f'acme = {kind.__module__}:{kind.__qualname__}\n'
    )
    case.useFixture(fixtures.MonkeyPatch('sys.path', [str(root), *sys.path]))


class TestEntries(base.TestCase):
    def test_names_and_entry_points(self) -> None:
        found = enabled.parse(
            ['redfish', 'redfish-site-b:redfish', ' rack_2 : redfish ', 'a']
        )
        self.assertEqual(
            [
                ('redfish', 'redfish'),
                ('redfish-site-b', 'redfish'),
                ('rack_2', 'redfish'),
                ('a', 'a'),
            ],
            [(each.name, each.entry_point) for each in found],
        )

    def test_the_name_of_the_entry_point_itself(self) -> None:
        self.assertFalse(enabled.parse_one('redfish:redfish').is_instance)

    def test_mistakes(self) -> None:
        for entries, reason in (
            ('b:', 'the form must be NAME or NAME:ENTRY_POINT'),
            (':redfish', 'the form must be'),
            ('a:b:c', 'the form must be'),
            (':', 'the form must be'),
            ('', 'the form must be'),
            ('redfish,redfish', "another entry has the name 'redfish'"),
            ('b:redfish,b:acme', "another entry has the name 'b'"),
            ('Site:redfish', 'lower-case letters, digits'),
            ('-b:redfish', 'lower-case letters, digits'),
            ('b/c:redfish', 'lower-case letters, digits'),
            (f'{"b" * 256}:redfish', 'up to 255'),
            ('conductor:redfish', 'the name of a group or an option'),
            ('redfish:acme', 'the name of a group or an option'),
            ('state_path:redfish', 'the name of a group or an option'),
            # [redfish_ironic] belongs to the driver redfish.
            ('redfish_ironic:redfish', "drivers 'redfish_ironic' and 'redf"),
            ('redfish,redfish_b:acme', "drivers 'redfish' and 'redfish_b'"),
            ('b:redfish,b_ironic:redfish', "drivers 'b' and 'b_ironic'"),
            ('rack-lamps,rack_lamps:redfish', "'rack-lamps' and 'rack_l"),
            ('B,b:redfish', "drivers 'B' and 'b'"),
        ):
            error = self.assertRaises(
                errors.ConfigError, enabled.parse, entries.split(',')
            )
            self.assertTrue(
                error.message.startswith('[conductor] enabled_drivers: '),
                error.message,
            )
            self.assertIn(reason, error.message)


class TestInstances(base.TestCase):
    """Two drivers of one entry point of a vendor."""

    def setUp(self) -> None:
        super().setUp()
        offer(self, Chassis)

    def load(self, drivers: str, text: str = '') -> dict[str, loader.Driver]:
        conf = service.configuration(
            f'[conductor]\nenabled_drivers = {drivers}\n{text}'
        )
        found = loader.load(conf)
        self.addCleanup(loader.stop, found.values())
        return found

    def test_each_has_its_own_options(self) -> None:
        found = self.load(
            'acme, acme-b:acme, c:acme',
            'allowed_dangerous_methods = acme-b.*\n'
            '[acme]\nhost = one\n[acme-b]\nhost = two\n',
        )
        self.assertEqual(
            {'acme': 'one', 'acme-b': 'two', 'c': 'nowhere'},
            {n: each.methods['host'].function() for n, each in found.items()},
        )
        self.assertEqual(
            {'acme': False, 'acme-b': True, 'c': False},
            {n: d.methods['erase'].spec.allowed for n, d in found.items()},
        )
        self.assertEqual('acme-b', found['acme-b'].spec.name)

    def test_a_second_start_in_one_process(self) -> None:
        conf = service.configuration('[conductor]\nenabled_drivers = b:acme')
        for _ in range(2):
            loader.stop(loader.load(conf).values())

    def test_an_unknown_entry_point(self) -> None:
        error = self.assertRaises(
            errors.DriverLoadError, self.load, 'acme-b:acne'
        )
        self.assertIn("Driver 'acme-b' cannot be loaded", error.message)
        self.assertIn("no entry point 'acne' in", error.message)
        self.assertIn('there are: acme, fake-hardware', error.message)
        self.assertIn("did you mean 'acme'?", error.message)

    def test_options_that_start_cannot_read(self) -> None:
        for slots, reason in (
            ('many', 'option slots from '),
            ('0', r'no such option rack in group \[acme-b\]'),
        ):
            error = self.assertRaises(
                errors.DriverLoadError,
                self.load,
                'acme, acme-b:acme',
                f'[acme-b]\nslots = {slots}\n',
            )
            self.assertRegex(
                error.message, f"^Driver 'acme-b' .*start.* failed .*{reason}"
            )


class TestConformance(conformance.DriverConformance, base.TestCase):
    """An instance passes the tests of vendors with its own options."""

    driver = 'acme-b:acme'
    config = '[acme]\nslots = 0\n[acme-b]\nhost = two\n'

    def setUp(self) -> None:
        super().setUp()
        offer(self, Chassis)

    def test_host(self) -> None:
        self.assertEqual('two', self.call('host', 'GET'))
