# SPDX-License-Identifier: Apache-2.0
"""Services that call conductors over the bus."""

import subprocess
import sys
from typing import Any

import oslo_messaging
from oslo_utils import uuidutils

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import servers

_SITE = deployment.Site(broker=servers.VirtualHost())


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class ServiceTestCase(deployment.SiteTestCase):
    """A test with the conductors c1, and c2 without fake-hardware."""

    site = _SITE

    def setUp(self) -> None:
        super().setUp()
        self.key = uuidutils.generate_uuid()
        self.site.start_conductor('c1')
        self.site.start_conductor('c2', conductor__enabled_drivers='marks')
        self.transport = self.site.bus(self)
        self.context = request_context.RequestContext()


class TestProgram(ServiceTestCase):
    """The example of the page about other services."""

    def test_it_prints_the_answer(self) -> None:
        example = console.ROOT / 'doc/source/examples/call_a_driver.py'
        done = subprocess.run(
            [
                *(sys.executable, str(example)),
                *('--config-file', str(self.site.config)),
            ],
            env=self.site.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual('Hello, Ada!\n', done.stdout, done.stderr)


class TestConductorAPI(ServiceTestCase):
    """The public client, which discovers the conductors."""

    def setUp(self) -> None:
        super().setUp()
        self.api = client.ConductorAPI(self.transport, monitor_seconds=2)

    def call(
        self, method: str, driver: str = 'fake-hardware', **info: Any
    ) -> dict[str, Any]:
        """Call a method of a driver by POST."""
        return self.api.driver_vendor_passthru(
            self.context, driver, method, http_method='POST', info=info
        )

    def test_a_call_returns_what_the_method_did(self) -> None:
        # Often enough to try the conductor without the driver, too.
        for slot in range(10):
            self.assertEqual(
                {'return': {'slot': slot}, 'async': False, 'attach': False},
                self.call('echo', slot=slot),
            )

    def test_reported_targets_are_in_answers_and_errors(self) -> None:
        def put(**info: Any) -> Any:
            return self.api.driver_vendor_passthru(
                self.context,
                *('fake-hardware', 'asset_tag'),
                http_method='PUT',
                info=info,
            )

        self.assertEqual(['r1'], put(tag='t')['targets'])
        error = self.assertRaises(errors.MissingParameterValue, put, rack='r2')
        self.assertEqual('PUT needs the parameter tag', error.message)
        self.assertEqual(['r2'], error.kwargs['targets'])

    def test_every_conductor_of_a_driver_is_used(self) -> None:
        hosts = {
            self.call('mark', 'marks', key=self.key)['return']
            for _ in range(30)
        }
        self.assertEqual({'c1', 'c2'}, hosts)

    def test_an_asynchronous_call_is_accepted(self) -> None:
        answer = self.call('mark_later', 'marks', key=self.key)
        self.assertTrue(answer['async'])
        self.wait_for(lambda: self.site.marked(self.key), 'it runs')

    def test_an_attachment_is_bytes(self) -> None:
        answer = self.api.driver_vendor_passthru(
            self.context,
            'fake-hardware',
            'firmware',
            http_method='GET',
            info={},
        )
        attached = protocol.Attached.from_bus(answer['return'])
        self.assertEqual(bytes(range(256)), attached.data)

    def test_methods_and_properties(self) -> None:
        methods = self.api.get_driver_vendor_passthru_methods(
            self.context, 'fake-hardware'
        )
        self.assertEqual(['GET', 'POST'], methods['no_op']['http_methods'])
        properties = self.api.get_driver_properties(
            self.context, 'fake-hardware'
        )
        self.assertIn('fake_rack', properties)

    def test_a_drivers_refusal_is_an_error_of_its_class(self) -> None:
        error = self.assertRaises(
            errors.InvalidParameterValue, self.call, 'fail', kind='invalid'
        )
        self.assertEqual('the rack does not exist', error.message)
        self.assertEqual(400, error.status)

    def test_a_vendors_own_error_keeps_status_and_code(self) -> None:
        error = self.assertRaises(
            errors.VendorError, self.call, 'fail', kind='paper'
        )
        self.assertEqual(507, error.status)
        self.assertEqual('fake_out_of_paper', error.code)

    def test_an_unexpected_error_contains_no_details(self) -> None:
        error = self.assertRaises(errors.DriverFailed, self.call, 'crash')
        self.assertNotIn('hunter2', error.message)
        self.assertIn(self.context.request_id, error.message)

    def test_wrong_parameters_are_all_named(self) -> None:
        error = self.assertRaises(
            errors.InvalidParameters,
            self.api.driver_vendor_passthru,
            self.context,
            'fake-hardware',
            'set_fans',
            http_method='PUT',
            info={'speed': 101, 'extra': 1},
        )
        pointers = {fault.pointer for fault in error.field_errors()}
        self.assertEqual({'/mode', '/speed', '/extra'}, pointers)


class TestPlainClient(ServiceTestCase):
    """Plain oslo.messaging with the names and arguments of Ironic."""

    def setUp(self) -> None:
        super().setUp()
        self.client = oslo_messaging.get_rpc_client(
            self.transport,
            oslo_messaging.Target(
                exchange='ironic_passthru',
                topic='ironic_passthru.conductor_manager',
                version='1.0',
            ),
        )
        self.server = self.site.address('c1').name

    def call(self, name: str, **arguments: Any) -> Any:
        """Call a method of the conductor c1."""
        prepared = self.client.prepare(server=self.server, timeout=10)
        return prepared.call({}, name, **arguments)

    def passthru(self, **changes: Any) -> Any:
        """Call a vendor method with changed arguments."""
        arguments = {
            'driver_name': 'fake-hardware',
            'driver_method': 'echo',
            'http_method': 'POST',
            'info': {'slot': 3},
        }
        return self.call('driver_vendor_passthru', **arguments | changes)

    def test_a_call(self) -> None:
        self.assertEqual(
            {'return': {'slot': 3}, 'async': False, 'attach': False},
            self.passthru(),
        )

    def test_methods_and_properties(self) -> None:
        methods = self.call(
            'get_driver_vendor_passthru_methods', driver_name='fake-hardware'
        )
        self.assertIn('echo', methods)
        properties = self.call(
            'get_driver_properties', driver_name='fake-hardware'
        )
        self.assertIn('fake_rack', properties)
