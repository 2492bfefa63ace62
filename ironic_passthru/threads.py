# SPDX-License-Identifier: Apache-2.0
"""The choice of native threads, made before anything else of oslo."""

import sys

from oslo_service import backend


def init() -> None:
    """Make oslo use native threads; further calls change nothing.

    Libraries of oslo load eventlet unless this is done before they are
    imported.  Some probe for it merely to learn whether it is in use; a
    process that never runs it need not pay 20 MiB and a warning for that,
    so the probe finds nothing.
    """
    sys.modules.setdefault('eventlet', None)  # type: ignore[arg-type]
    backend.init_backend(backend.BackendType.THREADING)
