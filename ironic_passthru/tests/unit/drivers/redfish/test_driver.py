# SPDX-License-Identifier: Apache-2.0
"""Methods of the driver before any request to a BMC."""

import pathlib

import fixtures

from ironic_passthru import errors
from ironic_passthru.drivers import loader
from ironic_passthru.drivers import redfish
from ironic_passthru.drivers import signature
from ironic_passthru.tests import base

INVENTORY = """
node-1: {address: 'https://x', username: u, password: p, tags: [rack1]}
node-2: {address: 'https://y', username: u, password: p}
"""


class DriverTestCase(base.TestCase):
    def start(self, text: str | None = INVENTORY) -> redfish.RedfishVendor:
        options = {}
        if text is not None:
            directory = self.useFixture(fixtures.TempDir()).path
            path = pathlib.Path(directory) / 'inventory.yaml'
            path.touch(mode=0o600)
            path.write_text(text)
            options['redfish__inventory_file'] = str(path)
        driver = redfish.RedfishVendor()
        self.addCleanup(driver.stop)
        driver.start(self.make_conf(**options))
        return driver


class StartTest(DriverTestCase):
    """The driver starts with a good file and with none."""

    def test_without_a_file(self) -> None:
        driver = self.start(None)
        driver.driver_validate('inventory')
        self.assertEqual({}, driver.inventory(None))
        for method in ('indicator_led', 'eject_vmedia'):
            error = self.assertRaises(
                errors.InvalidParameterValue,
                driver.driver_validate,
                method,
                target='node-1',
            )
            self.assertEqual('Unknown target: node-1', error.message)

    def test_with_a_fault(self) -> None:
        error = self.assertRaises(
            errors.ConfigError, self.start, 'node-1: {password: hunter2}'
        )
        self.assertIn('node-1: address: Field required', error.message)
        self.assertNotIn('hunter2', error.message)

    def test_properties(self) -> None:
        properties = self.start(None).get_properties()
        self.assertIn('password_file', properties)
        self.assertTrue(all(properties.values()))


class ValidateTest(DriverTestCase):
    """What no target can be found for is refused before anything runs."""

    def test_good(self) -> None:
        driver = self.start()
        for method in ('inventory', 'indicator_led', 'eject_vmedia'):
            for selector in (
                {'target': 'node-1'},
                {'targets': ['node-1', 'node-2']},
                {'tag': 'rack1'},
                {'tag': 'rack1', 'target': None, 'targets': None},
            ):
                driver.driver_validate(method, **selector)

    def test_unknown(self) -> None:
        driver = self.start()
        for selector, message in (
            ({'target': 'x'}, 'Unknown target: x'),
            ({'targets': ['node-1', 'x', 'y']}, 'Unknown target: x, y'),
            ({'tag': 'node-1'}, 'Unknown tag: node-1'),
            (
                {'target': 'node-1', 'tag': 'rack1'},
                'Give only one of: target, tag',
            ),
        ):
            error = self.assertRaises(
                errors.InvalidParameterValue,
                driver.driver_validate,
                'inventory',
                **selector,
            )
            self.assertEqual(message, error.message)

    def test_methods_that_change_something_need_targets(self) -> None:
        driver = self.start()
        driver.driver_validate('inventory')
        for method in ('indicator_led', 'eject_vmedia'):
            error = self.assertRaises(
                errors.MissingParameterValue, driver.driver_validate, method
            )
            self.assertEqual(
                f'The method {method} needs one of: target, targets, tag',
                error.message,
            )


class SchemaTest(DriverTestCase):
    """The parameters are checked against what the signatures declare."""

    def test_values(self) -> None:
        driver = redfish.RedfishVendor()
        for name, good, bad in (
            ('inventory', {}, {'targets': []}),
            ('inventory', {'targets': ['a']}, {'targets': 'a'}),
            ('inventory', {'target': 'a'}, {'target': ''}),
            ('inventory', {'tag': 'a'}, {'node': 'a'}),
            ('indicator_led', {'state': 'Lit'}, {'state': 'lit'}),
            ('indicator_led', {'state': 'Off', 'tag': 'a'}, {'tag': 'a'}),
            ('eject_vmedia', {'device': 'CD'}, {'device': 'Cd'}),
            ('eject_vmedia', {'target': 'a'}, {'target': ['a']}),
        ):
            declared = signature.Signature(getattr(driver, name))
            declared.convert(name, good)
            self.assertRaises(
                errors.InvalidParameters, declared.convert, name, bad
            )

    def test_targets(self) -> None:
        spec = loader.make('redfish', redfish.RedfishVendor()).spec
        for method in spec.methods.values():
            for parameters, targets in (
                ({'target': 'a', 'targets': None}, {'a'}),
                ({'targets': ['a', 'b']}, {'a', 'b'}),
                ({'tag': 'rack1'}, set()),
            ):
                self.assertEqual(targets, method.targets(parameters))
