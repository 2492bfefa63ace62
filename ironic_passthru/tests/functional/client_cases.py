# SPDX-License-Identifier: Apache-2.0
"""Test cases of Ironic's clients, for any site."""

import json
import os
import pathlib
import re
import subprocess
from typing import Any

import fixtures
import openstack
import yaml
from openstack import exceptions as sdk_exceptions
from oslo_utils import uuidutils

from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional import wsgi_cases


class ClientCases(wsgi_cases.ServedSite):
    """A test with a unique key."""

    def setUp(self) -> None:
        super().setUp()
        self.key = uuidutils.generate_uuid()

    def cloud(self) -> dict[str, Any]:
        """Return the entry of the site for a ``clouds.yaml``."""
        return {'auth_type': 'none', 'auth': {'endpoint': self.api.url}}

    def notes(self, key: str) -> list[str]:
        """Return the executions with a key on any conductor."""
        marked = self.site.marked(key)
        return [note.partition(':')[2] for note in marked]


class CommandLineCases(ClientCases):
    """``openstack baremetal``, of python-ironicclient."""

    def setUp(self) -> None:
        super().setUp()
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.clouds = directory / 'clouds.yaml'
        self.clouds.touch(mode=0o600)
        self.clouds.write_text(
            yaml.safe_dump({'clouds': {'site': self.cloud()}})
        )

    def run_commands(
        self, *commands: str, options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run commands of ``openstack baremetal``.

        One process runs all commands, because its start takes a second. Its
        exit code is always 1.
        """
        return subprocess.run(
            [processes.command('openstack'), *options],
            env={
                'PATH': os.defpath,
                'HOME': str(self.clouds.parent),
                'OS_CLIENT_CONFIG_FILE': str(self.clouds),
                'OS_CLOUD': 'site',
            },
            input='\n'.join(f'baremetal {command}' for command in commands),
            capture_output=True,
            text=True,
            timeout=120,
        )

    def read(self, *commands: str) -> list[Any]:
        """Return the JSON output of each command."""
        done = self.run_commands(*(f'{each} -f json' for each in commands))
        self.assertEqual('', done.stderr)
        found, rest = [], done.stdout.strip()
        while rest:
            value, end = json.JSONDecoder().raw_decode(rest)
            found.append(value)
            rest = rest[end:].lstrip()
        self.assertEqual(len(commands), len(found), done.stdout)
        return found

    def test_read_commands(self) -> None:
        drivers, in_detail, driver, properties, methods, conductors, c1 = (
            self.read(
                'driver list',
                'driver list --long',
                'driver show fake-hardware',
                'driver property list fake-hardware',
                'driver passthru list fake-hardware',
                'conductor list',
                'conductor show c1',
            )
        )
        hosts = {row['name']: row['hosts'] for row in drivers}
        expected = ', '.join(self.hosts)
        self.assertEqual({'fake-hardware': expected, 'marks': expected}, hosts)
        types = {row['name']: row['type'] for row in in_detail}
        self.assertEqual('dynamic', types['fake-hardware'])
        self.assertEqual('fake-hardware', driver['name'])
        self.assertIn('c1', driver['hosts'])
        self.assertEqual('fake-hardware', driver['default_vendor_interface'])
        self.assertEqual(
            {'fake_rack', 'fake_delay'},
            {row['property'] for row in properties},
        )
        listed = {row['name']: row for row in methods}
        self.assertIn('Return a greeting', listed['hello']['description'])
        self.assertFalse(listed['hello']['async'])
        self.assertTrue(listed['start_fan_test']['async'])
        self.assertEqual(
            list(self.hosts), sorted(row['hostname'] for row in conductors)
        )
        self.assertTrue(conductors[0]['alive'])
        self.assertEqual('c1', c1['hostname'])
        self.assertIn('fake-hardware', c1['drivers'])

    def test_driver_passthru_call(self) -> None:
        """Requests of a call.

        The command has a bug and fails to show any result, so the test reads
        the requests and responses that it logs. It retries on 409 and 503.
        """
        call = 'driver passthru call --http-method'
        keys = [uuidutils.generate_uuid() for _ in range(4)]
        now, later, refused, wrong = keys
        log = self.run_commands(
            f'{call} POST --arg key={now} marks mark',
            f'{call} POST --arg key={later} marks mark_later',
            f'{call} PUT --arg key={refused} --arg kind=conflict marks refuse',
            f'{call} DELETE --arg key={wrong} marks mark',
            f'{call} POST --arg key={wrong} --arg extra=1 marks mark',
            options=('--debug',),
        ).stderr
        exchanges = re.findall(r'"([A-Z]+) (/v1/\S*) HTTP/1.1" (\d+)', log)
        path = '/v1/drivers/marks/vendor_passthru'
        self.assertEqual(
            [
                ('POST', f'{path}/mark', '200'),
                # It sends no other request.
                ('POST', f'{path}/mark_later', '202'),
                ('PUT', f'{path}/refuse', '500'),
                # It drops the arguments of this HTTP method.
                ('DELETE', f'{path}/mark', '400'),
                ('POST', f'{path}/mark', '400'),
            ],
            exchanges,
        )
        self.assertIn('/v1/operations/', log)
        for message in (
            'the rack is being serviced',
            "missing parameter 'key'",
            "unexpected parameter 'extra' (",
        ):
            self.assertIn(message, log)
        self.wait_for(lambda: len(self.site.marked(later)) == 2, 'it runs')
        self.assertEqual(
            [['began', 'ended'], ['began', 'ended'], ['began'], []],
            [self.notes(key) for key in keys],
        )


class SdkCases(ClientCases):
    """openstacksdk."""

    def setUp(self) -> None:
        super().setUp()
        connection = openstack.connect(
            load_envvars=False, load_yaml_config=False, **self.cloud()
        )
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
        # It does not follow the Location of the operation as a redirect.
        self.assertEqual([], answer.history)
        shown = self.api.get(
            answer.headers['Location'].removeprefix(self.api.url),
            Prefer='wait=10',
        )
        self.assertEqual('succeeded', shown.json['state'])
        self.assertEqual({'key': self.key}, shown.json['parameters'])

    def test_call_that_fails_is_sent_once(self) -> None:
        # It retries on 409 and 503.
        for kind, message in (
            ('conflict', 'the rack is being serviced'),
            ('temporary', 'the rack is starting'),
            ('vendor', 'the rack rejected the request'),
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
            self.assertIn(message, str(error))
            self.assertEqual(['began'], self.notes(self.key))

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
    """Requests in the format of gophercloud.

    The tests do not install Go, which the library needs; test_gophercloud runs
    it. This class imitates its requests.
    """

    def request(
        self, http_method: str, path: str, body: Any = None
    ) -> web.Answer:
        """Send a request with the headers of gophercloud."""
        headers = {
            'X-OpenStack-Ironic-API-Version': '1.50',
            'User-Agent': 'gophercloud/2.0.0',
            'Accept': 'application/json',
        }
        if body is not None:
            headers['Content-Type'] = 'application/json'
        return self.api.request(http_method, path, body, headers)

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
