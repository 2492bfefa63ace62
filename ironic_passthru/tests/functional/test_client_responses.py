# SPDX-License-Identifier: Apache-2.0
"""The Python client and responses that are not those of the service."""

import contextlib
import http.server
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import fixtures
from keystoneauth1 import noauth
from keystoneauth1 import session as auth_session

from ironic_passthru import client
from ironic_passthru.client import exceptions
from ironic_passthru.tests import base

_PAGE = b'<html><body>Bad gateway</body></html>'
_DEEP = b'[' * 100_000
_METHOD = json.dumps(
    {'http_methods': ['POST'], 'async': False, 'description': ''}
).encode()


class Answer:
    """A response.

    :param cut: number of bytes at the end that are not sent.
    """

    def __init__(
        self,
        status: int,
        body: bytes = b'',
        *,
        media_type: str = 'application/json',
        cut: int = 0,
        **headers: str,
    ) -> None:
        self.status = status
        self.body = body
        self.cut = cut
        self.headers = {'Content-Type': media_type, **headers}


class ScriptedServer(fixtures.Fixture):
    """A server that sends responses in order, the last one repeatedly.

    :ivar received: headers of all requests.
    """

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self._answers = list(answers)
        self.received: list[dict[str, str]] = []

    def _setUp(self) -> None:
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                script.respond(self)

            do_POST = do_DELETE = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.url = f'http://127.0.0.1:{server.server_port}'

    def respond(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Send the next response."""
        request.rfile.read(int(request.headers.get('Content-Length', 0)))
        self.received.append(dict(request.headers))
        answer = self._answers[0]
        if len(self._answers) > 1:
            self._answers.pop(0)
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        request.send_header('Content-Length', str(len(answer.body)))
        request.end_headers()
        # The client may have closed the connection.
        with contextlib.suppress(OSError):
            request.wfile.write(answer.body[: len(answer.body) - answer.cut])


class ResponseTestCase(base.TestCase):
    """Each response is one error of the client, never another exception."""

    def fails(
        self,
        kind: type[exceptions.ClientError],
        action: Callable[[client.Client], Any],
        *answers: Answer,
    ) -> exceptions.ClientError:
        """Assert that an action raises one class of error."""
        self.server = self.useFixture(ScriptedServer(*answers))
        found = client.Client(
            auth_session.Session(noauth.NoAuth(endpoint=self.server.url)),
            retries=0,
        )
        error = self.assertRaises(exceptions.ClientError, action, found)
        self.assertIs(kind, type(error), error.message)
        return error


class TestReads(ResponseTestCase):
    """Requests that change nothing: no outcome is unknown."""

    def test_not_of_the_service(self) -> None:
        for answer in (
            Answer(200, _PAGE, media_type='text/html'),
            Answer(200),
            Answer(200, b'[]'),
            Answer(200, b'{"drivers": [1]}'),
            Answer(200, b'{"drivers": [{"hosts": []}]}'),
            Answer(200, _DEEP),
            Answer(204),
        ):
            error = self.fails(
                exceptions.RequestFailed, lambda c: list(c.drivers()), answer
            )
            self.assertIn('/v1/drivers (HTTP 20', error.message)
        for read in (
            lambda c: c.health(),
            lambda c: c.wait('x', timeout=5),
            lambda c: c.cancel('x'),
            lambda c: list(c.operations()),
            lambda c: c.call('d', 'm'),
        ):
            self.fails(exceptions.RequestFailed, read, Answer(200, _PAGE))

    def test_errors(self) -> None:
        for body in (b'{"detail": "x", "errors": [1, {}]}', _DEEP, b'[]'):
            self.fails(
                exceptions.RequestFailed,
                lambda c: list(c.drivers()),
                Answer(400, body),
            )

    def test_a_lost_response(self) -> None:
        for answer in (Answer(502, _PAGE), Answer(200, b'{}', cut=1)):
            for read in (
                lambda c: list(c.drivers()),
                lambda c: c.call('d', 'm'),
            ):
                self.fails(exceptions.CallNotRun, read, answer)

    def test_the_timeout_of_the_session(self) -> None:
        silent = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(silent.close)
        url = 'http://127.0.0.1:{1}'.format(*silent.getsockname())
        session = auth_session.Session(
            noauth.NoAuth(endpoint=url), timeout=0.2
        )
        found = client.Client(session, retries=0)
        self.assertRaises(exceptions.CallNotRun, found.method, 'd', 'm')


class TestCalls(ResponseTestCase):
    """Calls, whose method may have run."""

    def test_not_of_the_service(self) -> None:
        for answer in (
            Answer(200, _PAGE, media_type='text/html'),
            Answer(200, b'{"a": 1}', cut=2),
            Answer(200, _DEEP),
            Answer(502, _PAGE),
        ):
            error = self.fails(
                exceptions.UnknownOutcome,
                lambda c: c.call('d', 'm'),
                Answer(200, _METHOD),
                answer,
            )
            self.assertTrue(error.idempotency_key)

    def test_a_cut_error_of_a_streamed_call(self) -> None:
        path = f'{self.useFixture(fixtures.TempDir()).path}/result'
        self.fails(
            exceptions.UnknownOutcome,
            lambda c: c.call('d', 'm', output=path),
            Answer(200, _METHOD),
            Answer(504, _PAGE, cut=5),
        )

    def test_an_operation_that_cannot_be_read(self) -> None:
        error = self.fails(
            exceptions.UnknownOutcome,
            lambda c: c.call('d', 'm'),
            Answer(200, _METHOD),
            Answer(202, Location='http://x/v1/operations/o1'),
            Answer(200, _PAGE),
        )
        self.assertEqual('o1', error.operation_id)

    def test_a_redirect_is_not_followed(self) -> None:
        elsewhere = self.useFixture(ScriptedServer(Answer(200, b'{}')))
        error = self.fails(
            exceptions.RequestFailed,
            lambda c: c.call('d', 'm', password='hunter2'),
            Answer(200, _METHOD),
            Answer(307, Location=elsewhere.url),
        )
        self.assertIn(elsewhere.url, error.message)
        self.assertEqual([], elsewhere.received)


class TestArguments(ResponseTestCase):
    """Arguments that cannot be sent."""

    def test_idempotency_keys(self) -> None:
        for key in ('', 'a\nb', 'é', 'x' * 256):
            self.fails(
                exceptions.InvalidCall,
                lambda c, key=key: c.call('d', 'm', idempotency_key=key),
                Answer(200, _METHOD),
            )
            self.assertEqual(1, len(self.server.received))

    def test_urls(self) -> None:
        for url in ('passthru', 'ftp://passthru', 'http://127.0.0.1:99999'):
            found = client.Client(
                auth_session.Session(noauth.NoAuth(endpoint=url))
            )
            self.assertRaises(exceptions.InvalidCall, found.health)
