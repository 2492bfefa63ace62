# SPDX-License-Identifier: Apache-2.0
"""TLS, with certificates on both sides, to broker and databases."""

import configparser
import contextlib
import io
from typing import Any
from unittest import mock
from urllib import parse

from oslo_config import cfg

from ironic_passthru.cmd import dbsync
from ironic_passthru.tests.functional import certificates
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import traps
from ironic_passthru.tests.functional import web

_CERTIFICATES = certificates.Certificates()
_POSTGRESQL = servers.PostgreSQL(tls=_CERTIFICATES)
_MARIADB = servers.MariaDB(tls=_CERTIFICATES)
_BROKER = servers.RabbitMQ(tls=_CERTIFICATES)
_FIXTURES = (_CERTIFICATES, _POSTGRESQL, _MARIADB)

# The directory in the examples of the documentation.
_DIRECTORY = '/etc/ironic_passthru/tls'


_SITE = deployment.Site(broker=_BROKER)


def example(name: str) -> configparser.ConfigParser:
    """Return an example of the documentation with these certificates."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(_CERTIFICATES.in_example(name, _DIRECTORY))
    return parser


def query(name: str, **changes: object) -> str:
    """Return the query of the URL of an example's registry."""
    url = example(name)['database']['connection']
    options = dict(parse.parse_qsl(parse.urlsplit(url).query))
    return parse.urlencode(options | changes)


def setUpModule() -> None:
    for fixture in _FIXTURES:
        fixture.setUp()
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()
    for fixture in reversed(_FIXTURES):
        fixture.cleanUp()


class TlsTestCase(deployment.SiteTestCase):
    site = _SITE

    def assert_no_traceback(self, log: str) -> None:
        """Fail if a log contains a traceback or a password."""
        self.assertNotIn('Traceback', log)
        self.assert_no_secret(log)

    def assert_no_secret(self, text: str) -> None:
        for secret in (servers.SECRET, f':{self.broker_password}@'):
            self.assertNotIn(secret, text)

    @property
    def broker_password(self) -> str:
        return str(parse.urlsplit(self.site.broker.url).password)

    def dbsync(self, url: str) -> tuple[int, str]:
        """Run ``upgrade``; return exit status and output."""
        output = io.StringIO()
        path = self.site.write_config('dbsync', database__connection=url)
        with (
            contextlib.redirect_stderr(output),
            contextlib.redirect_stdout(output),
        ):
            status = dbsync.main(
                ['--config-file', str(path), 'upgrade'], cfg.ConfigOpts()
            )
        return status, output.getvalue()

    def call(self, api: web.Client) -> web.Answer:
        return api.call('hello', name='Ada')


class BrokerTest(TlsTestCase):
    """The bus is used with TLS only."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.end)
        self.began: list[processes.Process] = []

    def end(self) -> None:
        for process in self.began:
            process.kill()

    def api(self, name: str, **options: object) -> web.Client:
        client = self.site.start_api(name, **options)
        self.began.append(self.site.process(name, []))
        return client

    def test_a_call_succeeds(self) -> None:
        self.began.append(self.site.start_conductor('c1'))
        answer = self.call(self.api('api'))
        self.assertEqual(200, answer.status, answer.body)
        listed = self.site.broker.rabbitmqctl(
            'list_connections', 'ssl', 'ssl_protocol', 'peer_cert_subject'
        )
        rows = [line.split('\t') for line in listed.splitlines()[1:]]
        self.assertGreaterEqual(len(rows), 2, listed)
        for encrypted, version, subject in rows:
            self.assertEqual('true', encrypted)
            self.assertIn(version, ('tlsv1.2', 'tlsv1.3'))
            self.assertTrue(subject)

    def refused(self, process: processes.Process, why: str) -> None:
        """Check that a process logs why the broker is unavailable."""
        process.wait_for_log('Connection failed')
        lines = process.log().splitlines()
        line = next(line for line in lines if 'Connection failed' in line)
        self.assertRegex(line, why)
        self.assert_no_traceback(process.log())

    def refused_conductor(self, host: str, why: str, **options: object):
        conductor = self.site.conductor(host, **options)
        self.began.append(conductor)
        conductor.start()
        self.refused(conductor, why)
        self.assertNotIn(f'Conductor {host} (', conductor.log())

    def refused_api(self, name: str, why: str, **options: object) -> None:
        answer = self.api(name, **options).get('/healthcheck/detailed')
        self.assertEqual(503, answer.status, answer.body)
        self.assertFalse(answer.json['checks']['bus']['healthy'])
        self.refused(self.site.process(name, []), why)
        self.assert_no_secret(answer.body.decode())

    def test_another_authority(self) -> None:
        self.refused_conductor(
            'other-ca',
            'CERTIFICATE_VERIFY_FAILED.*self-signed',
            oslo_messaging_rabbit__ssl_ca_file=_CERTIFICATES.other_ca,
        )

    def test_another_name(self) -> None:
        self.refused_api(
            'other-name',
            "CERTIFICATE_VERIFY_FAILED.*not valid for '127.0.0.1'",
            transport_url=self.site.broker.make_url(
                self.site.broker.ports, '127.0.0.1'
            ),
        )

    def test_another_password(self) -> None:
        url = self.site.broker.url.replace(
            f':{self.broker_password}@', f':{servers.SECRET}@'
        )
        # Not an error that may go away by itself.
        conductor = self.site.conductor(
            'other-password', transport_url=url, debug=True
        )
        conductor.start()
        self.assertEqual(1, conductor.wait())
        *_, last = conductor.log().splitlines()
        self.assertIn(
            'Option transport_url in group [DEFAULT]: the broker returned '
            'ACCESS_REFUSED - Login was refused',
            last,
        )
        self.assert_no_traceback(conductor.log())
        answer = self.api('api-other-password', transport_url=url).get(
            '/healthcheck/detailed'
        )
        self.assertEqual(503, answer.status)
        log = self.site.process('api-other-password', []).log()
        self.assertIn('ACCESS_REFUSED', log)
        self.assert_no_traceback(log)

    def test_plain_text(self) -> None:
        self.refused_api(
            'plain',
            'Connection reset|EOF|[Cc]losed',
            oslo_messaging_rabbit__ssl=False,
        )

    def test_no_certificate(self) -> None:
        self.refused_conductor(
            'nobody',
            'CERTIFICATE_REQUIRED|EOF|Connection reset|ALERT',
            oslo_messaging_rabbit__ssl_cert_file='',
            oslo_messaging_rabbit__ssl_key_file='',
        )

    def test_options_that_would_not_verify_end_a_start(self) -> None:
        conductor = self.site.conductor(
            'unverified', oslo_messaging_rabbit__ssl_ca_file=''
        )
        conductor.start()
        self.assertEqual(1, conductor.wait())
        self.assertIn(
            'ironic-passthru-conductor: Option ssl_ca_file in group '
            '[oslo_messaging_rabbit]: is not set',
            conductor.log(),
        )
        self.assert_no_traceback(conductor.log())


class DatabaseCases:
    """The registry is used with TLS only."""

    server: Any
    example: str
    ca: str
    plain: str
    wrong_ca: str
    wrong_name: str
    no_tls: str

    def url(self, host: str = '', **changes: object) -> str:
        """Return the URL of a new database with TLS."""
        base = self.server.new_remote_database(host)
        return f'{base}?{query(self.example, **changes)}'

    def test_a_call_succeeds(self) -> None:
        url = self.url()
        self.assertEqual((0, mock.ANY), self.dbsync(url))
        name = type(self).__name__
        conductor = self.site.start_conductor(name, database__connection=url)
        self.addCleanup(conductor.kill)
        client = self.site.start_api(f'{name}-api', database__connection=url)
        api = self.site.process(f'{name}-api', [])
        self.addCleanup(api.kill)
        answer = self.call(client)
        self.assertEqual(200, answer.status, answer.body)
        # Its record is written over TLS, too.
        accepted = client.call('no_op_async', 'POST')
        self.assertEqual(202, accepted.status, accepted.body)
        for process in (conductor, api):
            self.assert_no_traceback(process.log())

    def test_a_login_of_special_characters(self) -> None:
        base = self.server.new_remote_database()
        dialect, _, rest = base.partition('://')
        _, _, place = rest.rpartition('@')
        name = place.partition('/')[2]
        user, password = 'u/@:?#%[;,é+', 'p/@:?#%[];,éł+ &=$!*"<>'
        self.server.create_login(user, password, name)
        options = query(self.example)
        for given, status in ((password, 0), (f'{password}x', 1)):
            login = f'{parse.quote(user, "")}:{parse.quote(given, "")}'
            url = f'{dialect}://{login}@{place}?{options}'
            done, output = self.dbsync(url)
            self.assertEqual(status, done, output)
            self.assertNotIn(password[-6:], output)

    def refused(self, url: str, why: str) -> None:
        """Check for one log record with the reason of the failure."""
        status, output = self.dbsync(url)
        self.assertEqual(1, status, output)
        self.assertRegex(
            output, f'^ironic-passthru-dbsync: .*({why}).*\n$', output
        )
        self.assert_no_secret(output)

    def test_another_authority(self) -> None:
        other = {self.ca: _CERTIFICATES.other_ca}
        self.refused(self.url(**other), self.wrong_ca)

    def test_plain_text(self) -> None:
        base = self.server.new_remote_database()
        for options in ('', self.plain):
            self.refused(f'{base}?{options}', self.no_tls)

    def test_another_name(self) -> None:
        self.refused(self.url(host='127.0.0.1'), self.wrong_name)


class PostgreSQLTest(DatabaseCases, TlsTestCase):
    server = _POSTGRESQL
    example = 'tls-postgresql.conf'
    ca = 'sslrootcert'
    plain = 'sslmode=disable'
    wrong_ca = 'SSL error: certificate verify failed'
    wrong_name = 'certificate for "localhost" does not match host name'
    no_tls = 'no pg_hba.conf entry|requires a valid client certificate'


class MariaDBTest(DatabaseCases, TlsTestCase):
    server = _MARIADB
    example = 'tls-mariadb.conf'
    ca = 'ssl_ca'
    plain = 'ssl_disabled=true'
    wrong_ca = 'CERTIFICATE_VERIFY_FAILED'
    wrong_name = "certificate is not valid for '127.0.0.1'"
    # Of the default of MariaDB 11.8, and of MariaDB 10.
    no_tls = 'insecure transport are prohibited|Access denied'


class DowngradeTest(TlsTestCase):
    """A server without TLS receives no secrets."""

    def test_broker(self) -> None:
        trap = self.useFixture(
            traps.Trap(reply=b'AMQP\x00\x00\x09\x01'),
        )
        port = trap.address.partition(':')[2]
        conductor = self.site.conductor(
            'downgrade', transport_url=self.site.broker.make_url([port])
        )
        self.addCleanup(conductor.kill)
        conductor.start()
        conductor.wait_for_log('Connection failed')
        self.assert_no_traceback(conductor.log())
        # A ClientHello and an alert.
        self.assertEqual(b'\x16\x03', trap.visits[0][:2])
        self.assertNotIn(b'AMQP', trap.visits[0])

    def test_postgresql(self) -> None:
        # The rejection of TLS.
        trap = self.useFixture(traps.Trap(reply=b'N'))
        self.dbsync_to('postgresql', trap, query('tls-postgresql.conf'))
        self.assertEqual([b'\x00\x00\x00\x08\x04\xd2\x16\x2f'], trap.visits)

    def test_mariadb(self) -> None:
        greeting = (
            b'\x0a5.5.5-10.11.0-MariaDB\0'
            + b'\x01\0\0\0'
            + b'saltsalt'
            + b'\0'
            # Its capabilities: all except TLS.
            + b'\x00\x82'
            + b'\x2d'
            + b'\x02\x00'
            + b'\x08\x00'
            + b'\x15'
            + bytes(10)
            + b'saltsaltsalt\0'
            + b'mysql_native_password\0'
        )
        packet = len(greeting).to_bytes(3, 'little') + b'\0' + greeting
        trap = self.useFixture(traps.Trap(greeting=packet))
        self.dbsync_to('mysql', trap, query('tls-mariadb.conf'))
        self.assertEqual([b''], trap.visits)
        # Otherwise it would receive the user name.
        self.dbsync_to('mysql', trap, '')
        self.assertIn(servers.LOGIN.encode(), trap.visits[1])

    def dbsync_to(self, kind: str, trap: traps.Trap, options: str) -> None:
        login = f'{servers.LOGIN}:{servers.SECRET}'
        status, output = self.dbsync(
            f'{kind}://{login}@{trap.address}/x?{options}'
        )
        self.assertEqual(1, status, output)
        self.assertEqual(1, len(output.splitlines()), output)
        self.assert_no_secret(output)
        self.wait_for(lambda: trap.visits, 'the visit')
