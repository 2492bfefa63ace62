# SPDX-License-Identifier: Apache-2.0
"""Extension of Sphinx: pages of drivers and commands from what they say.

Name it in ``extensions`` of the ``conf.py`` of your pages. It needs Sphinx
8.1 or later, which this package does not install.
"""

from typing import Any

from docutils import nodes
from sphinx import application

from ironic_passthru.sphinxext import commands
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
    app.add_directive('command-reference', commands.Command)
    app.add_directive('driver-methods', drivers.DriverMethods)
    app.add_directive('driver-properties', drivers.DriverProperties)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
