# SPDX-License-Identifier: Apache-2.0
"""A fixture that builds pages with Sphinx."""

import io
import pathlib

import fixtures
from docutils import nodes
from sphinx import application
from sphinx.util import docutils


class Build(fixtures.Fixture):
    """A directory of pages that Sphinx has built.

    :param pages: texts of pages by name, ``index`` included.
    :param builder: name of the builder, such as ``html``.
    :param options: options of ``conf.py``.

    ``warnings`` contains all warnings of Sphinx.
    """

    def __init__(
        self,
        pages: dict[str, str],
        *,
        builder: str = 'text',
        **options: object,
    ) -> None:
        super().__init__()
        self._pages = pages
        self._builder = builder
        self._options = {
            'extensions': ['ironic_passthru.sphinxext'],
            'nitpicky': True,
            # The pages have no table of contents.
            'suppress_warnings': ['toc.not_included'],
            'html_theme': 'basic',
            **options,
        }
        self.warnings = ''

    def _setUp(self) -> None:
        self.source = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.output = self.source / '_build'
        for name, text in self._pages.items():
            page = self.source / f'{name}.rst'
            page.parent.mkdir(exist_ok=True)
            page.write_text(text)
        warnings = io.StringIO()
        # Directives are registered for this build only.
        with docutils.patch_docutils(), docutils.docutils_namespace():
            self._app = application.Sphinx(
                self.source,
                None,
                self.output,
                self.output / 'doctrees',
                self._builder,
                confoverrides=self._options,
                status=None,
                warning=warnings,
                freshenv=True,
            )
            self._app.build()
        self.warnings = warnings.getvalue()

    def read(self, name: str) -> str:
        """Return a file of the output."""
        return (self.output / name).read_text()

    def tree(self, name: str = 'index') -> nodes.document:
        """Return the nodes of a page."""
        return self._app.env.get_doctree(name)

    def dependencies(self) -> list[set[str]]:
        """Return the files that each page depends on."""
        source = self.source
        return [
            {str((source / name).resolve()) for name in files}
            for files in self._app.env.dependencies.values()
        ]
