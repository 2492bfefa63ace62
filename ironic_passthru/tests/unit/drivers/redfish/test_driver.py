# SPDX-License-Identifier: Apache-2.0
"""Methods of the driver before any request to a BMC."""

import pathlib

import fixtures

from ironic_passthru import context as request_context
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
        driver.driver_validate('inventory', http_method='GET')
        context = request_context.RequestContext(overwrite=False)
        self.assertEqual(
            {
                'items': {},
                'summary': {
                    'total': 0,
                    'succeeded': 0,
                    'failed': 0,
                    'not_attempted': 0,
                },
            },
            driver.inventory(context),
        )
        error = self.assertRaises(
            errors.InvalidParameterValue,
            driver.driver_validate,
            'indicator_led',
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

    def test_targets(self) -> None:
        driver = self.start()
        for method in ('indicator_led', 'eject_vmedia'):
            driver.driver_validate(method, http_method='PUT', tag='rack1')
            error = self.assertRaises(
                errors.MissingParameterValue,
                driver.driver_validate,
                method,
                http_method='PUT',
            )
            self.assertEqual(
                f'The method {method} needs one of: target, targets, tag, '
                'tags, any_tags',
                error.message,
            )
        driver.driver_validate('inventory', http_method='GET')

    def test_concurrency(self) -> None:
        driver = self.start()
        driver.driver_validate('x', target='node-1', concurrency=256)
        error = self.assertRaises(
            errors.InvalidParameterValue,
            driver.driver_validate,
            'x',
            target='node-1',
            concurrency=257,
        )
        self.assertEqual(
            'concurrency must be at most 256, not 257', error.message
        )


class TargetsTest(DriverTestCase):
    """The method ``targets``."""

    def test_items(self) -> None:
        result = self.start().targets(target='node-*')
        self.assertEqual(
            {
                'node-1': {'tags': ['rack1'], 'conductor_group': ''},
                'node-2': {'tags': [], 'conductor_group': ''},
            },
            result['items'],
        )
        self.assertEqual(2, result['summary']['succeeded'])


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
            ('power', {'state': 'Nmi', 'wait': True}, {'state': 'Off'}),
            ('boot_device', {'device': 'Pxe'}, {'device': 'Disk'}),
            ('boot_device', {'enabled': 'Once'}, {'enabled': True}),
            ('insert_vmedia', {'image': 'a'}, {'device': 'CD'}),
            ('reset_bmc', {}, {'reset_type': 'PowerCycle'}),
            ('secure_boot', {'enabled': False}, {'enabled': 'Once'}),
            ('tasks', {'limit': 500}, {'limit': 501}),
            ('get_resource', {'path': '/redfish'}, {}),
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
