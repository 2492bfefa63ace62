# SPDX-License-Identifier: Apache-2.0
"""Conformance tests, fixtures and simulated hardware for tests of drivers."""

import warnings

from ironic_passthru import threads

# As the commands do: oslo.messaging would import eventlet.
threads.init()

with warnings.catch_warnings():
    # It imports a deprecated module of oslo.utils, which would be an error
    # with -W error.
    warnings.simplefilter('ignore', DeprecationWarning)
    import oslo_messaging  # noqa: F401
