# SPDX-License-Identifier: Apache-2.0
"""The API under gunicorn and uWSGI, over a real broker."""

import sys
from urllib import parse

from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import raw
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional import wire_cases

_SITE = deployment.Site()

# A method that runs with parameters and without.
_ECHO = '/v1/drivers/fake-hardware/vendor_passthru/echo'


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


def _uwsgi(*options: str) -> list[str]:
    """Return how uWSGI serves the API; two processes share one load."""
    return [
        processes.command('uwsgi'),
        *options,
        *('--module', 'ironic_passthru.wsgi:application'),
        *('--virtualenv', sys.prefix),
        *('--master', '--processes', '2', '--threads', '8'),
        # The application has threads of its own: the bus needs them.
        '--enable-threads',
        # Without it a configuration error leaves a server that answers 500.
        '--need-app',
        '--die-on-term',
        # The default refuses requests of more than a page by itself.
        *('--buffer-size', '65535'),
        # Above [api] max_body_size, so that it is the one that refuses.
        *('--chunked-input-limit', '4194304'),
        '--disable-logging',
    ]


class ServerCases(deployment.SiteTestCase, wire_cases.WireCases):
    """What must hold whichever server it is."""

    site = _SITE
    name = ''

    @staticmethod
    def server(address: str) -> list[str]:
        """Return the command line of the server."""
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        self.site.start_conductor('c1')
        self.api = self.site.start_api(self.name, self.server)
        self.port = parse.urlsplit(self.api.url).port or 0
        self.wait_for(
            lambda: self.api.call('no_op').status == 200, 'calls succeed'
        )

    def marked(self, key: str) -> list[str]:
        return self.site.marked(key)

    def test_calls_from_many_threads_are_answered(self) -> None:
        def call() -> web.Answer:
            return self.api.call('echo', 'POST', slot=3)

        with deployment.Burst(call, threads=8) as burst:
            burst.wait_for_more(200)
        answers = {getattr(answer, 'body', answer) for answer in burst.results}
        self.assertEqual({b'{"slot": 3}'}, answers)

    def test_sigterm_ends_it(self) -> None:
        process = self.site.process(self.name, ())
        self.assertEqual(0, process.stop())
        self.assertRaises(OSError, self.api.get, '/')


class TestGunicorn(ServerCases):
    """gunicorn, with threads."""

    name = 'gunicorn'

    @staticmethod
    def server(address: str) -> list[str]:
        # Its default refuses longer request lines by itself.
        return [
            *deployment.gunicorn(address),
            *('--limit-request-line', '8190'),
        ]


class UwsgiCases(ServerCases):
    """What uWSGI reads in its own way before the application is asked."""

    def assert_refused(
        self, answer: web.Answer | None, *statuses: int
    ) -> None:
        # It does not tell a chunk over its limit from a broken one.
        super().assert_refused(answer, *statuses, 400)

    def test_broken_chunks_run_nothing(self) -> None:
        """A size that is none is the end of the body for uWSGI.

        So a call may run, but only with the whole object that was sent.
        """
        for broken in wire_cases.BROKEN_CHUNKS[:-1]:
            answer = self.echo(broken)
            if broken.startswith(b'0x2') and answer is not None:
                # It reads this as 2, so the object is whole.
                self.assertEqual({}, answer.json)
            else:
                self.assert_refused(answer, 400, 411)
            answer = self.echo(b'a\r\n{"slot":3}\r\n' + broken)
            if answer is not None and answer.status == 200:
                self.assertEqual({'slot': 3}, answer.json)
            else:
                self.assert_refused(answer, 400, 411)
        self.assert_serves()

    def echo(self, chunks: bytes) -> web.Answer | None:
        """Call a method that would run without parameters, too."""
        return self.ask(
            raw.request(
                'POST', _ECHO, 'Transfer-Encoding: chunked', body=chunks
            )
        )

    def test_no_chunks_at_all_are_no_parameters(self) -> None:
        """They may be what uWSGI has left of some, so they are refused."""
        self.assert_answer(self.echo(raw.chunked()), 411)

    def test_a_client_that_sends_too_much_hears_why(self) -> None:
        """Unless uWSGI ends the connection over what it has not read."""
        body = self.body + b' ' * (8 << 20)
        answer = self.ask(self.mark(f'Content-Length: {len(body)}', body=body))
        self.assert_refused(answer, 413)

    def test_paths_of_odd_bytes_are_refused(self) -> None:
        """Unlike other servers, uWSGI resolves dots by itself."""
        for path in (b'//', b'//v1/drivers', b'//v1%2Fdrivers', b'/%2F'):
            answer = self.ask(raw.request('GET', path))
            self.assert_answer(answer, 404)
        answer = self.ask(raw.request('GET', '/v1/../v1/drivers'))
        self.assert_answer(answer, 200)

    def test_what_is_no_http_is_refused(self) -> None:
        """It is lenient about versions, but nothing may end it."""
        for data in (
            b'\x16\x03\x01\x02\x00',
            b'GET\r\n\r\n',
            b'GET / HTTP/9.9\r\n\r\n',
            b'\r\n\r\n\r\n',
        ):
            with self.connect() as connection:
                connection.send(data)
                connection.finish_sending()
                connection.answer()
        self.assert_serves()
        log = self.site.process(self.name, ()).log()
        self.assertNotIn('Traceback', log)


class TestUwsgiHttpSocket(UwsgiCases):
    """uWSGI that speaks HTTP in its workers."""

    name = 'uwsgi-http-socket'

    @staticmethod
    def server(address: str) -> list[str]:
        return _uwsgi('--http-socket', address)


class TestUwsgiHttp(UwsgiCases):
    """uWSGI with its HTTP router before the workers.

    The router takes a client that has finished sending for one that has
    gone, so nothing here waits for an answer after that.
    """

    name = 'uwsgi-http'

    @staticmethod
    def server(address: str) -> list[str]:
        # Without the second option the workers never see chunks, and the
        # application refuses all bodies that come in them.
        return _uwsgi('--http', address, '--http-chunked-input')

    def ask_head(self, data: bytes) -> web.Answer | None:
        with self.connect() as connection:
            connection.send(data)
            answer = connection.answer('HEAD')
            self.assertEqual(b'', connection.rest())
            return answer

    def test_broken_lengths_run_nothing(self) -> None:
        for length in wire_cases.BROKEN_LENGTHS:
            answer = self.ask(
                self.mark(f'Content-Length: {length}', body=self.body)
            )
            self.assert_refused(answer, 400, 413)
            self.assertIsNotNone(answer, length)
        self.assert_serves()


class TestUwsgiHttpWithoutChunks(deployment.SiteTestCase):
    """The router as it is by default, which hands no chunks on."""

    site = _SITE

    def test_a_body_in_chunks_is_refused_and_never_lost(self) -> None:
        self.site.start_conductor('c1')
        api = self.site.start_api(
            'uwsgi-default', lambda address: _uwsgi('--http', address)
        )
        port = parse.urlsplit(api.url).port or 0
        with raw.Connection('127.0.0.1', port) as connection:
            connection.send(
                raw.request(
                    'POST',
                    _ECHO,
                    'Transfer-Encoding: chunked',
                    body=raw.chunked(b'{"slot": 3}'),
                )
            )
            answer = connection.answer()
        assert answer is not None
        self.assertIn(answer.status, (400, 411), answer.body)


# They are run by their subclasses.
del ServerCases, UwsgiCases
