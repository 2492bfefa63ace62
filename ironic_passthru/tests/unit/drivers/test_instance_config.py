# SPDX-License-Identifier: Apache-2.0
"""The configuration of a driver instance."""

import copy
import os
from unittest import mock

from oslo_config import cfg

from ironic_passthru.drivers import instance_config
from ironic_passthru.testing import service
from ironic_passthru.tests import base

_FILE = """
[DEFAULT]
acme_top = shared
[acme]
host = base
old = base
[acme_login]
user = base
[acme-b]
host = instance
old = instance
[other]
host = other
"""

# A constant of a module, as in code of vendors.
_LOGIN = cfg.OptGroup('acme_login', title='Login')
_USER = cfg.StrOpt('user', default='nobody')
_MOVED = cfg.StrOpt(
    'moved', deprecated_opts=[cfg.DeprecatedOpt('old', group='acme')]
)


class TestInstanceConfig(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = service.configuration(_FILE)
        self.view = instance_config.view(
            self.conf, name='acme-b', entry_point='acme'
        )
        for conf in (self.conf, self.view):
            # Twice, as by a second start.
            for _ in range(2):
                conf.register_group(_LOGIN)
                conf.register_opts([_USER, _MOVED], group=_LOGIN)
                conf.register_opt(cfg.StrOpt('host'), 'acme')
                conf.register_opt(cfg.StrOpt('host'), group='other')
                conf.register_opts([cfg.StrOpt('acme_top')])

    def test_groups_of_its_own(self) -> None:
        self.assertEqual('instance', self.view.acme.host)
        self.assertEqual('instance', self.view['acme']['host'])
        # The default, not the value of the other driver.
        self.assertEqual('nobody', self.view.acme_login.user)
        self.assertEqual('base', self.conf.acme.host)
        self.assertEqual('base', self.conf.acme_login.user)

    def test_everything_else_is_shared(self) -> None:
        self.assertEqual('other', self.view.other.host)
        self.assertEqual('shared', self.view.acme_top)
        self.assertIs(True, self.view.conductor.sync_workers > 0)
        self.assertEqual(self.conf.config_file, self.view.config_file)
        self.assertEqual('ironic_passthru', self.view.project)
        self.assertIsNone(self.view.find_file('missing'))

    def test_former_groups_of_options(self) -> None:
        self.assertEqual('base', self.conf.acme_login.moved)
        self.assertEqual('instance', self.view.acme_login.moved)

    def test_values_are_set_for_one_driver(self) -> None:
        self.view.set_default('user', 'changed', group='acme_login')
        self.view.set_override('host', 'set', 'acme')
        self.assertEqual('changed', self.view.acme_login.user)
        self.assertEqual('set', self.conf['acme-b'].host)
        self.assertEqual('base', self.conf.acme.host)
        self.view.clear_override('host', group='acme')
        self.assertEqual('instance', self.view.acme.host)

    def test_names(self) -> None:
        self.assertIn('acme', self.view)
        self.assertIn('acme_top', self.view)
        self.assertNotIn('acme_rack', self.view)
        self.conf.register_opt(cfg.StrOpt('x'), group='acme_rack')
        self.assertNotIn('acme_rack', self.view)
        self.assertNotIn('acme_rack', list(self.view))
        self.assertEqual(len(list(self.view)), len(self.view))
        self.assertEqual('instance', copy.copy(self.view).acme.host)

    def test_errors_name_the_real_group(self) -> None:
        for function, text in (
            (lambda: self.view.acme.rack, 'rack in group [acme-b]'),
            (lambda: self.view.acme_rack, 'acme-b_rack'),
            (lambda: self.view.set_default('x', 1, 'acme_rack'), 'acme-b_r'),
        ):
            self.assertIn(text, str(self.assertRaises(cfg.Error, function)))
        for conf, names in (
            (self.conf, ('acme', 'acme_login', 'other')),
            (self.view, ('acme-b', 'acme-b_login', 'other')),
        ):
            self.assertEqual(
                names,
                tuple(
                    instance_config.group_name(conf, each)
                    for each in ('acme', 'acme_login', 'other')
                ),
            )

    def test_environment(self) -> None:
        name = 'OS_ACME-B__HOST'
        with mock.patch.dict(os.environ, {name: 'environment'}):
            conf = service.configuration(_FILE)
            conf.register_opt(cfg.StrOpt('host'), group='acme-b')
            self.assertEqual('environment', conf['acme-b'].host)

    def test_an_entry_point_with_dashes(self) -> None:
        conf = service.configuration('[b]\nlamps = 7\n')
        view = instance_config.view(conf, name='b', entry_point='rack-lamps')
        view.register_opt(cfg.IntOpt('lamps'), group='rack_lamps')
        self.assertEqual(7, view.rack_lamps.lamps)
        self.assertNotIn('rack_lamps', conf)
