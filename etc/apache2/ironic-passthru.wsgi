# SPDX-License-Identifier: Apache-2.0
"""The WSGI script for mod_wsgi."""

from ironic_passthru.wsgi import application  # noqa: F401
