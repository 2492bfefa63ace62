# SPDX-License-Identifier: Apache-2.0
"""The API under Apache with mod_wsgi, with the shipped configuration."""

import base64
import os
import shutil
import signal
from typing import Any

import bcrypt

from ironic_passthru.tests.functional import apache
from ironic_passthru.tests.functional import client_cases
from ironic_passthru.tests.functional import collector
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import envelope
from ironic_passthru.tests.functional import event_cases
from ironic_passthru.tests.functional import keystone
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import test_commands
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional import wsgi_cases


class Site(collector.TracedSite):
    """A site with database, broker, Identity service and Apache.

    :ivar server: the database server.
    :ivar apache: the Apache of the API.
    :ivar keystone: the Identity service.
    """

    def __init__(self) -> None:
        self.server = servers.PostgreSQL()
        super().__init__(self.server, broker=servers.VirtualHost())

    def _setUp(self) -> None:
        super()._setUp()
        # mod_wsgi opens its files with its own account.
        self.directory.chmod(0o711)
        self.apache = self.useFixture(apache.Apache(self.directory / 'apache'))
        self.keystone = self.useFixture(keystone.Keystone())
        self.keystone.add_endpoint(self.apache.tls_url)


_SITE = Site()


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class ServedByApache(wsgi_cases.ServedSite):
    """A test on a site with Apache and two conductors."""

    site = _SITE
    name = 'apache'
    hosts = ('c1', 'c2')

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.options = _SITE.keystone.options()
        cls.login = {'X-Auth-Token': _SITE.keystone.token('system-admin')}

    def setUp(self) -> None:
        self.apache = self.site.apache
        super().setUp()

    def server(self, address: str) -> list[str]:
        return self.apache.command(address)

    def metrics_options(self) -> dict[str, object]:
        # mod_wsgi runs with another account.
        directory = self.site.directory / f'metrics-{self.name}'
        directory.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(directory, apache.ACCOUNT)
        return super().metrics_options() | {'metrics__directory': directory}

    def over_tls(self) -> web.Client:
        """Return a client of the endpoint in the service catalog."""
        return web.Client(self.apache.tls_url, tls=self.apache.tls)


class TestApache(
    ServedByApache,
    wsgi_cases.ServerCases,
    wsgi_cases.LoggedCases,
    wsgi_cases.TracedCases,
):
    """The cases of every server, and cases of Apache."""

    # The signal of "apachectl graceful-stop".
    stop_signal = signal.SIGWINCH
    # Apache rejects TRACE, and mod_wsgi rejects incomplete bodies.
    own_refusals = wsgi_cases.ServerCases.own_refusals | {405, 500}
    drops_lengths = True

    def server_log(self) -> str:
        return self.apache.error_log()

    def request_log(self) -> str:
        return self.apache.access_log()

    def test_a_client_that_sends_too_much_gets_an_error(self) -> None:
        body = self.body + b' ' * (8 << 20)
        answer = self.ask(self.mark(f'Content-Length: {len(body)}', body=body))
        self.assert_refused(answer, 413)
        self.assertIsNotNone(answer)

    def test_errors_of_apache_have_the_error_format(self) -> None:
        for request, status in (
            (self.mark(f'Content-Length: {2 << 20}', body=self.body), 413),
            (self.request('TRACE', '/v1'), 405),
            (self.request('GET', '/' + 'x' * 20_000), 414),
            (self.request('GET', '/v1', 'No colon'), 400),
        ):
            answer = self.ask(request)
            assert answer is not None
            self.assertEqual(status, answer.status)
            self.assertNotIn('openstack-request-id', answer.headers)
            self.assert_fault(answer)

    def test_it_speaks_tls(self) -> None:
        client = self.over_tls().with_headers(self.login)
        answer = client.get('/')
        self.assert_answer(answer, 200)
        link = answer.json['default_version']['links'][0]['href']
        self.assertEqual(f'{client.url}/v1/', link)
        self.assertIn('Strict-Transport-Security', answer.headers)
        self.assertEqual(200, client.call('no_op').status)

    def test_the_server_header_is_one_word(self) -> None:
        self.assertEqual('Apache', self.api.get('/').headers['Server'])


class TestEvents(ServedByApache, event_cases.EventCases):
    """Event streams and mod_wsgi."""

    name = 'apache-events'

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.options = cls.options | event_cases.OPTIONS
        cls.own = _SITE.useFixture(apache.Apache(_SITE.directory / cls.name))

    def server(self, address: str) -> list[str]:
        return self.own.command(address)


class TestStatus(ServedByApache):
    """``ironic-passthru-status`` on the site."""

    def test_all_is_well(self) -> None:
        done = self.site.run('ironic-passthru-status', 'upgrade', 'check')
        self.assertEqual(6, done.stdout.count('Result: Success'), done.stdout)


class TestSchemaMissing(test_commands.CommandTestCase):
    """A database server without the tables."""

    def test_the_line_names_the_command_to_run(self) -> None:
        self.assert_one_line(
            test_commands.CONDUCTOR,
            'ironic-passthru-dbsync upgrade',
            transport_url=_SITE.broker.url,
            database__connection=_SITE.server.new_database(),
        )


class TestApacheRecycled(ServedByApache, wsgi_cases.RecycledCases):
    """Processes that are replaced during calls."""

    # The last one may end before another one has loaded the application.
    keeps_counts = False

    def setUp(self) -> None:
        super().setUp()
        self.process = self.site.process(self.name, ())

    def recycle(self, burst: deployment.Burst) -> None:
        for pid in self.daemons():
            burst.wait_for_more(50)
            self.replace(pid)
        burst.wait_for_more(50)

    def replace(self, pid: int) -> None:
        """Let a process end after its calls."""
        os.kill(pid, signal.SIGUSR1)
        self.wait_for(
            lambda: pid not in self.daemons(), 'it is replaced', seconds=30
        )

    def test_a_graceful_restart_of_all_runs_no_call_twice(self) -> None:
        """Requests get 503 while mod_wsgi has no process.

        A call gets 500 if it takes longer than 3 seconds, which is the limit
        of Apache. On a busy machine this may be any call.
        """

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

        statuses = self.call_while(restart, unknown=(500,))
        self.assertIn(200, statuses.values())

    def test_a_release_is_not_served_before_a_restart(self) -> None:
        before = self.daemons()
        self.apache.script.touch()
        for _ in range(10):
            self.assertEqual(200, self.api.call('no_op').status)
        self.assertEqual(before, self.daemons())

    def daemons(self) -> set[int]:
        """Return the processes of mod_wsgi, found by their names."""
        found = wsgi_cases.workers(self.process).items()
        return {pid for pid, name in found if name.startswith('(wsgi:')}


class TestPasswords(ServedByApache):
    """HTTP Basic authentication by the service behind Apache."""

    name = 'apache-passwords'

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        directory = _SITE.directory / cls.name
        cls.own = _SITE.useFixture(apache.Apache(directory))
        users = directory / 'users'
        secret = bcrypt.hashpw(b'wonder', bcrypt.gensalt(4)).decode()
        users.touch(mode=0o600)
        users.write_text(f'alice:{secret}\n')
        cls.options = {
            'auth_strategy': 'http_basic',
            'http_basic_auth_user_file': users,
        }
        cls.login = _basic('alice', 'wonder')

    def server(self, address: str) -> list[str]:
        return self.own.command(address)

    def test_a_password_lets_in(self) -> None:
        for password, status in (('wonder', 200), ('blunder', 401)):
            answer = self.api.get('/v1/drivers', **_basic('alice', password))
            self.assertEqual(status, answer.status)


def _basic(user: str, password: str) -> dict[str, str]:
    login = base64.b64encode(f'{user}:{password}'.encode()).decode()
    return {'Authorization': f'Basic {login}'}


class ClientsOfTheSite(ServedByApache):
    """Clients that find the service in the service catalog."""

    def start_api(self) -> web.Client:
        super().start_api()
        return self.over_tls()

    def cloud(self) -> dict[str, Any]:
        """Return the entry of the site for a ``clouds.yaml``."""
        return {
            'auth': self.site.keystone.login('system-admin'),
            'region_name': 'RegionOne',
            'cacert': str(self.apache.authority),
        }


class TestCommandLine(ClientsOfTheSite, client_cases.CommandLineCases):
    """``openstack baremetal``."""


class TestSdk(ClientsOfTheSite, client_cases.SdkCases):
    """openstacksdk."""


class TestGophercloudsForm(ClientsOfTheSite, client_cases.GophercloudCases):
    """Requests in the format of gophercloud."""


class TestTokens(ServedByApache, envelope.EnvelopeCase):
    """Rejected tokens; `test_login` has all kinds of them."""

    def ask(self, token: str) -> web.Answer:
        return self.api.get('/v1/drivers', **{'X-Auth-Token': token})

    def assert_unauthorized(self, answer: web.Answer) -> None:
        self.assert_answer(answer, 401)
        self.assertEqual(
            f'Keystone uri="{self.site.keystone.url}"',
            answer.headers['WWW-Authenticate'],
        )

    def test_none(self) -> None:
        anonymous = self.over_tls()
        self.assertEqual(200, anonymous.get('/').status)
        for body in (None, b'{' + b' ' * 1_000_000):
            self.assert_unauthorized(
                anonymous.request('POST', '/v1/drivers', body)
            )

    def test_made_up(self) -> None:
        self.assert_unauthorized(self.ask('made up'))


# Base classes; their subclasses run.
del ServedByApache, ClientsOfTheSite
