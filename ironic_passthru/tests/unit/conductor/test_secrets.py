# SPDX-License-Identifier: Apache-2.0
"""A secret leaves a conductor in its answer to the caller, and nowhere else.

The methods do with their parameters what careless drivers do.
"""

import dataclasses
import datetime
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Annotated
from typing import Any

import fixtures
import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.drivers import base as drivers
from ironic_passthru.drivers import loader
from ironic_passthru.redaction import call_secrets
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.conductor import records

# With what must be escaped in Python, in JSON and in a URL. Not in one piece:
# a traceback shows lines of this file.
SECRET = 'hun"ter\n2\\é' + ' & more'
PLAIN = 'hunter' + '2hunter2'
FORMS = (
    SECRET,
    PLAIN,
    repr(SECRET)[1:-1],
    json.dumps(SECRET)[1:-1],
    'hun"ter',
    'hun\\"ter',
    'hun%22ter',
)


class Login(pydantic.BaseModel):
    user: str
    pin: pydantic.SecretStr
    since: datetime.date = datetime.date(2026, 1, 1)


class Pin(pydantic.Secret[str]):
    """Chooses how it is shown."""

    def _display(self) -> str:
        return f'<pin of {len(self.get_secret_value())}>'


class Account(pydantic.BaseModel):
    """Holds secrets that it does not show, and leads back to itself."""

    model_config = pydantic.ConfigDict(extra='allow')

    name: str = 'a'
    login: Login = pydantic.Field(
        default_factory=lambda: Login(user='u', pin=PLAIN), exclude=True
    )
    owner: Any = pydantic.Field(default=None, exclude=True)


@dataclasses.dataclass
class Door:
    pin: Pin


def _account() -> Account:
    account = Account()
    account.owner = [account]
    return account


class Full(errors.DriverError):
    code = 'acme_full'
    status = 507
    _msg_fmt = 'The store cannot take %(pin)s.'


def _checked(value: str) -> str:
    raise ValueError(f'{value} is too easy')


def _fails(value: str) -> str:
    return value.encode('ascii').decode()


def plain(pin: str, _: Any) -> None:
    raise RuntimeError(f'cannot set {pin} on 192.0.2.7')


def locals_in_message(pin: str, _: Any) -> None:
    raise RuntimeError(f'failed with {locals()!r}')


def chained(pin: str, _: Any) -> None:
    try:
        raise KeyError(pin)
    except KeyError as cause:
        error = OSError(5, 'no answer', f'http://bmc/?pin={pin}')
        error.add_note(f'sent {pin!r}')
        raise error from cause


def during(pin: str, _: Any) -> None:
    try:
        raise KeyError(pin)
    except KeyError:
        sys.exit(pin)


def group(pin: str, _: Any) -> None:
    raise ExceptionGroup(
        f'with {pin}',
        [ValueError(pin), ExceptionGroup('b', [OSError(pin)])],
    )


def cyclic(pin: str, _: Any) -> None:
    first, second = ValueError(pin), ValueError('second')
    first.__cause__, second.__cause__ = second, first
    raise first


def unprintable(pin: str, _: Any) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError(pin)

    raise Odd() from OSError(pin)


def syntax(pin: str, _: Any) -> None:
    compile(f'x = {pin!r} !', 'acme.py', 'exec')


def long_chain(pin: str, _: Any) -> None:
    last: Exception | None = None
    for number in range(1500):
        error = RuntimeError(f'try {number} with {pin}')
        error.__cause__ = last
        last = error
    raise last  # type: ignore[misc]


def odd_notes(pin: str, _: Any) -> None:
    error = RuntimeError(f'failed for {pin}')
    error.__notes__ = 5  # type: ignore[assignment]
    raise error


def exits(pin: str, _: Any) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise SystemExit(pin)

    raise Odd() from OSError(pin)


FOREIGN = (
    long_chain,
    odd_notes,
    exits,
    plain,
    locals_in_message,
    chained,
    during,
    group,
    cyclic,
    unprintable,
    syntax,
)


class Vendor(drivers.VendorInterface):
    """Runs the action of a test with the secrets of its arguments."""

    def __init__(self) -> None:
        self.action: Callable[..., Any] = lambda *_: None
        self.validation: Callable[..., Any] = lambda *_: None

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        self.validation(kwargs.get('pin'))

    @drivers.driver_passthru(['POST'], async_call=False)
    def typed(self, context: Any, pin: pydantic.SecretStr) -> Any:
        return self.action(pin.get_secret_value(), context)

    @drivers.driver_passthru(['POST'], secret='pin')
    def later(self, context: Any, pin: str) -> Any:
        return self.action(pin, context)

    @drivers.driver_passthru(['POST'], async_call=False, secret='pin')
    def any_name(self, context: Any, **kwargs: Any) -> Any:
        return self.action(kwargs['pin'], context)

    @drivers.driver_passthru(['POST'], async_call=False, attach=True)
    def attached(self, context: Any, pin: pydantic.SecretStr) -> Any:
        return self.action(pin.get_secret_value(), context)

    @drivers.driver_passthru(['POST'], async_call=False)
    def login(self) -> Login:
        return self.action()

    @drivers.driver_passthru(['POST'], async_call=False, secret='ticket')
    def by_name(self) -> Any:
        return self.action()

    @drivers.driver_passthru(['POST'], async_call=False, secret='return')
    def all_of_it(self) -> Any:
        return self.action()

    @drivers.driver_passthru(['POST'], async_call=False)
    def anything(self) -> Any:
        return self.action()

    @drivers.driver_passthru(['POST'], async_call=False, attach=True)
    def key_file(self) -> pydantic.SecretStr:
        return self.action()

    @drivers.driver_passthru(['POST'], attach=True, secret='return')
    def dump(self) -> bytes:
        return self.action()

    @drivers.driver_passthru(['POST'], async_call=False, attach=True)
    def file(self) -> Any:
        return self.action()

    @drivers.driver_passthru(
        ['POST'], async_call=False, secret=['raw', 'vault', 'number']
    )
    def checked(
        self,
        pin: Annotated[str, pydantic.AfterValidator(_checked)] = '',
        raw: Annotated[str, pydantic.AfterValidator(_checked)] = '',
        ascii_only: Annotated[str, pydantic.AfterValidator(_fails)] = '',
        vault: dict[str, Annotated[int, pydantic.Field(ge=0)]] | None = None,
        number: Annotated[int, pydantic.Field(ge=1000)] = 1000,
        identifier: Annotated[
            str, pydantic.Field(json_schema_extra={'writeOnly': True})
        ]
        | None = None,
    ) -> None: ...


class SecretsCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=0))
        self.vendor = Vendor()
        made = records.conductor(
            self, {'acme': loader.make('acme', self.vendor)}
        )
        self.runner, self.records = made.runner, made.records
        self.context = request_context.RequestContext(
            request_id='req-1', overwrite=False
        )
        self.addCleanup(request_context.clear_current)
        self.count = 0

    def call(self, method: str, **parameters: Any) -> Any:
        """Call without a record, and return the answer."""
        return self._run(method, parameters)['return']

    def _run(
        self, method: str, parameters: dict[str, Any], **facts: Any
    ) -> Any:
        call = protocol.CallRequest(
            driver_name='acme',
            driver_method=method,
            http_method='POST',
            info=parameters,
            **facts,
        )
        return self.runner.run(self.context, call)

    def keyed(self, method: str, **parameters: Any) -> Any:
        """Call with an Idempotency-Key, and return answer and record."""
        self.count += 1
        key = operation.Key(f'{self.count:064}', '0' * 64)
        answer = self._run(method, parameters, key=key)['return']
        return answer, self._end().result

    def recorded(self, method: str, **parameters: Any) -> operation.Transition:
        """Let a call be accepted, and return how it ended."""
        before = len(self.records.moves)
        self._run(method, parameters, respond_async=True)
        self.wait_for(lambda: len(self.records.moves) == before + 1, 'end')
        return self._end()

    def _end(self) -> operation.Transition:
        end = self.records.moves[-1]
        self.assertIn(end.target, operation.FINAL)
        return end

    def assert_hidden(self, *texts: Any) -> None:
        """Fail if a text, or the log, shows a secret in any form."""
        for text in (*texts, self.log.output):
            shown = text if isinstance(text, str) else json.dumps(text)
            for form in FORMS:
                self.assertNotIn(form, shown)


class ErrorsTest(SecretsCase):
    def raised(self, action: Callable[..., Any]) -> list[Any]:
        """Return all texts that callers and records receive."""
        self.vendor.action = action
        found: list[Any] = []
        for pin in (PLAIN, SECRET):
            for method in ('typed', 'any_name', 'attached'):
                error = self.assertRaises(
                    errors.PassthruError, self.call, method, pin=pin
                )
                found.append(error)
            end = self.recorded('later', pin=pin)
            self.assertIsNotNone(end.error)
            self.assert_hidden(end.error.message, end.error.code)
        for error in found:
            self.assert_hidden(
                error.message, error.kwargs, error.code, str(error)
            )
            self.assertTrue(error.__suppress_context__)
            self.assertIsNone(error.__cause__)
            self.assertFalse(getattr(error, '__notes__', ()))
        return found

    def test_sentences_stay_readable(self) -> None:
        def refuse(pin: str, _: Any) -> None:
            raise errors.InvalidParameterValue(f'the PIN {pin} is too easy')

        for error in self.raised(refuse):
            self.assertEqual('the PIN *** is too easy', error.message)
            self.assertEqual(400, error.status)

    def test_forms_of_errors(self) -> None:
        def message(pin: str, _: Any) -> None:
            raise errors.VendorPassthruException(repr({'pin': pin}))

        def as_json(pin: str, _: Any) -> None:
            raise errors.Conflict('sent ' + json.dumps([pin]))

        def facts(pin: str, _: Any) -> None:
            raise Full(pin=pin)

        def code(pin: str, _: Any) -> None:
            error = Full('no room')
            error.code = f'full_of_{pin}'
            raise error

        def with_cause(pin: str, _: Any) -> None:
            try:
                raise OSError(f'cannot send {pin}')
            except OSError as cause:
                error = Full(pin=pin)
                error.add_note(f'it was {pin}')
                raise error from cause

        for action in (message, as_json, facts, code, with_cause):
            self.raised(action)

    def test_unexpected_exceptions_are_logged_without_secrets(self) -> None:
        for action in FOREIGN:
            for error in self.raised(action):
                self.assertIsInstance(error, errors.DriverFailed)
            # What is no secret is still there to be found.
            self.assertIn(action.__name__, self.log.output)
            self.assertIn('Driver method acme.typed failed', self.log.output)
        self.assertIn('RuntimeError: cannot set *** on 192', self.log.output)
        self.assertIn('KeyError: ', self.log.output)
        self.assertIn('no answer', self.log.output)

    def test_errors_that_cannot_be_copied(self) -> None:
        def deep(pin: str, _: Any) -> None:
            error = ValueError(pin)
            for _number in range(1500):
                error = ExceptionGroup(pin, [error])  # type: ignore[assignment]
            raise error

        def refuses(pin: str, _: Any) -> None:
            class Odd(Exception):
                __notes__ = property(lambda self: sys.exit(pin))

            raise Odd(pin)

        def code_exits(pin: str, _: Any) -> None:
            class Odd(errors.DriverError):
                code = property(lambda self: sys.exit(pin))

            raise Odd('odd')

        for action in (deep, refuses, code_exits):
            for error in self.raised(action):
                self.assertIsInstance(error, errors.DriverFailed)
        self.assertIn('Odd: <the text cannot be redacted', self.log.output)

    def test_an_error_without_secrets_is_logged_as_it_is(self) -> None:
        error = OSError('no route')

        def fail(*_: Any) -> None:
            raise error

        self.vendor.action = fail
        seen: list[Any] = []
        handler = logging.Handler()
        handler.emit = seen.append  # type: ignore[method-assign]
        logger = logging.getLogger('ironic_passthru.conductor.execution')
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        self.assertRaises(errors.DriverFailed, self.call, 'typed', pin=PLAIN)
        self.assertIs(error, seen[0].exc_info[1])

    def test_validate(self) -> None:
        def refuse(pin: Any) -> None:
            value = getattr(pin, 'get_secret_value', lambda: pin)()
            raise errors.InvalidParameterValue(f'{value!r} is too easy')

        def fail(pin: Any) -> None:
            value = getattr(pin, 'get_secret_value', lambda: pin)()
            raise RuntimeError(f'{value!r} is too much')

        for validation in (refuse, fail):
            self.vendor.validation = validation
            for pin in (PLAIN, SECRET):
                for method in ('typed', 'later', 'any_name'):
                    error = self.assertRaises(
                        errors.PassthruError, self.call, method, pin=pin
                    )
                    self.assert_hidden(error.message, error.kwargs)
        self.assertIn('is too much', self.log.output)

    def test_a_result_that_fails(self) -> None:
        def generate(pin: str, _: Any) -> Any:
            def items() -> Any:
                yield 1
                raise RuntimeError(f'cannot read {pin}')

            return items()

        self.vendor.action = generate
        error = self.assertRaises(
            errors.ResultNotSerializable, self.call, 'typed', pin=PLAIN
        )
        self.assert_hidden(error.message)
        self.assertIn('cannot read ***', self.log.output)

    def test_short_ones_are_not_looked_for(self) -> None:
        def refuse(pin: str, _: Any) -> None:
            raise errors.InvalidParameterValue(f'{pin} is a bad one')

        self.vendor.action = refuse
        for pin, found in (
            ('abc', 'abc is a bad one'),
            ('abcd', '*** is a bad one'),
        ):
            error = self.assertRaises(
                errors.InvalidParameterValue, self.call, 'typed', pin=pin
            )
            self.assertEqual(found, error.message)


class ProgressTest(SecretsCase):
    def test_messages(self) -> None:
        def report(pin: str, context: Any) -> None:
            context.report_progress(50, f'sent {pin}')

        self.vendor.action = report
        for pin in (PLAIN, SECRET):
            end = self.recorded('later', pin=pin)
            self.assertEqual('sent ***', end.progress.message)
            end = self.recorded('typed', pin=pin)
            self.assertEqual('sent ***', end.progress.message)

    def test_passwords_in_urls_that_are_no_parameters(self) -> None:
        url = f'https://admin:{PLAIN}@bmc/x'

        def report(_: str, context: Any) -> None:
            context.report_targets([url])
            context.report_progress(50, f'asking {url}')
            raise errors.DriverOperationError(f'no answer from {url}')

        self.vendor.action = report
        end = self.recorded('later', pin='other')
        self.assertEqual(
            'asking https://admin:***@bmc/x', end.progress.message
        )
        self.assertEqual(('https://admin:***@bmc/x',), end.progress.targets)
        self.assertEqual(
            'no answer from https://admin:***@bmc/x', end.error.message
        )


class ResultsTest(SecretsCase):
    def test_what_the_caller_gets_and_what_is_kept(self) -> None:
        login = Login(user='u', pin=PLAIN)
        shown = {'user': 'u', 'pin': '***', 'since': '2026-01-01'}
        real = {**shown, 'pin': PLAIN}
        for method, value, answer, kept in (
            ('login', login, real, shown),
            # A driver need not keep to what it has declared.
            ('login', dict(real), real, shown),
            ('anything', login, real, shown),
            ('anything', {'a': [login]}, {'a': [real]}, {'a': [shown]}),
            (
                'anything',
                (one for one in [pydantic.SecretStr(PLAIN), 1]),
                [PLAIN, 1],
                ['***', 1],
            ),
            ('anything', pydantic.SecretBytes(b'abcd'), 'abcd', '***'),
            ('anything', pydantic.Secret[int](7), 7, '***'),
            ('anything', Pin(PLAIN), PLAIN, '***'),
            ('anything', [(Pin(PLAIN),)], [[PLAIN]], [['***']]),
            ('anything', Door(Pin(PLAIN)), {'pin': PLAIN}, {'pin': '***'}),
            (
                'anything',
                Account(key=Pin(PLAIN)),  # type: ignore[call-arg]
                {'name': 'a', 'key': PLAIN},
                {'name': 'a', 'key': '***'},
            ),
            ('anything', _account(), {'name': 'a'}, {'name': 'a'}),
            ('anything', {'pin': PLAIN}, {'pin': PLAIN}, {'pin': PLAIN}),
            ('anything', '*' * 10, '*' * 10, '*' * 10),
            (
                'by_name',
                {'ticket': PLAIN, 'x': [{'ticket': {'a': 1}}, 'ticket']},
                {'ticket': PLAIN, 'x': [{'ticket': {'a': 1}}, 'ticket']},
                {'ticket': '***', 'x': [{'ticket': '***'}, 'ticket']},
            ),
            ('by_name', PLAIN, PLAIN, PLAIN),
            ('all_of_it', PLAIN, PLAIN, '***'),
            ('all_of_it', [1], [1], '***'),
        ):
            self.vendor.action = lambda value=value: value
            if not hasattr(value, 'send'):
                self.assertEqual(answer, self.call(method))
            self.assertEqual(
                (answer, json.dumps(kept)), self.keyed(method), method
            )
        self.vendor.action = lambda: login
        end = self.recorded('login')
        self.assertEqual(shown, json.loads(end.result))

    def test_a_secret_that_cannot_be_found(self) -> None:
        def nested() -> Any:
            yield pydantic.SecretStr(PLAIN)

        self.vendor.action = lambda: {'a': nested()}
        error = self.assertRaises(
            errors.ResultNotSerializable, self.call, 'anything'
        )
        self.assert_hidden(error.message)

    def test_attachments(self) -> None:
        hidden = protocol.Attached(
            data=b'***', media_type='text/plain; charset=utf-8'
        )
        named = drivers.Attachment(
            pydantic.SecretBytes(b'\x00\xff'),  # type: ignore[arg-type]
            filename='key.bin',
        )
        for method, value, answer in (
            ('key_file', pydantic.SecretStr('abcd'), b'abcd'),
            ('key_file', 'abcd', b'abcd'),
            ('dump', b'\x00\xff', b'\x00\xff'),
            ('file', pydantic.SecretStr('abcd'), b'abcd'),
            ('file', named, b'\x00\xff'),
        ):
            self.vendor.action = lambda value=value: value
            if method != 'dump':
                given, kept = self.keyed(method)
                self.assertEqual(
                    answer, protocol.Attached.from_bus(given).data
                )
            else:
                kept = self.recorded(method).result
            self.assertEqual(
                hidden, protocol.Attached.from_bus(json.loads(kept))
            )
        self.vendor.action = lambda: 'abcd'
        given, kept = self.keyed('file')
        self.assertEqual(given, json.loads(kept))

    def test_parameters_within_results(self) -> None:
        def echo(pin: str, _: Any) -> Any:
            return {'set': pin, 'list': [f'<{pin}>', 1, None], pin: 'ok'}

        self.vendor.action = echo
        for pin in (PLAIN, SECRET):
            answer, kept = self.keyed('typed', pin=pin)
            self.assertEqual(pin, answer['set'])
            self.assertEqual(
                {'set': '***', 'list': ['<***>', 1, None], '***': 'ok'},
                json.loads(kept),
            )
            self.assert_hidden(kept)

    def test_parameters_quoted_within_results(self) -> None:
        for quote in (
            json.dumps,
            repr,
            ascii,
            lambda pin: json.dumps({'sent': json.dumps([pin])}),
            lambda pin: str(subprocess.CalledProcessError(1, ['set', pin])),
        ):
            self.vendor.action = lambda pin, _, quote=quote: {
                'log': [f'sent {quote(pin)}']
            }
            answer, kept = self.keyed('typed', pin=SECRET)
            self.assertEqual({'log': [f'sent {quote(SECRET)}']}, answer)
            self.assertIn('***', kept)
            self.assert_hidden(kept)

    def test_parameters_within_attachments(self) -> None:
        for make in (
            lambda pin, _: f'it is {pin}',
            lambda pin, _: drivers.Attachment(b'x', filename=f'{pin}.bin'),
            lambda pin, _: drivers.Attachment(b'x', f'a/b; pin={pin}'),
        ):
            self.vendor.action = make
            answer, kept = self.keyed('attached', pin=PLAIN)
            given = protocol.Attached.from_bus(answer)
            self.assertIn(PLAIN, repr(given))
            self.assert_hidden(kept)
            self.assertEqual(
                b'***', protocol.Attached.from_bus(json.loads(kept)).data
            )

    def test_the_size_is_that_of_what_is_sent(self) -> None:
        self.vendor.action = lambda: pydantic.SecretStr('x' * (1 << 20))
        self.assertRaises(errors.ResultTooLarge, self.call, 'anything')


class FaultsTest(SecretsCase):
    def faults(self, **parameters: Any) -> dict[str, str]:
        error = self.assertRaises(
            errors.InvalidParameters, self.call, 'checked', **parameters
        )
        self.assert_hidden(error.message, error.kwargs)
        return {fault.pointer: fault.detail for fault in error.field_errors()}

    def test_validators_in_code(self) -> None:
        # A secret value of a parameter is found wherever it is quoted.
        found = self.faults(raw=PLAIN, pin=f'like {PLAIN}')
        self.assertEqual({'/raw', '/pin'}, set(found))
        self.assertIn('like *** is too easy', found['/pin'])
        self.assertIn('Input is not valid', found['/raw'])
        # However short, where it is the value at fault.
        self.assertNotIn('ab', self.faults(raw='ab')['/raw'])
        self.assertIn('cd is too easy', self.faults(pin='cd')['/pin'])

    def test_errors_of_libraries_are_not_quoted(self) -> None:
        found = self.faults(ascii_only='é')
        self.assertEqual(
            {'/ascii_only': "parameter 'ascii_only': Input is not valid"},
            found,
        )

    def test_names_within_a_secret(self) -> None:
        for vault in ({PLAIN: -1}, {PLAIN: 'x'}, {'a': -1}):
            found = self.faults(vault=vault)
            self.assertEqual(['/vault'], list(found))
            self.assertNotIn("'vault.a'", found['/vault'])

    def test_a_value_as_a_name(self) -> None:
        found = self.faults(raw=PLAIN, **{PLAIN: 1})
        self.assertEqual(['/***'], list(found))
        self.assertIn("unexpected parameter '***' (", found['/***'])
        self.assertNotIn(PLAIN, str(found))

    def test_bounds_are_reported(self) -> None:
        self.assertEqual(
            {'/number': "parameter 'number' must be at least 1000"},
            self.faults(number=12),
        )


class LogTest(SecretsCase):
    def test_a_thread_knows_what_it_works_on(self) -> None:
        # The log of a service is masked by its handlers.
        seen: list[str] = []

        def note(pin: str, _: Any) -> None:
            seen.append(call_secrets.current().text(f'now {pin}'))
            thread = threading.Thread(
                target=lambda: seen.append(call_secrets.current().text(pin))
            )
            thread.start()
            thread.join()

        self.vendor.action = note
        self.call('typed', pin=PLAIN)
        self.assertEqual(['now ***', PLAIN], seen)
        self.assertEqual(PLAIN, call_secrets.current().text(PLAIN))

    def test_what_runs_after_the_method_does_so_too(self) -> None:
        seen: list[str] = []

        class Report(pydantic.BaseModel):
            pin: str

            @pydantic.model_serializer
            def write(self) -> dict[str, int]:
                seen.append(call_secrets.current().text(self.pin))
                return {}

        def generate(pin: str, _: Any) -> Any:
            yield 1
            seen.append(call_secrets.current().text(pin))

        for action in (generate, lambda pin, _: Report(pin=pin)):
            self.vendor.action = action
            self.call('typed', pin=PLAIN)
        self.assertEqual(['***', '***'], seen)
