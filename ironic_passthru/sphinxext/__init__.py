# SPDX-License-Identifier: Apache-2.0
"""Sphinx extension: generate the reference of a driver from its code.

It requires Sphinx 8.1 or later, which this package does not install.
"""

import typing
from typing import Any

if typing.TYPE_CHECKING:
    from sphinx import application


def setup(app: 'application.Sphinx') -> dict[str, Any]:
    """Add the directives and the role to Sphinx."""
    # Some modules of this package are used without Sphinx.
    from docutils import nodes

    from ironic_passthru.sphinxext import drivers
    from ironic_passthru.sphinxext import methods

    app.add_object_type(
        methods.OBJECT,
        methods.OBJECT,
        ref_nodeclass=nodes.literal,
        objname='driver method',
    )
    app.add_directive('driver-methods', drivers.DriverMethods)
    app.add_directive('driver-properties', drivers.DriverProperties)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
