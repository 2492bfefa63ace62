# SPDX-License-Identifier: Apache-2.0
"""Tracers by the environment variables of OpenTelemetry."""

from unittest import mock

import fixtures

from ironic_passthru import errors
from ironic_passthru.tests import base
from ironic_passthru.tracing import configuration
from ironic_passthru.tracing import spans

_ENDPOINT = {'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1:1'}


class TestConfiguration(base.TestCase):
    def test_off(self) -> None:
        for environ in (
            {},
            {'OTEL_EXPORTER_OTLP_ENDPOINT': ''},
            {'OTEL_TRACES_EXPORTER': 'console'},
            _ENDPOINT | {'OTEL_TRACES_EXPORTER': 'none'},
            _ENDPOINT | {'OTEL_SDK_DISABLED': 'True'},
        ):
            made = configuration.make('x', environ)
            self.assertIs(spans.NO_TRACER, made, environ)

    def test_what_is_not_supported(self) -> None:
        for name, value in (
            ('OTEL_TRACES_EXPORTER', 'zipkin'),
            ('OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'),
            ('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'http/json'),
        ):
            error = self.assertRaises(
                errors.ConfigError,
                configuration.make,
                'x',
                _ENDPOINT | {name: value},
            )
            self.assertIn(f"{name} is '{value}' (allowed: ", str(error))

    def test_invalid_values_prevent_the_start(self) -> None:
        with fixtures.EnvironmentVariable('OTEL_BSP_SCHEDULE_DELAY', '-1'):
            error = self.assertRaises(
                errors.ConfigError, configuration.make, 'x', _ENDPOINT
            )
        self.assertIn('schedule_delay_millis must be positive', str(error))

    def test_packages_that_are_not_installed(self) -> None:
        log = self.useFixture(fixtures.FakeLogger('ironic_passthru'))
        with mock.patch.object(
            configuration, '_MODULES', ('opentelemetry.missing.module',)
        ):
            made = configuration.make('x', _ENDPOINT)
        self.assertIs(spans.NO_TRACER, made)
        self.assertIn('nothing is traced', log.output)
