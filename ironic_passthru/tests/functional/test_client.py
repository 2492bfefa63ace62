# SPDX-License-Identifier: Apache-2.0
"""The Python client against the all-in-one service."""

import doctest
import http.client
import http.server
import io
import logging
import os
import pathlib
import threading
from urllib import parse

import fixtures
from keystoneauth1 import http_basic
from keystoneauth1 import noauth
from keystoneauth1 import session as auth_session

from ironic_passthru import client
from ironic_passthru.client import exceptions
from ironic_passthru.client import records
from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import servers

FAKE = 'fake-hardware'


def connect(url: str, **options: object) -> client.Client:
    """Return a client without a login."""
    session = auth_session.Session(noauth.NoAuth(endpoint=url))
    return client.Client(session, **options)


class LossyProxy(fixtures.Fixture):
    """A proxy that drops some responses.

    :param statuses: what to do with the requests for calls, in order: None
        drops the response, a number replaces request and response. The other
        requests are forwarded.
    :param reads: whether operations can be read; otherwise the status is 503.
    :ivar calls: number of calls received.
    """

    def __init__(
        self, url: str, *statuses: int | None, reads: bool = True
    ) -> None:
        super().__init__()
        self._reads = reads
        self._target = parse.urlsplit(url).netloc
        self._statuses = list(statuses)
        self.calls = 0

    def _setUp(self) -> None:
        server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0), self._handler()
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.url = f'http://127.0.0.1:{server.server_port}'

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_GET(self) -> None:
                proxy.handle(self)

            do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler

    def handle(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Forward a request, unless its turn is another one."""
        length = int(request.headers.get('Content-Length', 0))
        body = request.rfile.read(length)
        drop = False
        status = None
        if 'vendor_passthru?' in request.path:
            self.calls += 1
            if self._statuses:
                status = self._statuses.pop(0)
                drop = status is None
        elif '/operations' in request.path and not self._reads:
            status = 503
        if status is not None:
            request.send_response(status)
            request.send_header('Content-Length', '0')
            request.end_headers()
            return
        link = http.client.HTTPConnection(self._target, timeout=30)
        link.request(
            request.command, request.path, body, dict(request.headers)
        )
        answer = link.getresponse()
        content = answer.read()
        link.close()
        if drop:
            request.close_connection = True
            return
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ('content-length', 'connection'):
                request.send_header(name, value)
        request.send_header('Content-Length', str(len(content)))
        request.end_headers()
        request.wfile.write(content)


class ClientTestCase(base.TestCase):
    """Tests with one service."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.service = cls.use_class_fixture(
            embedded.Embedded(
                api__retry_after=1,
                conductor__allowed_dangerous_methods=['*'],
            )
        )

    def setUp(self) -> None:
        super().setUp()
        self.client = connect(self.service.url)

    def records(self, request_key: str) -> list[records.OperationInfo]:
        """Return the power cycles of a BMC."""
        return [
            found
            for found in self.client.operations(method='power_cycle')
            if self.client.operation(found.id).parameters
            == {'bmc': request_key}
        ]


class TestReading(ClientTestCase):
    """Drivers, methods, conductors and health."""

    def test_drivers(self) -> None:
        (driver,) = self.client.drivers()
        self.assertEqual((FAKE, ['embedded']), (driver.name, driver.hosts))

    def test_methods(self) -> None:
        methods = {method.name: method for method in self.client.methods(FAKE)}
        self.assertTrue(methods['inspect_rack'].is_async)
        self.assertTrue(methods['erase'].dangerous)
        self.assertEqual(methods['hello'], self.client.method(FAKE, 'hello'))
        self.assertIn('name', methods['hello'].parameters['properties'])

    def test_conductors_and_health(self) -> None:
        (conductor,) = self.client.conductors()
        self.assertEqual([FAKE], conductor.drivers)
        self.assertTrue(conductor.alive)
        self.assertTrue(self.client.health().healthy)

    def test_what_does_not_exist(self) -> None:
        for read in (
            lambda: self.client.method(FAKE, 'nope'),
            lambda: list(self.client.methods('nope')),
            lambda: self.client.operation('nope'),
        ):
            error = self.assertRaises(exceptions.ResourceMissing, read)
            self.assertIn('nope', error.message)
            self.assertTrue(error.request_id)

    def test_an_endpoint_with_the_version(self) -> None:
        found = connect(f'{self.service.url}/v1/')
        self.assertEqual(1, len(list(found.drivers())))


class TestCalls(ClientTestCase):
    """``call()``."""

    def test_a_synchronous_call(self) -> None:
        self.assertEqual(
            {'greeting': 'Hello, you!'},
            self.client.call(FAKE, 'hello', name='you'),
        )

    def test_parameters_with_the_names_of_arguments(self) -> None:
        sent = {'wait': 1, 'output': 'x', 'driver': 'y', 'self-test': None}
        self.assertEqual(sent, self.client.call(FAKE, 'echo', sent))

    def test_a_conductor_group(self) -> None:
        """The only conductor has no group."""
        greeting = self.client.call(
            FAKE, 'hello', conductor_group='', name='you'
        )
        self.assertEqual({'greeting': 'Hello, you!'}, greeting)
        own = list(self.client.methods(FAKE, conductor_group=''))
        self.assertEqual(list(self.client.methods(FAKE)), own)
        self.assertEqual(
            [], list(self.client.methods(FAKE, conductor_group='x'))
        )
        # A method that was read without a group.
        self.client.method(FAKE, 'hello')
        for group, kind in (
            ('x', exceptions.ResourceMissing),
            ('x y', exceptions.InvalidCall),
        ):
            error = self.assertRaises(
                kind, self.client.call, FAKE, 'hello', conductor_group=group
            )
            self.assertIn('group', error.message)

    def test_the_http_method(self) -> None:
        error = self.assertRaises(
            exceptions.InvalidCall, self.client.call, FAKE, 'asset_tag'
        )
        self.assertIn('GET, PUT, DELETE', error.message)
        answer = self.client.call(
            FAKE, 'asset_tag', http_method='put', tag='A1'
        )
        self.assertEqual('written', answer['action'])

    def test_a_file(self) -> None:
        file = self.client.call(FAKE, 'screenshot')
        self.assertEqual('console.gif', file.filename)
        self.assertTrue(file.data.startswith(b'GIF89a'))

    def test_a_file_is_streamed(self) -> None:
        target = io.BytesIO()
        file = self.client.call(FAKE, 'firmware', size=1 << 20, output=target)
        self.assertEqual((1 << 20, None), (file.size, file.data))
        self.assertEqual(bytes(range(256)) * 4096, target.getvalue())

    def test_a_file_that_cannot_be_written_prevents_the_call(self) -> None:
        error = self.assertRaises(
            exceptions.InvalidCall,
            self.client.call,
            FAKE,
            'power_cycle',
            bmc='unwritten',
            output='/no/such/file',
        )
        self.assertIn('/no/such/file', error.message)
        self.assertEqual([], self.records('unwritten'))

    def test_invalid_parameters(self) -> None:
        error = self.assertRaises(
            exceptions.RequestFailed,
            self.client.call,
            FAKE,
            'set_fans',
            mode='turbo',
            speed=101,
        )
        self.assertEqual(
            (400, 'invalid_parameters'), (error.status, error.code)
        )
        self.assertEqual(
            ['/mode', '/speed'], [each.pointer for each in error.field_errors]
        )

    def test_an_error_of_the_driver(self) -> None:
        error = self.assertRaises(
            exceptions.RequestFailed, self.client.call, FAKE, 'fail'
        )
        self.assertEqual(
            (507, 'fake_out_of_paper'), (error.status, error.code)
        )

    def test_secrets_are_not_logged(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.client.call(
            FAKE,
            'set_login',
            wait=True,
            bmc='b',
            user='u',
            password='hunter2hunter2',
        )
        self.assertIn('/v1/drivers', log.output)
        self.assertNotIn('hunter2', log.output)

    def test_a_login_with_a_password(self) -> None:
        auth = http_basic.HTTPBasicAuth(
            endpoint=self.service.url, username='a', password='b'
        )
        found = client.Client(auth_session.Session(auth))
        self.assertEqual(1, len(list(found.drivers())))


class TestFailures(ClientTestCase):
    """Lost connections and 503: a call never runs twice."""

    def through(self, *statuses: int | None) -> LossyProxy:
        """Send the requests of the client through a proxy."""
        proxy = self.useFixture(LossyProxy(self.service.url, *statuses))
        self.client = connect(proxy.url)
        return proxy

    def test_a_lost_response_of_an_asynchronous_call(self) -> None:
        proxy = self.through(None)
        result = self.client.call(FAKE, 'power_cycle', wait=True, bmc='b1')
        self.assertEqual({'bmc': 'b1', 'power': 'on'}, result)
        self.assertEqual(2, proxy.calls)
        self.assertEqual(1, len(self.records('b1')))

    def test_a_lost_response_of_a_synchronous_call(self) -> None:
        proxy = self.through(None)
        first = self.client.call(FAKE, 'open_console', bmc='b2')
        self.assertEqual(2, proxy.calls)
        self.assertTrue(first['ticket'])
        found = list(self.client.operations(method='open_console'))
        self.assertEqual(1, len(found))

    def test_a_call_without_a_key_is_sent_once(self) -> None:
        proxy = self.through(None)
        self.assertRaises(
            exceptions.UnknownOutcome, self.client.call, FAKE, 'hello'
        )
        self.assertEqual(1, proxy.calls)

    def test_503_is_repeated(self) -> None:
        proxy = self.through(503)
        self.client.call(FAKE, 'hello')
        self.assertEqual(2, proxy.calls)

    def test_504_is_not_repeated(self) -> None:
        proxy = self.through(504)
        error = self.assertRaises(
            exceptions.UnknownOutcome,
            self.client.call,
            FAKE,
            'power_cycle',
            bmc='b3',
            idempotency_key='k' * 32,
        )
        self.assertEqual('k' * 32, error.idempotency_key)
        self.assertEqual(1, proxy.calls)

    def test_503_after_a_lost_response_does_not_mean_not_run(self) -> None:
        proxy = self.through(None, 503, 503)
        self.client = connect(proxy.url, retries=2)
        self.assertRaises(
            exceptions.UnknownOutcome,
            self.client.call,
            FAKE,
            'power_cycle',
            bmc='b4',
        )
        self.assertEqual(3, proxy.calls)

    def test_an_accepted_call_whose_operation_cannot_be_read(self) -> None:
        proxy = self.useFixture(LossyProxy(self.service.url, reads=False))
        error = self.assertRaises(
            exceptions.UnknownOutcome,
            connect(proxy.url, retries=0).call,
            FAKE,
            'power_cycle',
            bmc='b5',
        )
        self.assertEqual(
            'succeeded', self.client.wait(error.operation_id).state
        )

    def test_no_connection(self) -> None:
        port = self.useFixture(servers.ReservedPort()).port
        found = connect(f'http://127.0.0.1:{port}', retries=0)
        self.assertRaises(exceptions.CallNotRun, found.call, FAKE, 'hello')

    def test_a_read_timeout(self) -> None:
        self.assertRaises(
            exceptions.UnknownOutcome,
            self.client.call,
            FAKE,
            'slow',
            http_method='GET',
            timeout=0.2,
            seconds=1,
        )


class TestOperations(ClientTestCase):
    """Operations from start to result."""

    def start(self, slots: int, seconds: float) -> records.OperationInfo:
        found = self.client.call(
            FAKE, 'inspect_rack', slots=slots, seconds_per_slot=seconds
        )
        assert isinstance(found, records.OperationInfo)
        return found

    def test_progress_and_result(self) -> None:
        seen: list[records.OperationInfo] = []
        result = self.client.call(
            FAKE,
            'inspect_rack',
            wait=True,
            progress=seen.append,
            slots=4,
            seconds_per_slot=0.4,
        )
        self.assertEqual({'slots': 4, 'empty': [4]}, result)
        self.assertEqual('running', seen[0].state)
        self.assertEqual(100, seen[-1].progress['percent'])
        self.assertGreater(seen[-1].seconds, 1)

    def test_a_synchronous_method(self) -> None:
        found = self.client.call(FAKE, 'hello', respond_async=True)
        self.assertEqual('succeeded', self.client.wait(found.id).state)
        self.assertEqual(
            {'greeting': 'Hello, world!'}, self.client.result(found.id)
        )

    def test_cancel(self) -> None:
        found = self.start(1000, 0.05)
        error = self.assertRaises(
            exceptions.WaitTimedOut, self.client.wait, found.id, timeout=0.1
        )
        self.assertEqual(found.id, error.operation_id)
        self.assertRaises(
            exceptions.WaitTimedOut, self.client.result, found.id
        )
        self.assertTrue(self.client.cancel(found.id).cancel_requested)
        self.assertEqual('cancelled', self.client.wait(found.id).state)
        self.assertRaises(
            exceptions.OperationStopped, self.client.result, found.id
        )
        error = self.assertRaises(
            exceptions.RequestFailed, self.client.cancel, found.id
        )
        self.assertEqual('operation_final', error.code)

    def test_download(self) -> None:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'log'
        found = self.client.call(FAKE, 'collect_logs', lines=3)
        self.client.wait(found.id)
        file = self.client.download(found.id, path)
        self.assertEqual(('logs.txt', 33), (file.filename, file.size))
        self.assertEqual(3, len(path.read_text().splitlines()))
        self.assertEqual([path], list(path.parent.iterdir()))

    def test_pages(self) -> None:
        started = {self.start(1, 0).id for _ in range(3)}
        listed = [
            found.id
            for found in self.client.operations(
                method='inspect_rack', driver=FAKE, limit=2
            )
        ]
        self.assertLessEqual(started, set(listed))
        self.assertEqual(len(set(listed)), len(listed))

    def test_an_unknown_filter(self) -> None:
        error = self.assertRaises(
            exceptions.RequestFailed,
            lambda: list(self.client.operations(color='red')),
        )
        self.assertIn('color', error.message)


class TestPage(base.TestCase):
    """Examples of the page about the client."""

    def test_its_examples(self) -> None:
        service = self.useFixture(embedded.Embedded())
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.useFixture(fixtures.TempDir()).path)
        page = console.ROOT / 'doc/source/user/python-client.rst'
        text = page.read_text().replace(console.URL, service.url)
        test = doctest.DocTestParser().get_doctest(
            text, {}, page.stem, str(page), 0
        )
        report: list[str] = []
        result = doctest.DocTestRunner().run(test, out=report.append)
        self.assertEqual(0, result.failed, ''.join(report))
        self.assertGreater(result.attempted, 20)
