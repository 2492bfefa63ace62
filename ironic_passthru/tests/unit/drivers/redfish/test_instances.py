# SPDX-License-Identifier: Apache-2.0
"""Two instances of the driver in one process."""

import json
import logging
import pathlib
import threading

import fixtures
from oslo_config import cfg

from ironic_passthru import conf as project_conf
from ironic_passthru import errors
from ironic_passthru.drivers import enabled
from ironic_passthru.drivers import redfish
from ironic_passthru.drivers.redfish import executor
from ironic_passthru.drivers.redfish import log_filter
from ironic_passthru.tests import base

_ENTRY = {
    'address': 'https://192.0.2.1',
    'username': 'admin',
    'password': 'secret',
}


def _warn() -> None:
    """Log a warning of urllib3 in a worker thread."""
    thread = threading.Thread(
        name=f'{executor.THREAD_NAME_PREFIX}-0',
        target=logging.getLogger('urllib3.connection').warning,
        args=('url https://bmc',),
    )
    thread.start()
    thread.join()


class TestInstances(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def inventory(self, name: str, *targets: str, mode: int = 0o600) -> str:
        path = self.directory / name
        path.touch()
        path.chmod(mode)
        path.write_text(json.dumps(dict.fromkeys(targets, _ENTRY)))
        return str(path)

    def start(self, entry: str, text: str) -> redfish.RedfishVendor:
        """Return a driver of an entry of ``enabled_drivers``."""
        file = self.directory / 'test.conf'
        file.write_text(text)
        conf = cfg.ConfigOpts()
        project_conf.register_opts(conf)
        conf([], default_config_files=[str(file)])
        driver = redfish.RedfishVendor()
        self.addCleanup(driver.stop)
        driver.start(enabled.parse_one(entry).configuration(conf))
        return driver

    def targets(self, driver: redfish.RedfishVendor) -> list[str]:
        return list(driver.targets()['items'])

    def test_stopping_one_does_not_disturb_the_other(self) -> None:
        before = len(log_filter._loggers()[0].filters)
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        text = (
            f'[redfish]\ninventory_file = {self.inventory("a", "one")}\n'
            f'[site-b]\ninventory_file = {self.inventory("b", "two")}\n'
        )
        first = self.start('redfish', text)
        second = self.start('site-b:redfish', text)
        self.assertEqual(['one'], self.targets(first))
        first.stop()
        self.assertEqual(['two'], self.targets(second))
        _warn()
        self.assertNotIn('bmc', log.output)
        second.stop()
        self.assertEqual(before, len(log_filter._loggers()[0].filters))
        _warn()
        self.assertIn('url https://bmc', log.output)

    def test_defaults_are_not_values_of_the_other(self) -> None:
        driver = self.start('site-b:redfish', '[redfish]\nconcurrency = 3\n')
        error = self.assertRaises(
            errors.InvalidParameterValue,
            driver.driver_validate,
            'inventory',
            http_method='GET',
            concurrency=300,
        )
        self.assertIn('at most 256', error.message)

    def test_errors_name_the_group(self) -> None:
        openly = self.inventory('open', 'one', mode=0o644)
        missing = self.directory / 'missing'
        for option, message in (
            (f'inventory_file = {missing}', '[site-b] inventory_file '),
            (f'inventory_file = {openly}', '[site-b] inventory_file: '),
            ('inventory = no-such', '[site-b] inventory no-such: '),
            (
                'inventory = ironic',
                '[site-b_ironic] auth_type is required for [site-b] ',
            ),
            (
                'inventory = ironic\n[site-b_ironic]\nauth_type = hunter',
                '[site-b_ironic]: ',
            ),
            (
                'concurrency = 0',
                "Option concurrency in group [site-b] is '0', which is not "
                'valid: Should be greater than or equal to 1 (allowed: 1 to ',
            ),
            (
                'connect_timeout = nan',
                "Option connect_timeout in group [site-b] is 'nan', which is",
            ),
        ):
            error = self.assertRaises(
                errors.ConfigError,
                self.start,
                'site-b:redfish',
                f'[redfish_ironic]\nauth_type = none\n[site-b]\n{option}\n',
            )
            self.assertTrue(error.message.startswith(message), error.message)
            self.assertNotIn('[redfish', error.message)
