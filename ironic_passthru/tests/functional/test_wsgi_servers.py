# SPDX-License-Identifier: Apache-2.0
"""The API under gunicorn and uWSGI, with the shipped configurations."""

import sys
from urllib import parse

from ironic_passthru.tests.functional import body_cases
from ironic_passthru.tests.functional import client_cases
from ironic_passthru.tests.functional import collector
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import event_cases
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import raw
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional import wsgi_cases

_GUNICORN = console.ROOT / 'etc' / 'gunicorn' / 'ironic_passthru.conf.py'
_UWSGI = console.ROOT / 'etc' / 'uwsgi' / 'ironic-passthru.ini'

_SITE = collector.TracedSite(broker=servers.VirtualHost())

# A method with optional parameters.
_ECHO = '/v1/drivers/fake-hardware/vendor_passthru/echo'


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class GunicornSite(wsgi_cases.ServedSite):
    """A test on a site with gunicorn."""

    site = _SITE
    name = 'gunicorn'

    def server(self, address: str) -> list[str]:
        return [
            processes.command('gunicorn'),
            *('--config', str(_GUNICORN)),
            *('--bind', address),
        ]


class TestGunicorn(
    GunicornSite,
    wsgi_cases.ServerCases,
    wsgi_cases.LoggedCases,
    wsgi_cases.TracedCases,
):
    """gunicorn, with threads."""


class TestGunicornEvents(GunicornSite, event_cases.EventCases):
    """Event streams and gunicorn."""

    name = 'gunicorn-events'
    options = event_cases.OPTIONS


class TestGunicornRecycled(GunicornSite, wsgi_cases.RecycledCases):
    """gunicorn that replaces a worker after a number of requests."""

    name = 'gunicorn-recycled'

    def server(self, address: str) -> list[str]:
        return [*super().server(address), '--max-requests', '40']


class UwsgiSite(wsgi_cases.ServedSite):
    """A test on a site with uWSGI."""

    site = _SITE
    name = 'uwsgi'

    def server(self, address: str) -> list[str]:
        return [
            # Command-line options do not override the file.
            *('/usr/bin/env', f'PASSTHRU_LISTEN={address}'),
            f'PASSTHRU_HOME={sys.prefix}',
            processes.command('uwsgi'),
            *('--ini', str(_UWSGI)),
        ]


class UwsgiCases(wsgi_cases.ServerCases):
    """Cases in which uWSGI reads requests differently."""

    def assert_refused(
        self, answer: web.Answer | None, *statuses: int
    ) -> None:
        # It does not distinguish a too large chunk from an invalid one.
        super().assert_refused(answer, *statuses, 400)

    def test_broken_chunks_run_nothing(self) -> None:
        """An invalid size is the end of the body for uWSGI.

        So a call may run, but only with a complete object.
        """
        for broken in body_cases.BROKEN_CHUNKS[:-1]:
            answer = self.echo(broken)
            if broken.startswith(b'0x2') and answer is not None:
                # It reads the size as 2, so the object is complete.
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
        """Call a method with optional parameters."""
        return self.ask(
            self.request(
                'POST', _ECHO, 'Transfer-Encoding: chunked', body=chunks
            )
        )

    def test_chunks_may_have_extensions_and_trailers(self) -> None:
        """uWSGI does not support them."""
        self.assert_answer(self.ask(self.extended_chunks()), 400)
        self.assertEqual([], self.marked(self.key))

    def test_no_chunks_at_all_are_no_parameters(self) -> None:
        """uWSGI may have dropped chunks, so such requests are rejected."""
        self.assert_answer(self.echo(raw.chunked()), 411)

    def test_a_client_that_sends_too_much_gets_an_error(self) -> None:
        """Unless uWSGI closes the connection with unread data."""
        body = self.body + b' ' * (8 << 20)
        answer = self.ask(self.mark(f'Content-Length: {len(body)}', body=body))
        self.assert_refused(answer, 413)

    def test_other_protocols_are_rejected(self) -> None:
        """It ignores versions; nothing may stop it."""
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


class TestUwsgi(
    UwsgiSite, UwsgiCases, wsgi_cases.LoggedCases, wsgi_cases.TracedCases
):
    """uWSGI with HTTP in its workers."""


class TestUwsgiEvents(UwsgiSite, event_cases.EventCases):
    """Event streams and uWSGI."""

    name = 'uwsgi-events'
    options = event_cases.OPTIONS


class TestUwsgiSdk(UwsgiSite, client_cases.SdkCases):
    """openstacksdk and uWSGI."""


class TestUwsgiGophercloud(UwsgiSite, client_cases.GophercloudCases):
    """Requests in the format of gophercloud, and uWSGI."""


class TestUwsgiRecycled(UwsgiSite, wsgi_cases.RecycledCases):
    """uWSGI that replaces a process after a number of requests."""

    name = 'uwsgi-recycled'

    def server(self, address: str) -> list[str]:
        return [
            *super().server(address),
            *('--max-requests', '40', '--min-worker-lifetime', '1'),
        ]


def _with_router(address: str, *options: str) -> list[str]:
    """Return the command line of uWSGI with its HTTP router."""
    return [
        processes.command('uwsgi'),
        *('--http', address, *options),
        *('--module', 'ironic_passthru.wsgi:application'),
        *('--virtualenv', sys.prefix),
        *('--master', '--processes', '2', '--threads', '8'),
        *('--enable-threads', '--single-interpreter', '--need-app'),
        *('--hook-master-start', 'unix_signal:15 gracefully_kill_them_all'),
        *('--buffer-size', '65535'),
        *('--chunked-input-limit', '4194304'),
        *('--disable-write-exception', '--disable-logging'),
    ]


class TestUwsgiHttp(UwsgiCases):
    """uWSGI with its HTTP router.

    For the router, a client that has closed its sending direction has
    disconnected, so no test waits for a response after that.
    """

    site = _SITE
    name = 'uwsgi-http'

    def server(self, address: str) -> list[str]:
        # Without the option the workers never see chunks, and the
        # application refuses all bodies that come in them.
        return _with_router(address, '--http-chunked-input')

    def ask_head(self, data: bytes) -> web.Answer | None:
        with self.connect() as connection:
            connection.send(data)
            answer = connection.answer('HEAD')
            self.assertEqual(b'', connection.rest())
            return answer

    def test_broken_lengths_run_nothing(self) -> None:
        for length in body_cases.BROKEN_LENGTHS:
            answer = self.ask(
                self.mark(f'Content-Length: {length}', body=self.body)
            )
            self.assert_refused(answer, 400, 413)
            self.assertIsNotNone(answer, length)
        self.assert_serves()


class TestUwsgiHttpEvents(wsgi_cases.ServedSite, event_cases.EventCases):
    """Event streams and the router of uWSGI."""

    site = _SITE
    name = 'uwsgi-http-events'
    options = event_cases.OPTIONS

    def server(self, address: str) -> list[str]:
        return _with_router(address)


class TestUwsgiWithoutThreads(UwsgiSite):
    """uWSGI whose processes serve one request at a time."""

    name = 'uwsgi-one'

    def server(self, address: str) -> list[str]:
        command = super().server(address)
        text = _UWSGI.read_text().replace('threads = 32', 'threads = 1')
        file = self.site.directory / 'uwsgi-one.ini'
        file.write_text(text)
        return [*command[:-1], str(file)]

    def test_it_serves_no_event_streams(self) -> None:
        answer = self.api.call('inspect_rack', 'POST')
        path = parse.urlsplit(answer.headers['Location']).path
        answer = self.api.get(f'{path}/events', Accept='*/*')
        self.assertEqual(503, answer.status)
        self.assertIn('no threads', answer.fault)


class TestUwsgiHttpWithoutChunks(wsgi_cases.ServedSite):
    """The router with default options, which drops chunks."""

    site = _SITE
    name = 'uwsgi-default'

    def server(self, address: str) -> list[str]:
        return _with_router(address)

    def test_a_body_in_chunks_is_refused_and_never_lost(self) -> None:
        with raw.Connection('127.0.0.1', self.port) as connection:
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


# Base classes; their subclasses run.
del GunicornSite, UwsgiSite, UwsgiCases
