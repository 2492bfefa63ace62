# SPDX-License-Identifier: Apache-2.0
"""Base class of tests of HTTP on the level of bytes."""

import collections.abc
import json
import uuid
from typing import Any

from ironic_passthru.tests.functional import envelope
from ironic_passthru.tests.functional import raw
from ironic_passthru.tests.functional import web

MARKS = '/v1/drivers/marks/vendor_passthru'
FAKE = '/v1/drivers/fake-hardware/vendor_passthru'


class WireCase(envelope.EnvelopeCase):
    """A test of a server with the drivers fake-hardware and marks.

    A subclass defines address and executions; ``assert_refused`` accepts
    responses of the server itself, before the application.
    """

    host = '127.0.0.1'
    port = 0
    # Headers of each request, for servers with authentication.
    login: collections.abc.Mapping[str, str] = {}
    # Whether it removes Content-Length from chunked requests.
    drops_lengths = False
    # Statuses of requests that the server itself rejects.
    own_refusals = frozenset({400, 411, 413, 431, 501})

    def marked(self, key: str) -> list[str]:
        """Return the records of methods of ``marks`` with ``key``."""
        raise NotImplementedError

    def server_log(self) -> str:
        """Return the log of the server."""
        return ''

    def setUp(self) -> None:
        super().setUp()
        self.key = uuid.uuid4().hex
        self.body = json.dumps({'key': self.key}).encode()

    def connect(self) -> raw.Connection:
        """Return a new connection, closed at the end of the test."""
        connection = raw.Connection(self.host, self.port)
        self.addCleanup(connection.close)
        return connection

    def ask(self, data: bytes, http_method: str = 'GET') -> web.Answer | None:
        """Send bytes on a new connection; return the response."""
        with raw.Connection(self.host, self.port) as connection:
            connection.send(data)
            return connection.answer(http_method)

    def request(
        self,
        http_method: str,
        target: str | bytes,
        *headers: str | bytes,
        **parts: Any,
    ) -> bytes:
        """Return a request as bytes, with the login of an administrator."""
        login = (f'{name}: {value}' for name, value in self.login.items())
        return raw.request(http_method, target, *headers, *login, **parts)

    def assert_refused(
        self, answer: web.Answer | None, *statuses: int
    ) -> None:
        """Check a rejection, and that no method has run.

        :param statuses: possible statuses of the application.
        """
        self.assertEqual([], self.marked(self.key))
        if answer is None:
            return
        if 'openstack-request-id' in answer.headers:
            self.assert_answer(answer, *statuses)
        else:
            # The server itself has rejected it.
            self.assertIn(answer.status, self.own_refusals.union(statuses))

    def assert_serves(self) -> None:
        """Check that the server still serves requests."""
        answer = self.ask(self.request('GET', f'{FAKE}/hello'))
        self.assert_answer(answer, 200)

    def mark(self, *headers: str, body: bytes = b'', **kwargs: str) -> bytes:
        """Return a request that would run a method."""
        return self.request(
            'POST', f'{MARKS}/mark', *headers, body=body, **kwargs
        )
