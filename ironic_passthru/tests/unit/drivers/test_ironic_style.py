# SPDX-License-Identifier: Apache-2.0
"""A vendor interface written for Ironic runs after changing its imports."""

from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import loader
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.conductor import records
from ironic_passthru.tests.unit.drivers import ironic_style


class IronicStyleTest(base.TestCase):
    """Called as the conductor calls it."""

    def setUp(self) -> None:
        super().setUp()
        self.interface = ironic_style.ZetaChassisVendor()
        self.driver = loader.make('zeta', self.interface)
        self.conductor = records.conductor(self, {'zeta': self.driver})
        self.runner = self.conductor.runner

    def _call(
        self, method: str, http_method: str, /, **parameters: Any
    ) -> Any:
        return self.runner.run(
            request_context.RequestContext(),
            protocol.CallRequest(
                driver_name='zeta',
                driver_method=method,
                http_method=http_method,
                info=parameters,
            ),
        )['return']

    def _refused(
        self,
        kind: type[Exception],
        method: str,
        http_method: str,
        /,
        **values: Any,
    ) -> Any:
        return self.assertRaises(
            kind, self._call, method, http_method, **values
        )

    def test_methods(self) -> None:
        self.assertEqual(
            {
                'set_power_cap': {
                    'http_methods': ['POST'],
                    'async': False,
                    'attach': False,
                    'description': 'Limit the power of a chassis.',
                },
                'power_caps': {
                    'http_methods': ['GET', 'DELETE'],
                    'async': False,
                    'attach': False,
                    'description': 'Read or clear the power limits.',
                },
                'discover': {
                    'http_methods': ['POST'],
                    'async': True,
                    'attach': False,
                    'description': '',
                },
                'fru_log': {
                    'http_methods': ['GET'],
                    'async': False,
                    'attach': True,
                    'description': '',
                },
                'lock': {
                    'http_methods': ['PUT'],
                    'async': False,
                    'attach': False,
                    'description': '',
                },
            },
            {
                name: method.summary()
                for name, method in self.driver.spec.methods.items()
            },
        )

    def test_properties(self) -> None:
        self.assertEqual(ironic_style.PROPERTIES, self.driver.spec.properties)

    def test_kwargs(self) -> None:
        self.assertEqual(
            {'caps': {'c1': 300}, 'http_method': 'POST'},
            self._call('set_power_cap', 'POST', chassis='c1', watts='300'),
        )

    def test_driver_validate(self) -> None:
        error = self._refused(
            errors.MissingParameterValue, 'set_power_cap', 'POST', watts=1
        )
        self.assertEqual(
            'The following parameters are missing: chassis', error.message
        )
        for watts in ('x', 9001):
            error = self._refused(
                errors.InvalidParameterValue,
                'set_power_cap',
                'POST',
                chassis='c1',
                watts=watts,
            )
            self.assertEqual(400, error.status)
        self.assertEqual({}, self.interface.power_caps)

    def test_http_method(self) -> None:
        self._call('set_power_cap', 'POST', chassis='c1', watts=1)
        self.assertEqual({'c1': 1}, self._call('power_caps', 'GET'))
        self.assertIsNone(self._call('power_caps', 'DELETE', chassis='c1'))
        error = self._refused(
            errors.NotFound, 'power_caps', 'DELETE', chassis='c1'
        )
        self.assertEqual('There is no limit for c1', error.message)
        self._refused(errors.VerbNotSupported, 'power_caps', 'PUT')

    def test_explicit_arguments(self) -> None:
        error = self._refused(
            errors.InvalidParameters, 'fru_log', 'GET', rack='r1'
        )
        self.assertEqual(
            ['/chassis', '/rack'], [f.pointer for f in error.field_errors()]
        )

    def test_asynchronous(self) -> None:
        self._refused(errors.InvalidParameters, 'discover', 'POST', depth=2)
        self.assertIsNone(
            self._call('discover', 'POST', subnet='192.0.2.0/24', x=1)
        )
        self.assertTrue(self.conductor.admission.wait(10))
        self.assertEqual(
            [('192.0.2.0/24', 1, ['http_method', 'x'])],
            self.interface.discovered,
        )

    def test_attach(self) -> None:
        attached = protocol.Attached.from_bus(
            self._call('fru_log', 'GET', chassis='c1')
        )
        self.assertEqual(b'FRU log of c1\n', attached.data)

    def test_errors_of_the_vendor(self) -> None:
        error = self._refused(
            errors.PassthruError, 'lock', 'PUT', chassis='c1', owner='amy'
        )
        self.assertEqual(423, error.status)
        self.assertEqual('Chassis c1 is locked by amy.', error.message)
        error = self._refused(
            errors.PassthruError, 'lock', 'PUT', chassis='burning'
        )
        self.assertEqual(500, error.status)
        self.assertEqual('Chassis burning is on fire.', error.message)
        error = self._refused(
            errors.VendorPassthruException, 'lock', 'PUT', chassis='broken'
        )
        self.assertEqual('The chassis manager does not answer.', error.message)

    def test_a_text_with_a_cause(self) -> None:
        error = self._refused(
            errors.VendorPassthruException, 'lock', 'PUT', chassis='emptied'
        )
        self.assertEqual('There is no fan.', error.message)

    def test_the_status_of_an_error_of_its_own(self) -> None:
        self.assertEqual(
            'absent', self._call('lock', 'PUT', chassis='inspected')
        )

    def test_errors_from_keywords(self) -> None:
        for chassis, status, text in (
            ('gone', 410, 'gone'),
            ('unknown', 404, 'Chassis unknown does not exist.'),
            (
                'remote',
                400,
                'Driver zeta does not support lock (disabled or not '
                'implemented).',
            ),
            ('node', 404, 'Node not found: node=node'),
        ):
            error = self._refused(
                errors.PassthruError, 'lock', 'PUT', chassis=chassis
            )
            self.assertEqual((status, text), (error.status, error.message))

    def test_methods_of_nodes_are_not_offered(self) -> None:
        self._refused(errors.MethodNotFound, 'blink', 'POST', seconds=1)
