# SPDX-License-Identifier: Apache-2.0
"""Tests of error responses."""

import json
from typing import Any

import fixtures
import webob

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import error_responses
from ironic_passthru.tests import base

_PROBLEM = 'application/problem+json'
RENDERER = error_responses.ErrorRenderer(7)


def with_tracebacks() -> error_responses.ErrorRenderer:
    """Return a renderer that logs a warning and adds tracebacks."""
    return error_responses.ErrorRenderer(7, tracebacks=True)


class TestRender(base.TestCase):
    """Rendering of exceptions."""

    def render(
        self, error: Exception, accept: str | None = None
    ) -> webob.Response:
        environ = {
            environ_keys.REQUEST_ID: 'req-1',
            environ_keys.ACCEPT: accept,
        }
        return RENDERER.render(error, environ)

    def inner(self, response: webob.Response) -> dict[str, Any]:
        self.assertEqual(['error_message'], list(response.json))
        return json.loads(response.json['error_message'])

    def test_a_client_error(self) -> None:
        response = self.render(errors.DriverNotFound(driver='ü'))
        self.assertEqual(404, response.status_int)
        self.assertEqual('application/json', response.content_type)
        self.assertEqual(
            {
                'faultcode': 'Client',
                'faultstring': "The driver 'ü' is unknown.",
                'debuginfo': None,
            },
            self.inner(response),
        )

    def test_what_is_not_ours_is_a_fixed_sentence(self) -> None:
        for error in (
            RuntimeError('password=hunter2'),
            errors.PassthruError(),
        ):
            response = self.render(error)
            self.assertEqual(500, response.status_int)
            self.assertNotIn(b'hunter2', response.body)
            inner = self.inner(response)
            self.assertEqual('Server', inner['faultcode'])
            self.assertIn('Request id: req-1', inner['faultstring'])

    def test_a_missing_login_names_how_to_log_in(self) -> None:
        challenge = 'Keystone uri="http://keystone"'
        response = self.render(errors.Unauthorized(challenge=challenge))
        self.assertEqual(401, response.status_int)
        self.assertEqual(challenge, response.headers['WWW-Authenticate'])
        self.assertNotIn('keystone', self.inner(response)['faultstring'])

    def test_a_traceback_if_enabled(self) -> None:
        try:
            raise RuntimeError("token='hunter2'")
        except RuntimeError as caught:
            error = caught
        response = with_tracebacks().render(error, {})
        shown = self.inner(response)['debuginfo']
        self.assertRegex(shown, r'(?s)^Traceback .*RuntimeError')
        environ = {environ_keys.ACCEPT: _PROBLEM}
        response = with_tracebacks().render(error, environ)
        self.assertEqual(shown, response.json['debuginfo'])
        self.assertNotIn('hunter2', response.text)

    def test_a_traceback_shows_no_more_than_the_log_does(self) -> None:
        for text in (
            'amqp://passthru:hunter2@broker//',
            'X-Auth-Token: hunter2',
            "{'Authorization': 'Bearer hunter2'}",
        ):
            response = with_tracebacks().render(RuntimeError(text), {})
            self.assertIn('***', self.inner(response)['debuginfo'])
            self.assertNotIn('hunter2', response.text)

    def test_a_path_is_no_line_of_the_log(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(format='%(message)s'))
        environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/\nforged\r\x1b[2J'}
        RENDERER.render(RuntimeError(), environ)
        self.assertEqual(
            r"Request None failed: 'GET /\nforged\r\x1b[2J'",
            log.output.splitlines()[0],
        )

    def test_no_traceback_of_what_was_expected(self) -> None:
        error = errors.Conflict('no')
        error.debuginfo = 'secret'  # type: ignore[attr-defined]
        response = with_tracebacks().render(error, {})
        self.assertIsNone(self.inner(response)['debuginfo'])

    def test_every_class_of_errors(self) -> None:
        for kind in _subclasses(errors.PassthruError):
            for accept in (None, _PROBLEM):
                response = self.render(_example(kind), accept)
                self.assertEqual(kind.status, response.status_int)
                self.assertTrue(response.json)

    def test_503_has_retry_after(self) -> None:
        for error in (errors.ConductorBusy(), errors.TemporaryFailure('no')):
            response = self.render(error)
            self.assertEqual('7', response.headers['Retry-After'])
        response = self.render(errors.OutcomeUnknown(request_id='r'))
        self.assertNotIn('Retry-After', response.headers)

    def test_405_has_allow(self) -> None:
        response = self.render(
            errors.VerbNotAllowed(http_method='X', allow=['GET'])
        )
        self.assertEqual('GET', response.headers['Allow'])

    def test_the_operation_that_it_is_about(self) -> None:
        url = 'http://h/v1/operations/o'
        response = RENDERER.render(
            errors.OutcomeUnknown(request_id='r'), {}, location=url
        )
        self.assertEqual(url, response.headers['Location'])
        # Data of a driver's error is not used.
        response = self.render(errors.Conflict(location='http://evil'))
        self.assertNotIn('Location', response.headers)

    def test_a_status_without_a_name(self) -> None:
        error = errors.VendorError(message='no', status=499, code='x')
        for accept in (None, _PROBLEM):
            self.assertEqual(499, self.render(error, accept).status_int)

    def test_a_problem_document(self) -> None:
        error = errors.InvalidParameters(
            method='m', errors=[{'pointer': '/a', 'detail': 'missing a'}]
        )
        response = self.render(error, _PROBLEM)
        self.assertEqual(_PROBLEM, response.content_type)
        self.assertEqual(
            {
                'type': 'about:blank',
                'title': 'Bad Request',
                'status': 400,
                'detail': 'Invalid parameters for method m: missing a',
                'code': 'invalid_parameters',
                'request_id': 'req-1',
                'errors': [{'pointer': '/a', 'detail': 'missing a'}],
            },
            response.json,
        )

    def test_who_gets_a_problem_document(self) -> None:
        for accept, expected in (
            (None, False),
            ('', False),
            ('*/*', False),
            ('application/*', False),
            ('application/json', False),
            (_PROBLEM, True),
            ('Application/Problem+JSON', True),
            (f'application/json, {_PROBLEM}', True),
            (f'application/json, {_PROBLEM};q=0.9', False),
            (f'application/json;q=0.1, {_PROBLEM};q=0.9', True),
            (f'{_PROBLEM}; charset=utf-8', True),
            (f'{_PROBLEM};q=0, */*', False),
            (f'text/html, {_PROBLEM}', True),
        ):
            response = self.render(errors.RouteNotFound(), accept)
            self.assertEqual(
                expected, response.content_type == _PROBLEM, accept
            )


class TestCheckAccept(base.TestCase):
    """Acceptable Accept headers."""

    def test_what_can_be_met(self) -> None:
        for accept in (
            None,
            '',
            '*/*',
            'application/json',
            'application/json; charset=utf-8',
            'text/html; level=1, application/json; charset=utf-8; q=0.5',
            'application/*;q=0.1',
            'text/html, */*;q=0.1',
            _PROBLEM,
            # Not valid, so it counts as absent.
            'json',
            '}{',
        ):
            error_responses.check_accept({environ_keys.ACCEPT: accept})

    def test_what_cannot(self) -> None:
        for accept in (
            'text/html',
            'text/html; charset=utf-8',
            'application/json;q=0',
            'application/json; charset=utf-8; q=0',
            'image/*',
        ):
            self.assertRaises(
                errors.NotAcceptable,
                error_responses.check_accept,
                {environ_keys.ACCEPT: accept},
            )


def _subclasses(kind: type[Any]) -> set[type[Any]]:
    found = {kind}
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            found |= _subclasses(child)
    return found


def _example(kind: type[Any]) -> Exception:
    if kind is errors.ConfigError:
        return kind('reason')
    if kind is errors.InvalidParameters:
        return kind(method='m', errors=[])
    if kind is errors.VendorError:
        return kind(message='no', status=500, code='x')
    return kind()
