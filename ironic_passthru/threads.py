# SPDX-License-Identifier: Apache-2.0
"""The choice of native threads, made before anything else of oslo."""

from oslo_service import backend


def init() -> None:
    """Make oslo use native threads; further calls change nothing.

    Libraries of oslo load eventlet unless this is done before they are
    imported.
    """
    backend.init_backend(backend.BackendType.THREADING)
