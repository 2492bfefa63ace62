# SPDX-License-Identifier: Apache-2.0
"""Checks of environment variables of OpenTelemetry.

With these errors its libraries would start, log tracebacks, and send nothing.
"""

import itertools
from collections.abc import Mapping
from urllib import parse

from ironic_passthru import errors

_PREFIXES = ('OTEL_EXPORTER_OTLP_TRACES_', 'OTEL_EXPORTER_OTLP_')

ENDPOINTS = tuple(f'{prefix}ENDPOINT' for prefix in _PREFIXES)

_FILES = tuple(
    prefix + name
    for prefix, name in itertools.product(
        _PREFIXES, ('CERTIFICATE', 'CLIENT_KEY', 'CLIENT_CERTIFICATE')
    )
)
_TIMEOUTS = tuple(f'{prefix}TIMEOUT' for prefix in _PREFIXES)

# Maximum values of integers of at least 1; times are in milliseconds.
_DAY = 86_400_000
_INTEGERS = {
    'OTEL_BSP_SCHEDULE_DELAY': _DAY,
    'OTEL_BSP_EXPORT_TIMEOUT': _DAY,
    'OTEL_BSP_MAX_QUEUE_SIZE': 1_000_000,
    'OTEL_BSP_MAX_EXPORT_BATCH_SIZE': 1_000_000,
}
_MAX_TIMEOUT_SECONDS = 3600.0


def check(variables: Mapping[str, str]) -> None:
    """Check variables for exports.

    :raises: ConfigError, without the value of a URL, which may contain a
        password.
    """
    found = {
        name: value.strip()
        for name, value in variables.items()
        if value.strip()
    }
    for name in found.keys() & ENDPOINTS:
        if not _is_url(found[name]):
            raise errors.ConfigError(
                f'{name} is not a valid URL: its form must be '
                'http://host:port or https://host:port'
            )
    for name in found.keys() & _FILES:
        try:
            with open(found[name], 'rb'):
                pass
        except (OSError, ValueError) as error:
            reason = getattr(error, 'strerror', None) or 'invalid path'
            raise errors.ConfigError(
                f'{name} is {found[name]!r}: {reason}'
            ) from None
    for name in found.keys() & _TIMEOUTS:
        if not 0 < _number(found[name]) <= _MAX_TIMEOUT_SECONDS:
            raise errors.ConfigError(
                f'{name} is {found[name]!r} (allowed: a number of seconds '
                f'above 0, at most {_MAX_TIMEOUT_SECONDS:.0f})'
            )
    for name in found.keys() & _INTEGERS:
        text = found[name]
        if not text.isdecimal() or not 1 <= int(text) <= _INTEGERS[name]:
            raise errors.ConfigError(
                f'{name} is {text!r} (allowed: an integer from 1 to '
                f'{_INTEGERS[name]})'
            )


def _is_url(text: str) -> bool:
    try:
        url = parse.urlsplit(text)
        return (
            url.scheme in ('http', 'https')
            and bool(url.hostname)
            and url.port != 0
            and text.isascii()
            and text.isprintable()
        )
    except ValueError:
        return False


def _number(text: str) -> float:
    """Return a number; NaN, which no limits contain, for other text."""
    try:
        return float(text)
    except ValueError:
        return float('nan')
