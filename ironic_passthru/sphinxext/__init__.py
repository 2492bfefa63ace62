# SPDX-License-Identifier: Apache-2.0
"""Sphinx extension: generate the reference of a driver from its code.

It requires Sphinx 8.1 or later, which this package does not install.
"""

from typing import Any

from docutils import nodes
from sphinx import application

from ironic_passthru.sphinxext import drivers
from ironic_passthru.sphinxext import methods


def setup(app: application.Sphinx) -> dict[str, Any]:
    """Add the directives and the role to Sphinx."""
    app.add_object_type(
        methods.OBJECT,
        methods.OBJECT,
        ref_nodeclass=nodes.literal,
        objname='driver method',
    )
    app.add_directive('driver-methods', drivers.DriverMethods)
    app.add_directive('driver-properties', drivers.DriverProperties)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
