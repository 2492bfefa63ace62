# SPDX-License-Identifier: Apache-2.0
"""Tracer of a process, by the environment variables of OpenTelemetry."""

import importlib.util
import os
from collections.abc import Mapping

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.tracing import spans
from ironic_passthru.tracing import variables as otel_variables

LOG = log.getLogger(__name__)

_PROTOCOLS = (
    'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
    'OTEL_EXPORTER_OTLP_PROTOCOL',
)
_PROTOCOL = 'http/protobuf'

# Modules of the extra.
_MODULES = ('opentelemetry.sdk', 'opentelemetry.exporter.otlp.proto.http')


def make(
    service_name: str, environ: Mapping[str, str] | None = None
) -> spans.Tracer:
    """Return the tracer of this process.

    :param service_name: default of ``OTEL_SERVICE_NAME``.
    :param environ: environment variables that select the tracer; by default
        those of the process, from which OpenTelemetry reads all others.
    :returns: a tracer that records nothing if no collector is configured, or
        the packages are missing.
    :raises: ConfigError.
    """
    variables = os.environ if environ is None else environ
    if not _wanted(variables):
        return spans.NO_TRACER
    if not all(map(_installed, _MODULES)):
        LOG.warning(
            'A collector of traces is configured, but OpenTelemetry is not '
            'installed (the extra "tracing"); nothing is traced'
        )
        return spans.NO_TRACER
    try:
        # It takes time and memory that only tracing needs, and reads some
        # variables.
        from ironic_passthru.tracing import recording

        return recording.RecordingTracer(recording.provider(service_name))
    except (ValueError, OSError, RuntimeError, StopIteration) as error:
        # OpenTelemetry names neither variable in all of its messages, and a
        # missing entry point has no message.
        raise errors.ConfigError(
            'An environment variable of OpenTelemetry (OTEL_*) is not valid: '
            f'{str(error) or "a component that it names is not installed"}'
        ) from None


def _wanted(variables: Mapping[str, str]) -> bool:
    """Return whether a collector is configured.

    :raises: ConfigError for a way to send traces that is not supported.
    """
    if variables.get('OTEL_SDK_DISABLED', '').strip().lower() == 'true':
        return False
    exporter = variables.get('OTEL_TRACES_EXPORTER', '').strip() or 'otlp'
    endpoints = map(variables.get, otel_variables.ENDPOINTS)
    if exporter == 'none' or not any(map(str.strip, filter(None, endpoints))):
        return False
    if exporter != 'otlp':
        raise errors.ConfigError(
            f'OTEL_TRACES_EXPORTER is {exporter!r} (allowed: otlp, none)'
        )
    for name in _PROTOCOLS:
        protocol = variables.get(name, '').strip()
        if protocol and protocol != _PROTOCOL:
            raise errors.ConfigError(
                f'{name} is {protocol!r} (allowed: {_PROTOCOL})'
            )
    otel_variables.check(variables)
    return True


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        # Of a package above it.
        return False
