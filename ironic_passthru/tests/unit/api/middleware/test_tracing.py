# SPDX-License-Identifier: Apache-2.0
"""Spans of requests."""

import webob

from ironic_passthru.api.middleware import default_version
from ironic_passthru.api.middleware import tracing
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.tracing import recorded
from ironic_passthru.tracing import spans


class TestTracing(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.recorder = recorded.Recorder()

    def send(self, path: str, method: str = 'GET', status: int = 200) -> str:
        """Send a request; return the trace id that the application sees."""

        def application(environ, start_response):
            response = webob.Response(spans.current().trace_id, status)
            return response(environ, start_response)

        layer = tracing.Tracing(self.recorder.tracer, application)
        request = webob.Request.blank(path, method=method)
        response = request.get_response(default_version.DefaultVersion(layer))
        self.assertEqual(status, response.status_code)
        return response.text

    def test_a_span_has_the_name_of_the_route(self) -> None:
        seen = self.send(
            '/drivers/alpha/vendor_passthru/power?target=beta', 'PUT'
        )
        name = 'PUT /v1/drivers/{driver}/vendor_passthru/{method}'
        (span,) = self.recorder.spans.values()
        self.assertEqual(name, span.name)
        self.assertEqual(seen, f'{span.context.trace_id:032x}')
        self.assertEqual(
            {
                'http.request.method': 'PUT',
                'http.route': name.removeprefix('PUT '),
                'http.response.status_code': 200,
            },
            dict(span.attributes),
        )

    def test_made_up_paths_and_methods(self) -> None:
        self.send('/no/such/path', status=404)
        self.send('/v1/drivers', 'MADEUP', status=405)
        self.assertEqual(
            {'GET', '_OTHER /v1/drivers'}, set(self.recorder.spans)
        )
        self.assertNotIn('such', self.recorder.text())
        self.assertNotIn('MADEUP', self.recorder.text())

    def test_only_errors_of_the_server_fail(self) -> None:
        self.send('/v1/drivers', status=404)
        self.send('/v1/conductors', status=503)
        self.assertEqual(
            {'GET /v1/drivers': None, 'GET /v1/conductors': '503'},
            {
                name: span.attributes.get('error.type')
                for name, span in self.recorder.spans.items()
            },
        )

    def test_the_short_health_check_has_none(self) -> None:
        self.assertEqual('', self.send('/healthcheck'))
        self.assertEqual({}, self.recorder.spans)
