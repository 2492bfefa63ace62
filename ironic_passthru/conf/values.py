# SPDX-License-Identifier: Apache-2.0
"""Validation of the values of options, which oslo.config reads on demand."""

import contextlib
import math
import os
import types

from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.redaction import credentials


def check(
    conf: cfg.ConfigOpts, module: types.ModuleType, *, group: str | None = None
) -> None:
    """Read every option of a module: oslo.config validates values then.

    :param group: name of the group in the files, of a driver instance; by
        default that of the module.
    :raises: ConfigError with group, option, value and what is allowed.
    """
    own = getattr(module, 'GROUP', None)
    section = conf[own.name] if own else conf
    where = group or (own.name if own else 'DEFAULT')
    for option in module.OPTS:
        try:
            value = getattr(section, option.dest)
            if isinstance(value, float) and math.isnan(value):
                # Comparisons with the bounds do not detect it.
                raise cfg.ConfigSourceValueError('Should be a number')
        except cfg.ConfigSourceValueError as error:
            raise errors.ConfigError(
                f'Option {option.name} in group [{where}]'
                f'{_written(conf, where, option)} is not valid: '
                f'{_reason(option, error)}{_allowed(option)}'
            ) from None
        except cfg.Error as error:
            raise errors.ConfigError(
                f'Option {option.name} in group [{where}] is not valid: '
                f'{credentials.describe(error)}'
            ) from None


def _written(conf: cfg.ConfigOpts, group: str, option: cfg.Opt) -> str:
    """Return a phrase with the configured value of an option."""
    if option.secret:
        return ''
    name = f'OS_{group}__{option.dest}'.upper()
    if name in os.environ:
        # The environment precedes the files.
        return f' is {os.environ[name]!r}, which'
    for path in reversed(credentials.files(conf)):
        sections: dict[str, dict[str, list[str]]] = {}
        # The file may have been removed since the start.
        with contextlib.suppress(OSError):
            cfg.ConfigParser(path, sections).parse()
        values = sections.get(group, {}).get(option.name)
        if values:
            return f' is {values[-1]!r}, which'
    return ''


def _reason(option: cfg.Opt, error: Exception) -> str:
    """Return the reason of an error without the location of the value."""
    if option.secret:
        # The reason may quote the value.
        return 'it cannot be read'
    text = credentials.describe(error)
    return text.rpartition(' is not valid: ')[2] or text


def _allowed(option: cfg.Opt) -> str:
    kind = option.type
    low, high = getattr(kind, 'min', None), getattr(kind, 'max', None)
    if low is None and high is None:
        return ''
    return f' (allowed: {low} to {high})'
