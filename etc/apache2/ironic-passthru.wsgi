# SPDX-License-Identifier: Apache-2.0
"""What mod_wsgi loads; the application itself is in the package."""

from ironic_passthru.wsgi import application  # noqa: F401
