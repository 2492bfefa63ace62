# SPDX-License-Identifier: Apache-2.0
"""Names of Ironic's modules, for vendor interfaces that are moved here.

:mod:`ironic_passthru.compat.base` replaces ``ironic.drivers.base``, and
:mod:`ironic_passthru.compat.exception` replaces ``ironic.common.exception``.
"""

from ironic_passthru.compat import base
from ironic_passthru.compat import exception

__all__ = ['_LC', '_LE', '_LI', '_LW', '_', 'base', 'exception']


def _(text: str) -> str:
    """Return a text as it is: texts are not translated."""
    return text


_LC = _LE = _LI = _LW = _
