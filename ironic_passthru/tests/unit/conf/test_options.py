# SPDX-License-Identifier: Apache-2.0
"""Every option has help, a unit and bounds."""

import re

from oslo_config import cfg
from oslo_config import types

from ironic_passthru import conf as project_conf
from ironic_passthru.conf import database
from ironic_passthru.conf import opts
from ironic_passthru.conf import oslo_policy
from ironic_passthru.tests import base

# Without the options of libraries.
OWN = [
    module
    for module in project_conf.MODULES
    if module not in (database, oslo_policy)
]
UNITS = re.compile(r'seconds|bytes|number of|port|levels', re.IGNORECASE)


def own_options() -> list[tuple[str, cfg.Opt]]:
    return [
        (f'{getattr(module, "GROUP", None)}.{option.name}', option)
        for module in OWN
        for option in module.OPTS
    ]


class TestOptions(base.TestCase):
    def test_each_has_help(self) -> None:
        for name, option in own_options():
            self.assertGreater(len(option.help or ''), 20, name)
            self.assertRegex(option.help, r'^[A-Z].*\.$', name)

    def test_numbers_have_a_unit_and_bounds(self) -> None:
        numbers = 0
        for name, option in own_options():
            if not isinstance(option.type, types.Number):
                continue
            numbers += 1
            self.assertRegex(option.help, UNITS, name)
            self.assertIsNotNone(option.type.min, name)
            self.assertIsNotNone(option.type.max, name)
        self.assertGreater(numbers, 15)

    def test_defaults_are_within_the_bounds(self) -> None:
        conf = self.make_conf()
        for module in OWN:
            group = getattr(module, 'GROUP', None)
            section = conf[group.name] if group else conf
            for option in module.OPTS:
                value = getattr(section, option.dest)
                if value is not None:
                    self.assertEqual(value, option.type(value))

    def test_values_out_of_bounds_are_rejected(self) -> None:
        for name, option in own_options():
            if not isinstance(option.type, types.Number):
                continue
            for bad in (option.type.min - 1, option.type.max + 1):
                self.assertRaises(ValueError, option.type, str(bad))
            for good in (option.type.min, option.type.max):
                self.assertEqual(good, option.type(str(good)), name)

    def test_one_group_a_module(self) -> None:
        conf = self.make_conf()
        for module in project_conf.MODULES:
            name = module.__name__.rpartition('.')[2]
            if name == 'default':
                continue
            self.assertEqual(name, module.GROUP.name)
            self.assertTrue(module.GROUP.title)
            for option in module.OPTS:
                self.assertIn(option.dest, conf[name])

    def test_registering_twice_is_harmless(self) -> None:
        conf = cfg.ConfigOpts()
        project_conf.register_opts(conf)
        project_conf.register_opts(conf)
        conf([], default_config_files=[])
        self.assertEqual(6385, conf.api.port)

    def test_two_configurations_share_no_value(self) -> None:
        first, second = self.make_conf(), self.make_conf()
        for module in OWN:
            group = getattr(module, 'GROUP', None)
            for option in module.OPTS:
                if not isinstance(option.type, types.Number):
                    continue
                value = option.type.max
                first.set_override(option.name, value, group=group.name)
                self.assertNotEqual(
                    value, second[group.name][option.dest], option.name
                )
        first.set_override('connection', 'sqlite:///x', group='database')
        self.assertIsNone(second.database.connection)

    def test_timeouts_fit_each_other(self) -> None:
        conf = self.make_conf()
        self.assertGreaterEqual(
            conf.conductor.heartbeat_timeout,
            2 * conf.conductor.heartbeat_interval,
        )
        self.assertGreater(
            conf.conductor.drain_seconds, conf.api.catalog_max_age
        )
        self.assertLess(conf.redfish.call_timeout, conf.api.call_timeout)
        self.assertEqual('127.0.0.1', conf.api.host_ip)

    def test_sample_contains_all_options(self) -> None:
        shown = {
            option.name
            for _, options in opts.list_opts()
            for option in options
        }
        self.assertEqual({option.name for _, option in own_options()}, shown)
