# SPDX-License-Identifier: Apache-2.0
"""The library gophercloud of Debian, used by a small program."""

import json
import os
import pathlib
import subprocess
from typing import Any

import bcrypt
import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import keystone
from ironic_passthru.tests.functional import marks
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import test_login

# Go needs more disk space than all other packages of the tests.
_LONG = 'PASSTHRU_LONG' in os.environ

_SOURCE = console.ROOT / 'ironic_passthru/tests/functional/gophercloud/ask.go'

# Directory of Go libraries in Debian.
_LIBRARIES = pathlib.Path('/usr/share/gocode')


class Program(fixtures.Fixture):
    """The compiled program."""

    def _setUp(self) -> None:
        go = servers.require('go', 'golang-go')
        if not (_LIBRARIES / 'src/github.com/gophercloud').exists():
            raise servers.MissingProgram(
                'install the Debian package '
                'golang-github-gophercloud-gophercloud-dev'
            )
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self._path = directory / 'ask'
        self._run(
            *(go, 'build', '-o', str(self._path), str(_SOURCE)),
            environment={
                'PATH': os.environ['PATH'],
                'HOME': str(directory),
                'GOCACHE': str(directory / 'cache'),
                'GOPATH': str(_LIBRARIES),
                # The packages of Debian are not Go modules.
                'GO111MODULE': 'off',
                'CGO_ENABLED': '0',
            },
        )

    def _run(
        self, *arguments: str, environment: dict[str, str], stdin: str = ''
    ) -> str:
        done = subprocess.run(
            arguments,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
        )
        if done.returncode:
            raise processes.Failed(f'{arguments[0]}: {done.stderr}')
        return done.stdout

    def ask(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return the results of discovery and of the calls."""
        return json.loads(
            self._run(
                str(self._path), environment={}, stdin=json.dumps(wanted)
            )
        )


_PROGRAM = Program()


def setUpModule() -> None:
    _PROGRAM.setUp()


def tearDownModule() -> None:
    _PROGRAM.cleanUp()


def _call(
    http_method: str,
    method: str,
    body: Any = None,
    *,
    driver: str = 'fake-hardware',
    version: str = '1.50',
) -> dict[str, Any]:
    return {
        'http_method': http_method,
        'driver': driver,
        'method': method,
        'body': body,
        'version': version,
    }


class GophercloudCase(base.TestCase):
    """A test with a service and the library."""

    def ask(self, *calls: dict[str, Any], **login: str) -> dict[str, Any]:
        """Return the output of the program.

        :param login: URL of the service, or login data.
        """
        return _PROGRAM.ask(
            {'driver': 'fake-hardware', 'calls': calls, **login}
        )


class TestWithoutLogin(GophercloudCase):
    """Package ``noauth``."""

    def setUp(self) -> None:
        super().setUp()
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.marks = directory / 'marks'
        self.useFixture(
            fixtures.EnvironmentVariable(marks.FILE, str(self.marks))
        )
        self.service = self.useFixture(
            embedded.Embedded(drivers={'marks': marks.MarksVendor()})
        )
        self.endpoint = f'{self.service.url}/v1'

    def outcomes(self, *calls: dict[str, Any]) -> list[dict[str, Any]]:
        found = self.ask(*calls, endpoint=self.endpoint)
        self.assertEqual(len(calls), len(found['outcomes']))
        return found['outcomes']

    def test_read_requests(self) -> None:
        found = self.ask(endpoint=self.endpoint)
        drivers = {driver['name']: driver for driver in found['drivers']}
        self.assertEqual({'fake-hardware', 'marks'}, drivers.keys())
        for driver in (drivers['fake-hardware'], found['details']):
            self.assertEqual('fake-hardware', driver['name'])
            self.assertEqual(['embedded'], driver['hosts'])
            self.assertEqual('dynamic', driver['type'])
            self.assertEqual(
                'fake-hardware', driver['default_vendor_interface']
            )
            self.assertEqual(
                ['fake-hardware'], driver['enabled_vendor_interfaces']
            )
        self.assertEqual(
            {'fake_rack', 'fake_delay'}, found['properties'].keys()
        )
        self.assertEqual(
            {'http_methods', 'async', 'description', 'attach'},
            found['methods']['hello'].keys(),
        )

    def test_calls(self) -> None:
        mark = {'key': 'one'}
        *called, later, nothing = self.outcomes(
            _call('GET', 'hello', {'name': 'you'}),
            _call('POST', 'echo', {'slot': 3}),
            _call('PUT', 'mark', mark, driver='marks'),
            _call('DELETE', 'mark', mark, driver='marks'),
            _call('POST', 'mark_later', {'key': 'two'}, driver='marks'),
            _call('GET', 'no_op'),
        )
        self.assertEqual(
            [{'greeting': 'Hello, you!'}, {'slot': 3}, 'embedded', 'embedded'],
            [outcome['result'] for outcome in called],
        )
        self.assertEqual([200] * 4, [outcome['status'] for outcome in called])
        self.assertEqual((202, None), (later['status'], later['result']))
        self.assertIn('/v1/operations/', later['location'])
        self.assertEqual((200, None), (nothing['status'], nothing['result']))
        self.wait_for(lambda: len(self.marked('two')) == 2, 'it runs')
        self.assertEqual(4, len(self.marked('one')))

    def marked(self, key: str) -> list[str]:
        return marks.read(self.marks, key)

    def test_errors(self) -> None:
        outcomes = self.outcomes(
            _call('POST', 'mark', driver='marks'),
            _call('POST', 'no-such'),
            _call('PUT', 'hello'),
            _call('GET', 'hello', driver='nobody'),
            _call(
                *('POST', 'refuse', {'key': 'one', 'kind': 'conflict'}),
                driver='marks',
            ),
        )
        responses = [
            json.loads(json.loads(outcome['body'])['error_message'])
            for outcome in outcomes
        ]
        for outcome, fault, status, message in zip(
            outcomes,
            responses,
            (400, 400, 400, 404, 500),
            (
                "missing parameter 'key'",
                'No handler for method no-such',
                'The method hello does not support HTTP PUT',
                "The driver 'nobody' is unknown.",
                'the rack is being serviced',
            ),
            strict=True,
        ):
            self.assertEqual(status, outcome['status'])
            self.assertEqual(
                f'gophercloud.ErrDefault{status}', outcome['error']
            )
            self.assertIn(message, fault['faultstring'])
        self.assertEqual(['embedded:began'], self.marked('one'))

    def test_without_a_version(self) -> None:
        (outcome,) = self.outcomes(_call('GET', 'hello', version=''))
        self.assertEqual({'greeting': 'Hello, world!'}, outcome['result'])


class TestPassword(GophercloudCase):
    """Package ``httpbasic``."""

    def test_a_call(self) -> None:
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        users = directory / 'users'
        users.touch(mode=0o600)
        secret = bcrypt.hashpw(b'wonder', bcrypt.gensalt(4)).decode()
        users.write_text(f'alice:{secret}\n')
        service = self.useFixture(
            embedded.Embedded(
                auth_strategy='http_basic',
                http_basic_auth_user_file=str(users),
            )
        )
        found = self.ask(
            _call('GET', 'hello'),
            endpoint=f'{service.url}/v1',
            username='alice',
            password='wonder',
        )
        self.assertEqual(200, found['outcomes'][0]['status'])


class TestIdentity(GophercloudCase):
    """A token, and the endpoint in the service catalog."""

    def test_calls(self) -> None:
        identity = self.useFixture(keystone.Keystone())
        service = self.useFixture(test_login.with_login(identity))
        identity.add_endpoint(service.url)
        for user, status, error in (
            ('system-admin', 200, None),
            ('system-reader', 403, 'gophercloud.ErrDefault403'),
        ):
            login = identity.login(user)
            del login['system_scope']
            found = self.ask(_call('GET', 'hello'), **login)
            (outcome,) = found['outcomes']
            self.assertEqual(status, outcome['status'])
            self.assertEqual(error, outcome.get('error'))


# A base class; its subclasses run.
del GophercloudCase

if not _LONG:
    del TestWithoutLogin, TestPassword, TestIdentity
