# SPDX-License-Identifier: Apache-2.0
"""Cases of the clients that Ironic's users have, to be run on any site."""

import json
import subprocess
from typing import Any

import openstack
from openstack import exceptions as sdk_exceptions
from oslo_utils import uuidutils

from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional import wsgi_cases


class ClientCases(wsgi_cases.ServedSite):
    """A test with a key of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.key = uuidutils.generate_uuid()

    def assert_marked(self, *notes: str) -> None:
        """Check what ran with the key, on whichever conductor."""
        marked = self.site.marked(self.key)
        self.assertEqual(
            list(notes), [note.partition(':')[2] for note in marked]
        )


class CommandLineCases(ClientCases):
    """``openstack baremetal``, of python-ironicclient."""

    def run_command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``openstack`` with these words."""
        return subprocess.run(
            [
                processes.command('openstack'),
                *('--os-auth-type', 'none'),
                *('--os-endpoint', self.api.url),
                *words,
            ],
            env=self.site.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def read(self, *words: str) -> Any:
        """Return what ``openstack baremetal`` prints as JSON."""
        done = self.run_command('baremetal', *words, '-f', 'json')
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def call(self, method: str, verb: str, *arguments: str) -> str:
        """Call a method; return the description of the HTTP exchange.

        The command exits with an error on any result that is not empty, a
        mistake of its own, so its exit code says nothing.
        """
        words = ('driver', 'passthru', 'call', '--http-method', verb)
        options = [part for text in arguments for part in ('--arg', text)]
        done = self.run_command(
            '--debug', 'baremetal', *words, *options, 'marks', method
        )
        return done.stderr

    def test_driver_list(self) -> None:
        rows = self.read('driver', 'list')
        hosts = {row['name']: row['hosts'] for row in rows}
        expected = ', '.join(self.hosts)
        self.assertEqual({'fake-hardware': expected, 'marks': expected}, hosts)

    def test_driver_list_in_detail(self) -> None:
        rows = self.read('driver', 'list', '--long')
        types = {row['name']: row['type'] for row in rows}
        self.assertEqual('dynamic', types['fake-hardware'])

    def test_driver_show(self) -> None:
        shown = self.read('driver', 'show', 'fake-hardware')
        self.assertEqual('fake-hardware', shown['name'])
        self.assertIn('c1', shown['hosts'])
        self.assertEqual('fake-hardware', shown['default_vendor_interface'])

    def test_driver_property_list(self) -> None:
        rows = self.read('driver', 'property', 'list', 'fake-hardware')
        names = {row['property'] for row in rows}
        self.assertEqual({'fake_rack', 'fake_delay'}, names)

    def test_driver_passthru_list(self) -> None:
        rows = self.read('driver', 'passthru', 'list', 'fake-hardware')
        methods = {row['name']: row for row in rows}
        self.assertIn('Greet somebody', methods['hello']['description'])
        self.assertFalse(methods['hello']['async'])
        self.assertTrue(methods['start_fan_test']['async'])

    def test_driver_passthru_call_of_a_synchronous_method(self) -> None:
        exchange = self.call('mark', 'POST', f'key={self.key}')
        self.assertIn('"POST /v1/drivers/marks/vendor_passthru', exchange)
        self.assertIn('HTTP/1.1" 200', exchange)
        self.assert_marked('began', 'ended')

    def test_driver_passthru_call_of_an_asynchronous_method(self) -> None:
        exchange = self.call('mark_later', 'POST', f'key={self.key}')
        self.assertIn('HTTP/1.1" 202', exchange)
        self.assertIn('/v1/operations/', exchange)
        # It asks for nothing more.
        self.assertNotIn('GET /v1/operations', exchange)
        self.wait_for(lambda: len(self.site.marked(self.key)) == 2, 'it runs')

    def test_driver_passthru_call_that_fails_is_sent_once(self) -> None:
        # It would send the request again on 409 and 503.
        exchange = self.call(
            'refuse', 'PUT', f'key={self.key}', 'kind=conflict'
        )
        self.assertIn('HTTP/1.1" 500', exchange)
        self.assertIn('the rack is being serviced', exchange)
        self.assert_marked('began')

    def test_driver_passthru_call_with_a_wrong_parameter(self) -> None:
        exchange = self.call('mark', 'POST', f'key={self.key}', 'extra=1')
        self.assertIn('HTTP/1.1" 400', exchange)
        self.assertIn('extra', exchange)
        self.assertEqual([], self.site.marked(self.key))

    def test_conductor_list(self) -> None:
        rows = self.read('conductor', 'list')
        self.assertEqual(
            list(self.hosts), sorted(row['hostname'] for row in rows)
        )
        self.assertTrue(rows[0]['alive'])

    def test_conductor_show(self) -> None:
        shown = self.read('conductor', 'show', 'c1')
        self.assertEqual('c1', shown['hostname'])
        self.assertIn('fake-hardware', shown['drivers'])


class SdkCases(ClientCases):
    """openstacksdk."""

    def setUp(self) -> None:
        super().setUp()
        connection = openstack.connect(auth_type='none', endpoint=self.api.url)
        self.addCleanup(connection.close)
        self.baremetal = connection.baremetal

    def test_drivers(self) -> None:
        names = {driver.name for driver in self.baremetal.drivers()}
        self.assertEqual({'fake-hardware', 'marks'}, names)

    def test_drivers_in_detail(self) -> None:
        drivers = {d.name: d for d in self.baremetal.drivers(details=True)}
        self.assertEqual(
            ['fake-hardware'],
            drivers['fake-hardware'].enabled_vendor_interfaces,
        )

    def test_get_driver(self) -> None:
        driver = self.baremetal.get_driver('fake-hardware')
        self.assertEqual(list(self.hosts), sorted(driver.hosts))

    def test_get_driver_that_is_unknown(self) -> None:
        error = self.assertRaises(
            sdk_exceptions.NotFoundException,
            self.baremetal.get_driver,
            'no-such',
        )
        self.assertIn("The driver 'no-such' is unknown.", str(error))

    def test_list_driver_vendor_passthru(self) -> None:
        methods = self.baremetal.list_driver_vendor_passthru('fake-hardware')
        self.assertEqual(
            {'http_methods', 'async', 'description', 'attach'},
            set(methods['hello']),
        )

    def test_call_driver_vendor_passthru(self) -> None:
        answer = self.baremetal.call_driver_vendor_passthru(
            'fake-hardware', 'GET', 'hello', body={'name': 'you'}
        )
        self.assertEqual({'greeting': 'Hello, you!'}, answer.json())

    def test_call_of_an_asynchronous_method(self) -> None:
        answer = self.baremetal.call_driver_vendor_passthru(
            'marks', 'POST', 'mark_later', body={'key': self.key}
        )
        self.assertEqual(202, answer.status_code)
        self.assertEqual(b'', answer.content)
        self.wait_for(lambda: len(self.site.marked(self.key)) == 2, 'it runs')
        # It takes the place of the operation for what it is: no redirect.
        self.assertEqual([], answer.history)
        shown = self.api.get(
            answer.headers['Location'].removeprefix(self.api.url),
            Prefer='wait=10',
        )
        self.assertEqual('succeeded', shown.json['state'])
        self.assertEqual({'key': self.key}, shown.json['parameters'])

    def test_call_that_fails_is_sent_once(self) -> None:
        # It would send the request again on 409 and 503.
        for kind, sentence in (
            ('conflict', 'the rack is being serviced'),
            ('temporary', 'the rack is starting'),
            ('vendor', 'the rack said no'),
        ):
            self.key = uuidutils.generate_uuid()
            error = self.assertRaises(
                sdk_exceptions.HttpException,
                self.baremetal.call_driver_vendor_passthru,
                'marks',
                'POST',
                'refuse',
                body={'key': self.key, 'kind': kind},
            )
            self.assertEqual(500, error.status_code)
            self.assertIn(sentence, str(error))
            self.assert_marked('began')

    def test_conductors(self) -> None:
        found = list(self.baremetal.conductors())
        self.assertEqual(
            list(self.hosts), sorted(one.hostname for one in found)
        )

    def test_get_conductor(self) -> None:
        conductor = self.baremetal.get_conductor('c1')
        self.assertTrue(conductor.alive)
        self.assertIn('marks', conductor.drivers)


class GophercloudCases(ClientCases):
    """Requests in the form that gophercloud's source has them.

    The library itself needs Go and its modules, which are not among what
    the tests install, so its requests are imitated.
    """

    def request(self, verb: str, path: str, body: Any = None) -> web.Answer:
        """Send a request with the headers that gophercloud sends."""
        headers = {
            'X-OpenStack-Ironic-API-Version': '1.50',
            'User-Agent': 'gophercloud/2.0.0',
            'Accept': 'application/json',
        }
        if body is not None:
            headers['Content-Type'] = 'application/json'
        return self.api.request(verb, path, body, headers)

    def test_a_call_with_a_result(self) -> None:
        answer = self.request(
            'POST',
            '/v1/drivers/fake-hardware/vendor_passthru?method=echo',
            {'slot': 3},
        )
        self.assertEqual(200, answer.status)
        self.assertEqual({'slot': 3}, answer.json)
        self.assertTrue(
            answer.headers['Content-Type'].startswith('application/json')
        )

    def test_an_accepted_call_has_no_body_to_parse(self) -> None:
        answer = self.request(
            'POST',
            '/v1/drivers/marks/vendor_passthru?method=mark_later',
            {'key': self.key},
        )
        self.assertEqual((202, b''), (answer.status, answer.body))
        self.assertNotIn('Content-Type', answer.headers)

    def test_the_list_of_methods(self) -> None:
        answer = self.request(
            'GET', '/v1/drivers/fake-hardware/vendor_passthru/methods'
        )
        self.assertIn('hello', answer.json)
