# SPDX-License-Identifier: Apache-2.0
"""Random requests: each gets one valid response without secrets.

``tox -e fuzz`` sends more of them.
"""

import base64
import builtins
import importlib.metadata
import inspect
import os
import pathlib
import platform
import re
import secrets
from collections.abc import Iterable
from collections.abc import Sequence
from urllib import parse

import bcrypt
import fixtures
import hypothesis
from hypothesis import strategies as st

from ironic_passthru import errors
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import envelope
from ironic_passthru.tests.functional import fuzz_requests
from ironic_passthru.tests.functional import fuzzed
from ironic_passthru.tests.functional import keystone
from ironic_passthru.tests.functional import raw
from ironic_passthru.tests.functional import web

# Number of requests; ``tox -e fuzz`` sets 200000.
_REQUESTS = int(os.environ.get('PASSTHRU_FUZZ_REQUESTS', '3000'))

# File for the figures of a run.
_FIGURES = os.environ.get('PASSTHRU_FUZZ_FIGURES')

# Responses of the HTTP server itself.
_OF_SERVER = {400, 405, 408, 413, 414, 417, 431, 501, 505}

# How much more memory the service may have at the end than after the first
# half of the requests. What it remembers on purpose (logins, keys, rows of
# SQLite) is bounded, but not full after a few thousand.
_MAX_GROWTH = 12 << 20


_TWO_WORDS = re.compile('[a-z][A-Z]')


def _names_of_classes() -> Iterable[str]:
    """Return the names of exceptions, which responses must not contain."""
    for module in (builtins, errors):
        for name, kind in inspect.getmembers(module, inspect.isclass):
            # Others, such as Conflict, are words of messages.
            if issubclass(kind, BaseException) and _TWO_WORDS.search(name):
                yield name


def _libraries() -> Iterable[str]:
    """Return the versions of the installed libraries."""
    for name in ('cheroot', 'WebOb', 'pecan', 'WSME', 'SQLAlchemy'):
        yield f'{name}/{importlib.metadata.version(name)}'
    yield f'Python/{platform.python_version()}'
    yield platform.python_version()


_LEAKS = re.compile(
    '|'.join(
        [
            'Traceback',
            r'File "',
            r'site-packages',
            r'\.py\b',
            r'/tmp/',
            'sqlalchemy',
            'sqlite3?[.:]',
            r'pydantic\.',
            'object at 0x',
            *map(re.escape, _libraries()),
            *(rf'\b{name}\b' for name in _names_of_classes()),
        ]
    ).encode()
)


class FuzzCases(envelope.EnvelopeCase):
    """Checks for each authentication strategy."""

    # Share of all requests.
    share = 1.0
    # Headers of valid logins, beginning with the most rights, and others.
    good: Sequence[list[bytes]] = ()
    wrong = st.one_of(
        fuzz_requests.wrong_logins(b'X-Auth-Token'),
        fuzz_requests.wrong_logins(b'Authorization'),
    )
    # Texts that must not appear, in addition to _LEAKS.
    hidden: tuple[str, ...] = ()

    @classmethod
    def start(cls) -> fuzzed.Fuzzed:
        """Start the service; set ``good`` and ``hidden``."""
        raise NotImplementedError

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.service = cls.start()
        cls.port = parse.urlsplit(cls.service.url).port or 0
        secret = (
            fuzz_requests.SECRET,
            str(cls.service.directory),
            *cls.hidden,
        )
        cls.secret = re.compile('|'.join(map(re.escape, secret)).encode())

    def setUp(self) -> None:
        super().setUp()
        self.statuses: dict[int, int] = {}
        self.connection: raw.Connection | None = None
        self.addCleanup(self.hang_up)

    @property
    def sent(self) -> int:
        """The number of responses."""
        return sum(self.statuses.values())

    def test_any_request_gets_one_response_without_secrets(self) -> None:
        wanted = round(_REQUESTS * self.share)

        @hypothesis.given(parts=fuzz_requests.parts(self.good, self.wrong))
        @hypothesis.settings(
            max_examples=10,
            deadline=None,
            # A failure must not depend on an earlier run.
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            # Only the failing request is shown.
            phases=[hypothesis.Phase.generate],
            verbosity=hypothesis.Verbosity.quiet,
        )
        def talk(parts: fuzz_requests.Parts) -> None:
            for request in parts.requests():
                try:
                    self.exchange(request)
                except AssertionError as error:
                    shown = request.data[:2000]
                    raise AssertionError(f'{shown!r}: {error}') from None

        while self.sent < wanted // 2:
            talk()
        before = self.service.resident_bytes
        descriptors = self.service.descriptors
        while self.sent < wanted:
            talk()
        self.hang_up()
        after = self.service.resident_bytes
        self.note(before, after)
        self.assertLess(after - before, _MAX_GROWTH)
        self.assertLess(self.service.descriptors, descriptors + 20)
        self.assert_log_is_quiet()
        # Not all requests were rejected early.
        self.assertGreater(self.statuses.get(200, 0), wanted / 20)

    def exchange(self, request: fuzz_requests.Request) -> None:
        """Send a request and check the response."""
        if request.alone:
            self.hang_up()
        if self.connection is None:
            self.connection = raw.Connection('127.0.0.1', self.port)
        self.connection.send(request.data)
        if request.alone:
            self.connection.finish_sending()
        answer = self.connection.answer(request.http_method)
        assert answer is not None, 'the connection ended without an answer'
        if request.alone or answer.headers['Connection'] == 'close':
            self.hang_up()
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        self.judge(answer)

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def judge(self, answer: web.Answer) -> None:
        """Check the format of a response and that it contains no secret."""
        shown = bytes(answer.headers) + answer.body
        for pattern in (_LEAKS, self.secret):
            found = pattern.search(shown)
            self.assertIsNone(found, found and (found[0], shown))
        if 'openstack-request-id' not in answer.headers:
            self.assertIn(answer.status, _OF_SERVER, answer.body)
            self.assertEqual(
                'nosniff', answer.headers['X-Content-Type-Options']
            )
            return
        self.assertLess(answer.status, 500, answer.body)
        if 'Access-Control-Allow-Origin' in answer.headers:
            # Another header that the response depends on.
            vary = answer.headers['Vary'].removesuffix(', Origin')
            answer.headers.replace_header('Vary', vary)
        self.assert_answer(answer, answer.status)

    def assert_log_is_quiet(self) -> None:
        log = self.service.log()
        for word in ('Traceback', 'ERROR', 'CRITICAL'):
            at = log.find(word)
            self.assertEqual(-1, at, log[max(0, at - 500) : at + 2000])
        found = self.secret.search(log.encode())
        self.assertIsNone(found, found and found[0])

    def note(self, before: int, after: int) -> None:
        """Add to the figures."""
        if _FIGURES is None:
            return
        statuses = ', '.join(
            f'{count} x {status}'
            for status, count in sorted(self.statuses.items())
        )
        with pathlib.Path(_FIGURES).open('a') as file:
            file.write(
                f'{type(self).__name__}: {self.sent} requests, '
                f'{before >> 10} KiB after half of them, {after >> 10} KiB '
                f'at the end; {statuses}\n'
            )


class TestNoauth(FuzzCases):
    """No logins, so most requests pass authentication."""

    share = 0.5
    good = ([],)

    @classmethod
    def start(cls) -> fuzzed.Fuzzed:
        # With all optional features.
        return cls.use_class_fixture(
            fuzzed.Fuzzed(
                audit__format='json',
                config=deployment.config_text(
                    cors__allowed_origin='https://allowed.example'
                ),
            )
        )


class TestHttpBasic(FuzzCases):
    """Names and passwords."""

    share = 0.3

    @classmethod
    def start(cls) -> fuzzed.Fuzzed:
        directory = cls.use_class_fixture(fixtures.TempDir()).path
        file = pathlib.Path(directory) / 'htpasswd'
        good, hashes = [], []
        for user in ('admin', 'reader'):
            password = secrets.token_urlsafe()
            login = base64.b64encode(f'{user}:{password}'.encode())
            good.append([b'Authorization: Basic ' + login])
            # The lowest cost: most logins fail.
            salt = bcrypt.gensalt(4, b'2b')
            hashes.append(bcrypt.hashpw(password.encode(), salt).decode())
            cls.hidden += (password, login.decode(), hashes[-1])
        file.write_text(f'admin:{hashes[0]}\nreader:{hashes[1]}\n')
        file.chmod(0o600)
        cls.hidden += (str(directory),)
        cls.good = tuple(good)
        return cls.use_class_fixture(
            fuzzed.Fuzzed(
                auth_strategy='http_basic',
                http_basic_auth_user_file=str(file),
                http_basic_roles={'admin': 'admin', '*': 'reader'},
            )
        )


class TestKeystone(FuzzCases):
    """Tokens of a real Identity service."""

    share = 0.2

    @classmethod
    def start(cls) -> fuzzed.Fuzzed:
        service = keystone.shared()
        tokens = [
            service.token(user)
            for user in ('system-admin', 'system-reader', 'project-admin')
        ]
        cls.hidden = (
            *tokens,
            service.login('service')['password'],
        )
        header = b'X-Auth-Token: '
        cls.good = tuple([header + token.encode()] for token in tokens)
        return cls.use_class_fixture(
            fuzzed.Fuzzed(
                auth_strategy='keystone',
                config=deployment.config_text(**service.options()),
            )
        )


# A base class; its subclasses run.
del FuzzCases
