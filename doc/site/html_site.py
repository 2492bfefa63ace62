# SPDX-License-Identifier: Apache-2.0
"""Sphinx extension: theme of the site, and links between its three parts.

The pages are built into one directory, the API reference into ``api-ref``
below it, and the release notes into ``release-notes``.
"""

import pathlib
import typing
from typing import Any

from docutils import nodes
from sphinx.util import docutils

if typing.TYPE_CHECKING:
    from sphinx import application
    from sphinx import config

_HERE = pathlib.Path(__file__).parent

_SIDEBARS = (
    'sidebar/brand.html',
    'sidebar/search.html',
    'sidebar/scroll-start.html',
    'sidebar/parts.html',
    'sidebar/navigation.html',
    'sidebar/scroll-end.html',
)


class ApiReference(docutils.ReferenceRole):
    """Role ``api-ref``: ``title <anchor>`` in the API reference.

    A title without an anchor is a link to the start of the reference.
    """

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return a link relative to the page."""
        up = '../' * self.env.docname.count('/')
        anchor = f'#{self.target}' if self.has_explicit_title else ''
        link = nodes.reference(
            self.rawtext,
            self.title,
            internal=False,
            refuri=f'{up}api-ref/index.html{anchor}',
        )
        return [link], []


def _set_theme(_: 'application.Sphinx', config: 'config.Config') -> None:
    config.html_theme = 'furo'
    config.html_title = config.project
    config.html_show_sourcelink = False
    config.html_copy_source = False
    config.html_sidebars = {'**': list(_SIDEBARS)}
    config.html_static_path = [str(_HERE / 'static')]
    config.html_css_files = ['site.css']
    config.templates_path = [str(_HERE / 'templates')]
    config.html_context = {'site_root': config.site_root}
    config.copyright = (
        'ironic_passthru contributors. License: Apache-2.0. '
        'Not an official OpenStack project.'
    )
    # Only the built site contains the other parts.
    config.linkcheck_ignore = [
        *config.linkcheck_ignore,
        r'(\.\./)*api-ref/index\.html',
    ]


def setup(app: 'application.Sphinx') -> dict[str, Any]:
    """Add the theme and the role to Sphinx."""
    app.add_config_value('site_root', '', 'html', (str,))
    app.connect('config-inited', _set_theme)
    app.add_role('api-ref', ApiReference())
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
