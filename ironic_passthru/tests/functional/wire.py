# SPDX-License-Identifier: Apache-2.0
"""What tests of HTTP at the level of bytes have in common."""

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
    """A test of a server that runs the drivers fake-hardware and marks.

    A subclass says where the server is and what ran; ``assert_refused``
    leaves room for what a server refuses before the application sees it.
    """

    host = '127.0.0.1'
    port = 0
    # What each request carries, for servers that want to know who asks.
    login: collections.abc.Mapping[str, str] = {}
    # Whether it keeps from applications a length that chunks overrule.
    drops_lengths = False
    # What the server may answer to what it refuses by itself.
    own_refusals = frozenset({400, 411, 413, 431, 501})

    def marked(self, key: str) -> list[str]:
        """Return what methods of ``marks`` that ran with ``key`` noted."""
        raise NotImplementedError

    def server_log(self) -> str:
        """Return what the server has written about itself."""
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
        """Send bytes on a connection of their own; return the answer."""
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
        """Return a request as bytes, of somebody who may do everything."""
        login = (f'{name}: {value}' for name, value in self.login.items())
        return raw.request(http_method, target, *headers, *login, **parts)

    def assert_refused(
        self, answer: web.Answer | None, *statuses: int
    ) -> None:
        """Check that neither the method nor anything else has run.

        :param statuses: which ones the application answers with.
        """
        self.assertEqual([], self.marked(self.key))
        if answer is None:
            return
        if 'openstack-request-id' in answer.headers:
            self.assert_answer(answer, *statuses)
        else:
            # The server has refused it by itself.
            self.assertIn(answer.status, self.own_refusals.union(statuses))

    def assert_serves(self) -> None:
        """Check that the server is as it was before."""
        answer = self.ask(self.request('GET', f'{FAKE}/hello'))
        self.assert_answer(answer, 200)

    def mark(self, *headers: str, body: bytes = b'', **kwargs: str) -> bytes:
        """Return a request that would run a method."""
        return self.request(
            'POST', f'{MARKS}/mark', *headers, body=body, **kwargs
        )
