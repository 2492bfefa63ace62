# SPDX-License-Identifier: Apache-2.0
"""Wrong environment variables of OpenTelemetry."""

import fixtures

from ironic_passthru import errors
from ironic_passthru.tests import base
from ironic_passthru.tracing import configuration
from ironic_passthru.tracing import spans
from ironic_passthru.tracing import variables

_ENDPOINT = {'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1:1'}


class TestVariables(base.TestCase):
    def message(self, name: str, value: str) -> str:
        """Return the message of the error of one variable."""
        error = self.assertRaises(
            errors.ConfigError,
            variables.check,
            _ENDPOINT | {name: value},
        )
        self.assertIn(name, str(error))
        return str(error)

    def test_urls(self) -> None:
        for name in variables.ENDPOINTS:
            for value in (
                *('collector', 'localhost:4318', 'grpc://hunter2:4317'),
                *('http://', 'http://[::1', 'http://u:hunter2@host:99999'),
                *('http://host\n:1', 'ftp://u:hunter2@host'),
            ):
                message = self.message(name, value)
                self.assertIn('http://host:port', message)
                self.assertNotIn('hunter2', message)
            variables.check({name: ' https://[::1]:4318/v1/traces '})

    def test_a_blank_url_is_unset(self) -> None:
        made = configuration.make('x', {'OTEL_EXPORTER_OTLP_ENDPOINT': ' '})
        self.assertIs(spans.NO_TRACER, made)

    def test_files(self) -> None:
        name = 'OTEL_EXPORTER_OTLP_CERTIFICATE'
        self.assertIn(
            'No such file or directory', self.message(name, '/missing.pem')
        )
        self.assertIn('invalid path', self.message(name, 'a\0b'))

    def test_numbers(self) -> None:
        for value in ('nan', '-1', '0', '1e300', '10s', 'inf'):
            self.message('OTEL_EXPORTER_OTLP_TIMEOUT', value)
        variables.check({'OTEL_EXPORTER_OTLP_TIMEOUT': '0.5'})
        for value in ('1e18', '-5', '0', '1.0', 'x', '99999999999999999'):
            self.message('OTEL_BSP_SCHEDULE_DELAY', value)

    def test_a_component_that_is_not_installed(self) -> None:
        name = 'OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER'
        self.useFixture(fixtures.EnvironmentVariable(name, 'missing'))
        error = self.assertRaises(
            errors.ConfigError, configuration.make, 'x', _ENDPOINT
        )
        self.assertIn('OTEL_', str(error))
