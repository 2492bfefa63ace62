# SPDX-License-Identifier: Apache-2.0
"""No log handler writes a secret or fails while it is redacted."""

import io
import json
import logging
import threading
from typing import Any

import fixtures
from oslo_config import cfg
from oslo_log import formatters
from oslo_log import handlers
from oslo_log import log

from ironic_passthru import context
from ironic_passthru.redaction import call_secrets
from ironic_passthru.redaction import log_filter
from ironic_passthru.redaction import masking
from ironic_passthru.tests import base

# Not in one piece: a traceback shows lines of this file.
SECRET = 'hunter' + '2hunter2'

TEXTS = [
    (f'password={SECRET}', 'password=***'),
    (f'{{"password": "{SECRET}"}}', '{"password": "***"}'),
    (f"{{'admin_pass': '{SECRET}'}}", "{'admin_pass': '***'}"),
    (f'rabbit://me:{SECRET}@host:5672/', 'rabbit://me:***@host:5672/'),
    (f'http://:{SECRET}@host/', 'http://:***@host/'),
    (
        f'at postgresql+psycopg2://me:a/{SECRET}@b@host/x?y=1 now',
        'at postgresql+psycopg2://me:***@host/x?y=1 now',
    ),
    (
        f'rabbit://a:{SECRET}@one,b:{SECRET}@two/',
        'rabbit://a:***@two/',
    ),
    (f'X-Auth-Token: {SECRET}', 'X-Auth-Token: ***'),
    (f"{{'x-auth-token': '{SECRET}'}}", "{'x-auth-token': '***'}"),
    (f'Authorization: Basic {SECRET}', 'Authorization: Basic ***'),
    (f"'Authorization': 'Bearer {SECRET}'", "'Authorization': 'Bearer ***'"),
    (f'X-AUTH-TOKEN: {SECRET}', 'X-AUTH-TOKEN: ***'),
    (f"'HTTP_X_AUTH_TOKEN': '{SECRET}'", "'HTTP_X_AUTH_TOKEN': '***'"),
    (f"[b'X-Auth-Token', b'{SECRET}']", "[b'X-Auth-Token', b'***']"),
    (f"('X-Api-Key', '{SECRET}')", "('X-Api-Key', '***')"),
    (
        f"('Authorization', 'Basic {SECRET}')",
        "('Authorization', 'Basic ***')",
    ),
    (
        f'AUTHORIZATION: Negotiate {SECRET} sent',
        'AUTHORIZATION: Negotiate *** sent',
    ),
    (f'Authorization: Token {SECRET}', 'Authorization: Token ***'),
    (f'Authorization: Odd a={SECRET}, b={SECRET}', 'Authorization: ***'),
    (f"'Authorization: Odd {SECRET}' ok", "'Authorization: ***' ok"),
    (
        f'{{"Authorization": "Digest a=\\"b\\", r=\\"{SECRET}\\"", "c": 1}}',
        '{"Authorization": "***", "c": 1}',
    ),
    (
        f'"{{\\"Authorization\\": \\"Odd {SECRET}\\"}}"',
        '"{\\"Authorization\\": \\"***',
    ),
    (f'GET /x?api_key={SECRET}&b=1 200', 'GET /x?api_key=***&b=1 200'),
    (f'GET /x?a=1&api%5Fkey={SECRET}#c', 'GET /x?a=1&api%5Fkey=***#c'),
]
UNCHANGED = [
    '',
    'Operation 5 of request req-1 failed: no slot',
    'GET http://host:6385/v1/drivers?mail=a@b 200',
    'rabbit://me@host:5672/',
    'the password is too short',
    'no token, no authorization',
    'the key of an X-Auth-Token header, or of Authorization',
    'GET /v1/drivers?limit=3&marker=x&type=',
]


class Odd:
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError(SECRET)


class LogsCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        # The root's own handlers are those of test runners.
        self.useFixture(
            fixtures.MonkeyPatch(
                f'{log_filter.__name__}._handlers',
                lambda: self.handlers,
            )
        )
        self.handlers: list[logging.Handler] = []
        self.logger = logging.getLogger('acme.secrets')
        self.logger.setLevel(logging.DEBUG)
        self.logger.propagate = False
        self.addCleanup(setattr, self.logger, 'propagate', True)

    def handle(self, formatter: logging.Formatter | None) -> io.StringIO:
        """Return what a handler with this formatter writes to."""
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        self.logger.addHandler(handler)
        self.addCleanup(self.logger.removeHandler, handler)
        self.handlers.append(handler)
        return stream

    def formatters(self) -> list[logging.Formatter | None]:
        conf = cfg.ConfigOpts()
        log.register_options(conf)
        conf([], default_config_files=[])
        return [
            None,
            logging.Formatter('%(asctime)s %(message)s'),
            formatters.ContextFormatter(config=conf, project='p'),
            formatters.JSONFormatter(),
        ]


class TextTest(base.TestCase):
    def test_passwords(self) -> None:
        for given, wanted in TEXTS:
            self.assertEqual(wanted, log_filter.redact(given))

    def test_what_is_none(self) -> None:
        for text in UNCHANGED:
            self.assertEqual(text, log_filter.redact(text))

    def test_texts_made_to_take_long(self) -> None:
        for text in (
            'a://b:' * 20_000,
            '://' + 'a' * 100_000,
            'authorization:' * 10_000,
            "'password' : " * 10_000 + '@',
            'authorization' + '\\' * 100_000,
            'authorization\\"' * 10_000,
            'api_key' + ' ' * 100_000,
            'api_key\\' * 10_000,
            '?' + 'a&' * 50_000 + '=',
        ):
            with fixtures.Timeout(10, gentle=True):
                log_filter.redact(text)


class HandlersTest(LogsCase):
    def written(self) -> list[str]:
        streams = [self.handle(one) for one in self.formatters()]
        log_filter.install()
        # A second time changes nothing.
        log_filter.install()
        self.log_all()
        return [stream.getvalue() for stream in streams]

    def log_all(self) -> None:
        for given, _ in TEXTS:
            self.logger.info(given)
            self.logger.info('with %s', given)
            self.logger.info('%(a)s', {'a': given})
            self.logger.info('only %(a)s', {'a': 1, 'password': SECRET})
            self.logger.info('text', extra={'extra': {'password': SECRET}})
            self.logger.info('text', stack_info=True)
            try:
                try:
                    raise KeyError(given)
                except KeyError as cause:
                    raise ValueError(f'{given!r}') from cause
            except ValueError as error:
                error.add_note(given)
                self.logger.exception('failed')
                # The formatters of oslo.log append the current exception.
                self.logger.error('again')
                self.logger.exception('password=%s', SECRET)

    def test_a_handler_that_cannot_be_set_up(self) -> None:
        stream = self.handle(None)
        odd = logging.NullHandler()
        odd.filters = None  # type: ignore[assignment]
        self.handlers.insert(0, odd)
        log = self.useFixture(
            fixtures.FakeLogger('ironic_passthru.redaction.log_filter')
        )
        log_filter.install()
        self.logger.info('password=%s', SECRET)
        self.assertEqual('password=***\n', stream.getvalue())
        self.assertIn('of class NullHandler is not redacted', log.output)

    def test_nothing_is_written(self) -> None:
        for written in self.written():
            self.assertNotIn(SECRET, written)
            self.assertIn('***', written)
            self.assertIn('ValueError', written)
            self.assertIn('test_log_filter.py', written)
            self.assertNotIn('omitted', written)

    def test_json_stays_json(self) -> None:
        lines = self.written()[3].splitlines()
        self.assertEqual(9 * len(TEXTS), len(lines))
        for line in lines:
            document = json.loads(line)
            self.assertIsInstance(document['message'], str)
        self.assertEqual(
            {'password': '***'},
            json.loads(
                next(
                    one
                    for one in lines
                    if '"text"' in one and '"extra": {"' in one
                )
            )['extra'],
        )

    def test_formatters_that_make_objects(self) -> None:
        handler = logging.NullHandler()
        handler.setFormatter(formatters.FluentFormatter())
        self.handlers.append(handler)
        log_filter.install()
        record = logging.LogRecord(
            'acme', logging.INFO, __file__, 1, 'text', None, None
        )
        record.extra = {'password': SECRET, 'list': [f'password={SECRET}', 1]}
        formatted = handler.format(record)
        self.assertIsInstance(formatted, dict)
        self.assertNotIn(SECRET, repr(formatted))
        self.assertEqual(
            {'password': '***', 'list': ['password=***', 1]},
            formatted['extra'],
        )

    def test_lines_of_source_code(self) -> None:
        stream = self.handle(None)
        log_filter.install()
        try:
            raise RuntimeError('with password=in-the-source')
        except RuntimeError:
            self.logger.exception('failed')
        self.assertNotIn('in-the-source', stream.getvalue())
        self.assertIn('raise RuntimeError', stream.getvalue())

    def test_the_call_at_hand(self) -> None:
        stream = self.handle(None)
        log_filter.install()
        secrets = call_secrets.CallSecrets(
            masking.Masker({}), {'password': 'opaque-value'}
        )
        with secrets.in_logs():
            self.logger.info('sent %s', 'opaque-value')
        self.logger.info('then %s', 'opaque-value')
        self.assertEqual('sent ***\nthen opaque-value\n', stream.getvalue())

    def test_what_is_not_written_is_not_formatted(self) -> None:
        self.handle(None)
        log_filter.install()
        self.logger.setLevel(logging.INFO)
        self.logger.debug('%s', Odd())
        self.handlers[0].setLevel(logging.ERROR)
        self.logger.info('%s', Odd())

    def test_it_never_raises(self) -> None:
        streams = [self.handle(one) for one in self.formatters()]
        log_filter.install()
        self.useFixture(fixtures.MonkeyPatch('logging.raiseExceptions', True))
        told = io.StringIO()
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', told))
        self.logger.info('password=%s %s', SECRET)
        self.logger.info('%d', SECRET)
        self.logger.info('%s', Odd())
        self.logger.info(Odd())
        self.assertEqual('', told.getvalue())
        for stream in streams:
            self.assertIn('invalid arguments', stream.getvalue())
            self.assertNotIn(SECRET, stream.getvalue())

    def test_a_failure_of_the_search(self) -> None:
        stream = self.handle(None)
        log_filter.install()

        def fail(_text: str) -> Any:
            raise RuntimeError('a bug')

        self.useFixture(
            fixtures.MonkeyPatch(f'{log_filter.__name__}.redact', fail)
        )
        self.logger.info('password=%s', SECRET)
        self.assertIn('omitted', stream.getvalue())

    def test_an_error_at_hand_that_a_line_does_not_name(self) -> None:
        for name, wanted in (
            ('ironic_passthru.acme', False),
            # Records of other loggers get the summary.
            ('acme.secrets', True),
        ):
            self.logger = logging.getLogger(name)
            streams = [self.handle(one) for one in self.formatters()[2:]]
            log_filter.install()
            try:
                raise RuntimeError('foreign text')
            except RuntimeError:
                self.logger.error('It failed')
                for stream in streams:
                    self.assertEqual(wanted, 'foreign' in stream.getvalue())
                self.logger.exception('It failed')
            for stream in streams:
                self.assertIn('RuntimeError: foreign', stream.getvalue())

    def test_the_journal(self) -> None:
        sent: list[Any] = []

        class Journal:
            def send(self, *args: Any, **kwargs: Any) -> None:
                sent.append((args, kwargs))

        self.useFixture(
            fixtures.MonkeyPatch('oslo_log.handlers.journal', Journal())
        )
        handler = handlers.OSJournalHandler()
        self.logger.addHandler(handler)
        self.addCleanup(self.logger.removeHandler, handler)
        self.handlers.append(handler)
        log_filter.install()
        self.log_all()
        self.assertTrue(sent)
        self.assertNotIn(SECRET, repr(sent))


# Each of these ends a line, controls a terminal, reorders text, or cannot be
# encoded; with its visible form.
CONTROLS = (
    ('\n', r'\n'),
    ('\r', r'\r'),
    ('\t', r'\t'),
    ('\x0b', r'\x0b'),
    ('\x1b', r'\x1b'),
    ('\x7f', r'\u007f'),
    ('\x85', r'\x85'),
    ('\x9b', r'\x9b'),
    ('\u2028', r'\u2028'),
    ('\u2029', r'\u2029'),
    ('\u202e', r'\u202e'),
    ('\u2066', r'\u2066'),
    ('\udc80', r'\udc80'),
)
FORGED = '2026-01-01 00:00:00.000 1 INFO forged'


class ForgingTest(LogsCase):
    """No text can start a record of its own or control a terminal."""

    def setUp(self) -> None:
        super().setUp()
        self.streams = [self.handle(one) for one in self.formatters()]
        log_filter.install()

    def assert_not_forged(self, character: str) -> list[str]:
        """Check what was written; return it, one text a formatter."""
        found = [stream.getvalue() for stream in self.streams]
        for stream, text in zip(self.streams, found, strict=True):
            self.assertIn('forged', text)
            for line in text.split('\n'):
                self.assertFalse(line.startswith(FORGED), text)
            if character != '\n':
                self.assertNotIn(character, text)
            text.encode()
            stream.seek(0)
            stream.truncate()
        for line in found[3].splitlines():
            json.loads(line)
        return found

    def test_messages(self) -> None:
        for character, visible in CONTROLS:
            text = f'BMC: x{character}{FORGED}'
            for write in (
                lambda text=text: self.logger.info(text),
                lambda text=text: self.logger.error('a %s', text),
                lambda text=text: self.logger.error('a %(b)s', {'b': text}),
                lambda text=text: self.logger.error(ValueError(text)),
            ):
                write()
                for written in self.assert_not_forged(character)[:3]:
                    self.assertIn(f'x{visible}{FORGED}', written)
                    self.assertEqual(1, written.count('\n'), written)

    def test_names_of_exception_classes(self) -> None:
        for character, visible in CONTROLS[:4]:
            name = f'x{character}{FORGED}'
            kind = type(
                name, (Exception,), {'__module__': name, '__qualname__': name}
            )
            try:
                raise kind('text')
            except kind:
                self.logger.exception('failed')
            for written in self.assert_not_forged(character)[:3]:
                self.assertIn(f'x{visible}{FORGED}', written)

    def test_exceptions(self) -> None:
        for character, visible in CONTROLS:
            text = f'x{character}{FORGED}'
            try:
                try:
                    raise KeyError(text)
                except KeyError as cause:
                    raise ExceptionGroup(
                        text, [OSError(text), ValueError(text)]
                    ) from cause
            except ExceptionGroup as error:
                error.add_note(text)
                self.logger.exception('failed')
            for written in self.assert_not_forged(character)[:3]:
                self.assertIn(f'OSError: x{visible}{FORGED}', written)
                # Frames have lines of their own.
                self.assertRegex(written, r'\n.*File ".*test_log_filter.py"')

    def test_an_error_at_hand(self) -> None:
        for character, _ in CONTROLS:
            try:
                raise RuntimeError(f'x{character}{FORGED}')
            except RuntimeError:
                # A record of a library, which does not name the error.
                self.logger.error('forged')
            self.assert_not_forged(character)

    def test_fields_of_a_format(self) -> None:
        for character, visible in CONTROLS:
            text = f'x{character}{FORGED}'
            stream = self.handle(
                logging.Formatter(
                    '\x1b[1m%(threadName)s %(name)s\n%(detail)s %(message)s'
                )
            )
            log_filter.install()
            thread = threading.Thread(
                name=text,
                target=self.logger.info,
                args=('forged',),
                kwargs={'extra': {'detail': text}},
            )
            thread.start()
            thread.join()
            self.assertEqual(
                f'\x1b[1mx{visible}{FORGED} acme.secrets\n'
                f'x{visible}{FORGED} forged\n',
                stream.getvalue(),
            )

    def test_fields_of_a_request_context(self) -> None:
        for character, visible in CONTROLS:
            context.RequestContext(
                user_id=f'x{character}{FORGED}', global_request_id='req-1'
            )
            self.addCleanup(context.clear_current)
            self.logger.info('forged')
            written = self.assert_not_forged(character)
            self.assertIn(f'x{visible}{FORGED}', written[2])

    def test_a_traceback_of_another_process(self) -> None:
        for character, _ in CONTROLS:
            record = self.logger.makeRecord(
                'acme', logging.ERROR, __file__, 1, 'failed', (), None
            )
            record.exc_text = f'Traceback:{character}{FORGED}'
            self.logger.handle(record)
            # The formatters of JSON do not show it.
            text = self.streams[0].getvalue()
            self.assertNotIn(f'\n{FORGED}', text)
            if character != '\n':
                self.assertNotIn(character, text)

    def test_warnings_end_in_one_line_break(self) -> None:
        self.logger.warning('deprecated\n  source\n')
        self.assertEqual('deprecated\\n  source\n', self.streams[0].getvalue())

    def test_colors_of_oslo_log_stay(self) -> None:
        conf = cfg.ConfigOpts()
        log.register_options(conf)
        conf([], default_config_files=[])
        for name in ('default', 'context'):
            conf.set_override(
                f'logging_{name}_format_string', '%(color)s%(message)s'
            )
        stream = io.StringIO()
        handler = handlers.ColorHandler(stream)
        handler.setFormatter(formatters.ContextFormatter(config=conf))
        self.handlers.append(handler)
        self.logger.addHandler(handler)
        self.addCleanup(self.logger.removeHandler, handler)
        log_filter.install()
        self.logger.info('a\x1b[0m')
        self.assertEqual('\x1b[00;36ma\\x1b[0m\x1b[00m\n', stream.getvalue())


class InstallTest(base.TestCase):
    def test_handlers_that_go_meanwhile(self) -> None:
        logger = logging.getLogger('acme.own')
        first, second = logging.NullHandler(), logging.NullHandler()
        for handler in (first, second):
            logger.addHandler(handler)
            self.addCleanup(logger.removeHandler, handler)
        found = []
        for handler in log_filter._handlers():
            found.append(handler)
            logger.removeHandler(handler)
        self.assertIn(second, found)

    def test_handlers_of_all_loggers(self) -> None:
        root, other = logging.NullHandler(), logging.NullHandler()
        for name, handler in ((None, root), ('acme.own', other)):
            logger = logging.getLogger(name)
            logger.addHandler(handler)
            self.addCleanup(logger.removeHandler, handler)
        found = list(log_filter._handlers())
        self.assertIn(root, found)
        self.assertIn(other, found)
