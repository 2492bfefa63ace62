# SPDX-License-Identifier: Apache-2.0
"""Tests of the error classes and of their serialization by RPC."""

import inspect
import re
import sys

from oslo_messaging._drivers import common as messaging_common

from ironic_passthru import errors
from ironic_passthru.tests import base

CLASSES = [
    value
    for name, value in inspect.getmembers(errors, inspect.isclass)
    # Without aliases.
    if issubclass(value, errors.PassthruError) and name == value.__name__
]

# Arguments of classes with other placeholders or constructors.
ARGUMENTS = {
    'ConfigError': {'reason': '[api] port: 0 is less than 1'},
    'InvalidParameters': {
        'method': 'm',
        'errors': [
            {'pointer': '/a', 'detail': "missing parameter 'a'"},
            {'pointer': '/b/0', 'detail': 'é %s'},
        ],
    },
    'VendorError': {'message': '100 %', 'status': 418, 'code': 'acme_tea'},
}


def _arguments(kind: type[errors.PassthruError]) -> dict[str, object]:
    given = ARGUMENTS.get(kind.__name__)
    if given is not None:
        return given
    return {
        name: 7 if conversion == 'd' else f'some {name} ü'
        for name, conversion in re.findall(r'%\((\w+)\)([sd])', kind._msg_fmt)
    }


def _cross_bus(error: Exception) -> Exception:
    """Return what oslo.messaging rebuilds from ``error``."""
    try:
        raise error
    except Exception:
        data = messaging_common.serialize_remote_exception(sys.exc_info())
    return messaging_common.deserialize_remote_exception(
        data, ['ironic_passthru.errors']
    )


class TreeTest(base.TestCase):
    """The drawing in the docstring matches the classes."""

    def test_drawing_matches_classes(self) -> None:
        drawn: dict[str, tuple[str, str]] = {}
        path: list[str] = []
        lines = errors.__doc__.split('::\n')[1].splitlines()
        for line in lines:
            found = re.fullmatch(r' {4}([ │├└─]*)(\w+) +(\S.*)', line)
            if not found:
                continue
            branch, name, rest = found.groups()
            del path[len(branch) // 4 :]
            drawn[name] = (path[-1] if path else 'Exception', rest)
            path.append(name)
        self.assertEqual({c.__name__ for c in CLASSES}, set(drawn))
        for kind in CLASSES:
            parent, rest = drawn[kind.__name__]
            self.assertEqual(parent, kind.__bases__[0].__name__)
            if not rest.startswith('('):
                self.assertEqual(f'{kind.status} {kind.code}', rest)

    def test_codes_are_unique_snake_case(self) -> None:
        codes = [kind.code for kind in CLASSES]
        self.assertEqual(sorted(set(codes)), sorted(codes))
        for code in codes:
            self.assertRegex(code, r'\A[a-z]+(_[a-z]+)*\Z')

    def test_each_class_defines_code_and_message(self) -> None:
        for kind in CLASSES:
            self.assertIn('code', vars(kind), kind.__name__)
            self.assertIn('_msg_fmt', vars(kind), kind.__name__)

    def test_status_of_not_run_and_unknown(self) -> None:
        for kind in CLASSES:
            if issubclass(kind, errors.NotRun):
                self.assertEqual(503, kind.status, kind.__name__)
            if issubclass(kind, errors.OutcomeUnknown):
                self.assertEqual(504, kind.status, kind.__name__)


class BusTest(base.TestCase):
    """Errors are equal after RPC."""

    def _assert_same(
        self, sent: errors.PassthruError, received: Exception
    ) -> None:
        self.assertIsInstance(received, type(sent))
        for name in ('message', 'status', 'code', 'kwargs'):
            self.assertEqual(getattr(sent, name), getattr(received, name))
        self.assertEqual(sent.field_errors(), received.field_errors())

    def test_every_class(self) -> None:
        for kind in CLASSES:
            error = kind(**_arguments(kind))
            self.assertNotIn('%(', error.message, kind.__name__)
            received = _cross_bus(error)
            self._assert_same(error, received)
            self._assert_same(error, _cross_bus(received))

    def test_plain_messages(self) -> None:
        for kind in CLASSES:
            if issubclass(kind, errors.DriverError):
                error = kind('slot 9 is 100 % %(out)s of range: ü')
                self.assertEqual(
                    'slot 9 is 100 % %(out)s of range: ü', error.message
                )
                self._assert_same(error, _cross_bus(error))

    def test_message_with_arguments(self) -> None:
        error = errors.Conflict('busy', rack='r1')
        self.assertEqual({'rack': 'r1'}, error.kwargs)
        self._assert_same(error, _cross_bus(error))

    def test_positional_config_error(self) -> None:
        error = errors.ConfigError('no such file')
        self.assertEqual('no such file', str(error))
        self._assert_same(error, _cross_bus(error))

    def test_message_contains_no_traceback(self) -> None:
        received = _cross_bus(errors.ConductorBusy())
        self.assertIn('Traceback', str(received))
        self.assertNotIn('Traceback', received.message)


class MessageTest(base.TestCase):
    """Messages are formatted with the arguments."""

    def test_arguments(self) -> None:
        self.assertEqual(
            "The driver 'x' is unknown.",
            errors.DriverNotFound(driver='x').message,
        )

    def test_wrong_arguments_hide_nothing(self) -> None:
        self.assertEqual(
            "The driver '%(driver)s' is unknown.",
            errors.DriverNotFound().message,
        )
        self.assertEqual(
            'The request body is larger than %(limit)d bytes.',
            errors.BodyTooLarge(limit='x').message,
        )

    def test_invalid_parameters_lists_all_errors(self) -> None:
        error = errors.InvalidParameters(**ARGUMENTS['InvalidParameters'])
        self.assertEqual(
            "Invalid parameters for method m: missing parameter 'a'; é %s",
            error.message,
        )
        self.assertEqual(
            [
                errors.FieldError('/a', "missing parameter 'a'"),
                errors.FieldError('/b/0', 'é %s'),
            ],
            error.field_errors(),
        )

    def test_exception_as_message(self) -> None:
        self.assertEqual(
            'no route', errors.DriverError(OSError('no route')).message
        )

    def test_vendor_class_for_ironic(self) -> None:
        class AcmeBusy(errors.DriverError):
            _msg_fmt = 'The controller %(name)s is busy.'
            code = 423

        self.assertEqual(
            'The controller c1 is busy.', str(AcmeBusy(name='c1'))
        )
        self.assertEqual('go away', str(AcmeBusy('go away', name='c1')))
