# SPDX-License-Identifier: Apache-2.0
"""Stricter handling of errors in oslo.config."""

import contextlib
import logging
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg
from pbr import version

from ironic_passthru import errors
from ironic_passthru.redaction import log_filter
from ironic_passthru.secret_store import options as secret_options
from ironic_passthru.secret_store import store

PROJECT = 'ironic_passthru'

_LOGGER = 'oslo_config.cfg'
_NOT_LOADED = 'could not load configuration from %r'
# Prefixes of loggers.
_LIBRARIES = ('barbicanclient', 'castellan', 'keystoneauth', 'stevedore')
_TEMPLATE = '-completion.template'


def configuration(
    register: Callable[[cfg.ConfigOpts], None],
    arguments: Sequence[str],
    **options: Any,
) -> cfg.ConfigOpts:
    """Return the configuration of a command that loads drivers.

    The global one is a second object, for libraries of vendors: they may read
    it again with other arguments. It reads the same files, unless interfaces
    of Ironic are enabled: Ironic registers options of the same names on it.

    :param register: registers the options.
    :param options: further arguments of ``conf()``.
    :raises: ConfigError, cfg.Error.
    """
    own = cfg.ConfigOpts()
    register(own)
    parse(own, arguments, **options)
    try:
        if own.conductor.enabled_ironic_hardware_types:
            return own
    except cfg.ConfigSourceValueError:
        # The caller reports invalid values.
        return own
    register(cfg.CONF)
    with _strict():
        _call(cfg.CONF, arguments, options)
        secret_options.share(own, cfg.CONF)
    return own


def parse(
    conf: cfg.ConfigOpts, arguments: Sequence[str], **options: Any
) -> None:
    """Read configuration files, command line and secrets of key managers.

    :param options: further arguments of ``conf()``.
    :raises: ConfigError, cfg.Error.
    """
    with _strict():
        _call(conf, arguments, options)
        secret_options.load(conf)


def _call(
    conf: cfg.ConfigOpts, arguments: Sequence[str], options: dict[str, Any]
) -> None:
    release = version.VersionInfo('ironic-passthru').version_string()
    conf(arguments, project=PROJECT, version=release, **options)


@contextlib.contextmanager
def _strict() -> Iterator[None]:
    """Raise errors of ``conf()`` that oslo.config only logs.

    oslo.config logs a ``config_source`` that cannot be read and continues
    with the defaults of its options. Some wheels lack the templates of
    ``--shell_completion`` (10.7.0).

    Records of libraries of key managers are omitted: they log the errors that
    they raise, and the log is not set up.

    :raises: ConfigError.
    """
    logger = logging.getLogger(_LOGGER)
    handler = _RaisingHandler(logging.ERROR)
    logger.addHandler(handler)
    # The handler of last resort is used if there is no other.
    logging.getLogger().addHandler(silent := logging.NullHandler())
    shown = tuple(logging.getLogger().handlers)
    for each in shown:
        each.addFilter(_is_shown)
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
        for each in shown:
            each.removeFilter(_is_shown)
        logging.getLogger().removeHandler(silent)


def _is_shown(record: logging.LogRecord) -> bool:
    return not record.name.startswith(_LIBRARIES)


class _RaisingHandler(logging.Handler):
    """Raise the error of a source that cannot be read."""

    def handle(self, record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith(_NOT_LOADED):
            return True
        record.args = tuple(
            # It may quote a line with a credential.
            store.describe(part) if isinstance(part, Exception) else part
            for part in record.args or ()
        )
        text = ' '.join(log_filter.redact(record.getMessage()).split())
        if f"'{secret_options.DRIVER}'" in text:
            text = f'{text}; to install castellan, run: {store.EXTRA}'
        raise errors.ConfigError(
            f'Option config_source in group [DEFAULT]: {text}'
        )
