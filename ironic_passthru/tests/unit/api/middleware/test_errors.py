# SPDX-License-Identifier: Apache-2.0
"""Tests of error responses of other layers."""

from typing import Any

import fixtures
import webob

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.middleware import errors as error_wrapper
from ironic_passthru.tests import base

_RENDERER = error_responses.ErrorRenderer(4)


class TestErrorWrapper(base.TestCase):
    """Every exception becomes a response."""

    def ask(self, result: Any, http_method: str = 'GET') -> webob.Response:
        def below(environ: dict[str, Any], start_response: Any) -> Any:
            if isinstance(result, Exception):
                raise result
            return result(environ, start_response)

        request = webob.Request.blank('/', method=http_method)
        request.environ[environ_keys.REQUEST_ID] = 'req-1'
        return request.get_response(
            error_wrapper.ErrorWrapper(_RENDERER, below)
        )

    def test_an_answer_passes(self) -> None:
        self.assertEqual(b'x', self.ask(webob.Response(b'x')).body)

    def test_errors_are_answered(self) -> None:
        for error, status in (
            (errors.BodyTooLarge(limit=1), 413),
            (errors.RegistryUnavailable(), 503),
            (ValueError('password=hunter2'), 500),
        ):
            response = self.ask(error)
            self.assertEqual(status, response.status_int)
            self.assertIn('error_message', response.json)
            self.assertNotIn(b'hunter2', response.body)

    def test_what_has_no_method(self) -> None:
        request = webob.Request.blank('/')
        del request.environ['REQUEST_METHOD']
        wrapper = error_wrapper.ErrorWrapper(_RENDERER, webob.Response(b'x'))
        self.assertEqual(400, request.get_response(wrapper).status_int)

    def test_tracebacks_only_if_enabled(self) -> None:
        def below(environ: dict[str, Any], start_response: Any) -> Any:
            raise ValueError("{'password': 'hunter2'}")

        def ask(**options: Any) -> webob.Response:
            renderer = error_responses.ErrorRenderer(4, **options)
            wrapper = error_wrapper.ErrorWrapper(renderer, below)
            return webob.Request.blank('/').get_response(wrapper)

        with fixtures.FakeLogger() as logger:
            told = ask(tracebacks=True).body.decode()
        self.assertIn('debug_tracebacks_in_api', logger.output)
        self.assertIn('Traceback', told)
        self.assertIn('test_errors.py', told)
        self.assertIn('ValueError', told)
        self.assertNotIn('hunter2', told)
        with fixtures.FakeLogger() as logger:
            hidden = ask().body.decode()
        self.assertNotIn('debug_tracebacks_in_api', logger.output)
        for word in ('Traceback', 'test_errors', 'ValueError', 'password'):
            self.assertNotIn(word, hidden)

    def test_head_has_no_body(self) -> None:
        response = self.ask(errors.RouteNotFound(), 'HEAD')
        self.assertEqual(b'', response.body)
        self.assertEqual(
            self.ask(errors.RouteNotFound()).content_length,
            response.content_length,
        )
