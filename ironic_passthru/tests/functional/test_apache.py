# SPDX-License-Identifier: Apache-2.0
"""The API under Apache with mod_wsgi, as it is shipped, on a whole site."""

import base64
import os
import re
import signal

import bcrypt
import openstack
from openstack import exceptions as sdk_exceptions

from ironic_passthru.tests.functional import apache
from ironic_passthru.tests.functional import client_cases
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import keystone
from ironic_passthru.tests.functional import raw
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional import wsgi_cases

_SITE = deployment.Site(servers.PostgreSQL())

_APACHES: list[apache.Apache] = []


def setUpModule() -> None:
    _SITE.setUp()
    # mod_wsgi looks for its files with the rights of its own account.
    _SITE.directory.chmod(0o711)
    _APACHES.append(
        _SITE.useFixture(apache.Apache(_SITE.directory / 'apache'))
    )


def tearDownModule() -> None:
    _SITE.cleanUp()


class ServedByApache(wsgi_cases.ServedSite):
    """A test on a site with Apache and two conductors."""

    site = _SITE
    name = 'apache'
    hosts = ('c1', 'c2')

    def setUp(self) -> None:
        self.apache = _APACHES[0]
        super().setUp()

    def server(self, address: str) -> list[str]:
        return self.apache.command(address)


class TestApache(ServedByApache, wsgi_cases.ServerCases):
    """What holds for every server, and what Apache promises beyond."""

    # What "apachectl graceful-stop" sends.
    stop_signal = signal.SIGWINCH
    # It refuses TRACE by itself, and what ends too early for mod_wsgi.
    own_refusals = wsgi_cases.ServerCases.own_refusals | {405, 500}

    def test_a_client_that_sends_too_much_hears_why(self) -> None:
        body = self.body + b' ' * (8 << 20)
        answer = self.ask(self.mark(f'Content-Length: {len(body)}', body=body))
        self.assert_refused(answer, 413)
        self.assertIsNotNone(answer)

    def test_what_it_refuses_by_itself_has_the_form_of_errors(self) -> None:
        for request, status in (
            (self.mark(f'Content-Length: {2 << 20}', body=self.body), 413),
            (raw.request('TRACE', '/v1'), 405),
            (raw.request('GET', '/' + 'x' * 20_000), 414),
            (raw.request('GET', '/v1', 'No colon'), 400),
        ):
            answer = self.ask(request)
            assert answer is not None
            self.assertEqual(status, answer.status)
            self.assertNotIn('openstack-request-id', answer.headers)
            self.assert_fault(answer)

    def test_it_speaks_tls(self) -> None:
        client = web.Client(self.apache.tls_url, tls=self.apache.tls)
        answer = client.get('/')
        self.assert_answer(answer, 200)
        link = answer.json['default_version']['links'][0]['href']
        self.assertEqual(f'{client.url}/v1/', link)
        self.assertIn('Strict-Transport-Security', answer.headers)
        self.assertEqual(200, client.call('no_op').status)

    def test_which_software_answers_is_told_in_one_word(self) -> None:
        self.assertEqual('Apache', self.api.get('/').headers['Server'])

    def test_the_log_has_request_ids_and_no_parameters(self) -> None:
        answer = self.api.request(
            'GET',
            '/v1/drivers/fake-hardware/vendor_passthru?method=hello'
            '&name=hunter2',
        )
        self.assertEqual(200, answer.status)
        self.wait_for(
            lambda: answer.request_id in self.apache.access_log(),
            'it is in the log',
        )
        line = re.search(
            rf'.* {re.escape(answer.request_id)}\n', self.apache.access_log()
        )
        assert line is not None
        self.assertIn('"GET /v1/drivers/fake-hardware/', line[0])
        self.assertIn(' 200 ', line[0])
        self.assertNotIn('hunter2', self.apache.access_log())


class TestStatus(ServedByApache):
    """``ironic-passthru-status`` on the site."""

    def test_all_is_well(self) -> None:
        done = self.site.run('ironic-passthru-status', 'upgrade', 'check')
        self.assertEqual(6, done.stdout.count('Result: Success'), done.stdout)


class TestApacheRecycled(ServedByApache, wsgi_cases.RecycledCases):
    """Processes that are told to end while calls come in."""

    def setUp(self) -> None:
        super().setUp()
        self.process = self.site.process(self.name, ())

    def recycle(self, burst: deployment.Burst) -> None:
        for pid in self.daemons():
            burst.wait_for_more(50)
            self.replace(pid)
        burst.wait_for_more(50)

    def replace(self, pid: int) -> None:
        """Have a process end when it has answered its calls."""
        os.kill(pid, signal.SIGUSR1)
        self.wait_for(
            lambda: pid not in self.daemons(), 'it is replaced', seconds=30
        )

    def test_a_graceful_restart_of_all_runs_no_call_twice(self) -> None:
        """What comes while mod_wsgi has no process is told 503."""

        def restart(burst: deployment.Burst) -> None:
            burst.wait_for_more(50)
            before = self.daemons()
            self.process.signal(signal.SIGUSR1)
            self.wait_for(
                lambda: before.isdisjoint(self.daemons()),
                'all are replaced',
                seconds=30,
            )
            burst.wait_for_more(50)

        statuses = self.call_while(restart)
        self.assertIn(200, statuses.values())

    def daemons(self) -> set[int]:
        """Return the processes of mod_wsgi, by the name that they have."""
        found = wsgi_cases.workers(self.process).items()
        return {pid for pid, name in found if name.startswith('(wsgi:')}


class TestPasswords(ServedByApache):
    """Names and passwords reach the service, which checks them itself."""

    name = 'apache-passwords'

    def start_api(self) -> web.Client:
        directory = self.site.directory / self.name
        own = self.site.useFixture(apache.Apache(directory))
        users = directory / 'users'
        secret = bcrypt.hashpw(b'wonder', bcrypt.gensalt(4)).decode()
        users.touch(mode=0o600)
        users.write_text(f'alice:{secret}\n')
        return self.site.start_api(
            self.name,
            own.command,
            auth_strategy='http_basic',
            http_basic_auth_user_file=users,
        )

    def offered(self) -> bool:
        # Who may see them is what the test is about.
        return True

    def test_a_password_lets_in(self) -> None:
        for password, status in (('wonder', 200), ('blunder', 401)):
            login = base64.b64encode(f'alice:{password}'.encode()).decode()
            answer = self.api.get(
                '/v1/drivers', Authorization=f'Basic {login}'
            )
            self.assertEqual(status, answer.status)


class TestLogins(ServedByApache):
    """Tokens of a real Identity service, and passwords, through Apache."""

    name = 'apache-logins'
    identity: keystone.Keystone
    logins: apache.Apache

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.identity = _SITE.useFixture(keystone.Keystone())
        cls.logins = _SITE.useFixture(
            apache.Apache(_SITE.directory / 'apache-logins')
        )

    def setUp(self) -> None:
        super().setUp()
        self.apache = self.logins

    def start_api(self) -> web.Client:
        return self.site.start_api(
            self.name, self.logins.command, **self.identity.options()
        )

    def offered(self) -> bool:
        # Who may see them is what the tests are about.
        return True

    def connect(self, user: str) -> openstack.connection.Connection:
        """Return an SDK that logs in as one of the users, and uses TLS."""
        connection = openstack.connect(
            auth_type='password',
            auth=self.identity.login(user),
            baremetal_endpoint_override=self.logins.tls_url,
            cacert=str(self.logins.authority),
        )
        self.addCleanup(connection.close)
        return connection

    def test_a_system_administrator_calls(self) -> None:
        baremetal = self.connect('system-admin').baremetal
        names = {driver.name for driver in baremetal.drivers()}
        self.assertEqual({'fake-hardware', 'marks'}, names)
        answer = baremetal.call_driver_vendor_passthru(
            'fake-hardware', 'GET', 'hello', body={'name': 'you'}
        )
        self.assertEqual({'greeting': 'Hello, you!'}, answer.json())

    def test_a_reader_does_not(self) -> None:
        baremetal = self.connect('system-reader').baremetal
        self.assertTrue(list(baremetal.drivers()))
        self.assertRaises(
            sdk_exceptions.ForbiddenException,
            baremetal.call_driver_vendor_passthru,
            'fake-hardware',
            'GET',
            'hello',
        )

    def test_nobody_gets_in_without_a_token(self) -> None:
        for headers in ({}, {'X-Auth-Token': 'made up'}):
            answer = self.api.request('GET', '/v1/drivers', None, headers)
            self.assertEqual(401, answer.status)
            self.assertIn('WWW-Authenticate', answer.headers)
        self.assertEqual(200, self.api.get('/').status)


class TestCommandLine(ServedByApache, client_cases.CommandLineCases):
    """``openstack baremetal``."""


class TestSdk(ServedByApache, client_cases.SdkCases):
    """openstacksdk."""


class TestGophercloudsForm(ServedByApache, client_cases.GophercloudCases):
    """Requests as gophercloud sends them."""


# They are run by their subclasses.
del ServedByApache
