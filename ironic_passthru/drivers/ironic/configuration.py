# SPDX-License-Identifier: Apache-2.0
"""The version of Ironic and its configuration."""

import contextlib
from importlib import metadata

from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.redaction import credentials

#: Major versions of Ironic that the tests run with.
SUPPORTED = (38, 39)

_OPTION = 'Option enabled_ironic_hardware_types in group [conductor]'


def load(conf: cfg.ConfigOpts) -> None:
    """Read Ironic's configuration into the global ``cfg.CONF``.

    :param conf: configuration of the service; another object.
    :raises: ConfigError if Ironic is missing, if its version is not
        supported, or if its configuration is invalid.
    """
    version = _version()
    if conf is cfg.CONF:
        raise errors.ConfigError(
            f'{_OPTION} needs a ConfigOpts object other than cfg.CONF, which '
            'Ironic uses'
        )
    try:
        # Registers options of all groups, which modules of drivers read
        # while they are imported.
        from ironic.conf import CONF
    except Exception as error:
        # Some releases of its requirements do not fit.
        raise errors.ConfigError(
            f'{_OPTION}: Ironic {version} cannot be imported '
            f'({type(error).__name__}: {error}); install its requirements '
            'as its upper constraints demand'
        ) from error

    # At a second start in one process they are registered.
    with contextlib.suppress(cfg.ArgsAlreadyParsedError):
        log.register_options(CONF)
    files = conf.conductor.ironic_config_files
    try:
        CONF([], project='ironic', default_config_files=files or None)
    except cfg.Error as error:
        raise errors.ConfigError(
            f'Configuration of Ironic: {credentials.describe(error)}'
        ) from None


def _version() -> str:
    """Return the version of Ironic.

    :raises: ConfigError if it is not supported.
    """
    supported = ' or '.join(map(str, SUPPORTED))
    try:
        version = metadata.version('ironic')
    except metadata.PackageNotFoundError:
        raise errors.ConfigError(
            f'{_OPTION} requires the Python package ironic, version '
            f'{supported}, which is not installed'
        ) from None
    if version.partition('.')[0] not in map(str, SUPPORTED):
        raise errors.ConfigError(
            f'{_OPTION} requires Ironic {supported}; Ironic {version} is '
            'installed'
        )
    return version
