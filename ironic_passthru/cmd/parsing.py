# SPDX-License-Identifier: Apache-2.0
"""Errors of oslo.config that it only logs, or raises without a reason."""

import contextlib
import logging
from collections.abc import Iterator

from ironic_passthru import errors
from ironic_passthru.redaction import log_filter

_LOGGER = 'oslo_config.cfg'
_NOT_LOADED = 'could not load configuration from %r'
_TEMPLATE = '-completion.template'


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Make ``conf()`` fail if it cannot do what its options demand.

    oslo.config logs a source of ``config_source`` that cannot be read and
    goes on without it, which leaves every option of that source at its
    default. Some of its releases come without the templates of
    ``--shell_completion`` (seen in the wheel of 10.7.0).

    :raises: ConfigError.
    """
    logger = logging.getLogger(_LOGGER)
    handler = _Refusal(logging.ERROR)
    logger.addHandler(handler)
    try:
        yield
    except FileNotFoundError as error:
        if not str(error.filename).endswith(_TEMPLATE):
            raise
        raise errors.ConfigError(
            'Option --shell_completion is not available: oslo.config is '
            f'installed without the template {error.filename}'
        ) from None
    finally:
        logger.removeHandler(handler)


class _Refusal(logging.Handler):
    """Raises an error for a source that cannot be read."""

    def handle(self, record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith(_NOT_LOADED):
            return True
        text = ' '.join(log_filter.masked(record.getMessage()).split())
        raise errors.ConfigError(
            f'Option config_source in group [DEFAULT]: {text}'
        )
