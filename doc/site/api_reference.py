# SPDX-License-Identifier: Apache-2.0
"""Sphinx extension: directives of os-api-ref, without its theme and scripts.

os-api-ref hides every route until its button is clicked, which requires the
scripts of openstackdocstheme. Here routes are always visible.
"""

import re
import typing
from typing import Any

import os_api_ref
from docutils import nodes
from os_api_ref import http_codes
from sphinx.util import docutils

if typing.TYPE_CHECKING:
    from sphinx import application

# A vendor method accepts some of these.
_VENDOR_VERBS = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')


class RestMethod(docutils.SphinxDirective):
    """Show HTTP method and path of a route."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Return one line."""
        http_method, path = self.arguments
        # ``rest_parameters`` requires a description of each.
        params = re.findall(r'{\w+}', path)
        self.env.path_params = params  # type: ignore[attr-defined]
        line = nodes.paragraph(classes=['route'])
        verbs = _VENDOR_VERBS if http_method == 'METHOD' else (http_method,)
        for verb in verbs:
            line += nodes.inline('', verb, classes=['verb', verb.lower()])
            line += nodes.Text(' ')
        line += nodes.literal('', path)
        return [line]


def setup(app: 'application.Sphinx') -> dict[str, Any]:
    """Add the directives to Sphinx."""
    app.add_node(
        http_codes.http_code,
        html=(http_codes.http_code_html, None),
        text=(http_codes.http_code_text, None),
    )
    app.add_directive('rest_method', RestMethod)
    app.add_directive('rest_parameters', os_api_ref.RestParametersDirective)
    app.add_directive('rest_status_code', http_codes.HTTPResponseCodeDirective)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
