# SPDX-License-Identifier: Apache-2.0
"""Directives that show a driver: its methods and properties."""

import inspect
from collections.abc import Mapping
from importlib import metadata
from typing import Any
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import docutils
from sphinx.util import logging

from ironic_passthru import errors
from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import loader
from ironic_passthru.sphinxext import attributes
from ironic_passthru.sphinxext import docstrings
from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import markup
from ironic_passthru.sphinxext import methods

LOG = logging.getLogger(__name__)


def load(place: str, name: str) -> loader.Driver:
    """Load a driver as a conductor does, without starting it.

    :param place: an entry point, or a class as ``module:Class``.
    :param name: name of the driver on the page.
    :raises: DriverLoadError.
    """
    if ':' not in place:
        return loader.make(name, entry_points.instance(place))
    entry = metadata.EntryPoint(name, place, entry_points.NAMESPACE)
    with entry_points.reported(place, ''):
        interface = entry.load()()
    return loader.make(name, interface)


def _source(kind: type) -> str | None:
    """Return the file of a class, if it has one."""
    try:
        return inspect.getsourcefile(kind)
    except (OSError, TypeError):
        # The class is built in or made dynamically.
        return None


class _Driver(docutils.SphinxDirective):
    """Base of the directives: load the driver, report its errors."""

    required_arguments = 1
    option_spec: ClassVar[Any] = {'as': directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the nodes, or an empty list after a warning."""
        place = self.arguments[0]
        try:
            driver = load(place, self.options.get('as', place))
        except errors.DriverLoadError as error:
            self.warn(error.message)
            return []
        for kind in type(driver.interface).__mro__:
            file = _source(kind)
            if file is not None:
                self.env.note_dependency(file)
        return self.show(driver)

    def show(self, driver: loader.Driver) -> list[nodes.Node]:
        """Return the nodes of a driver."""
        raise NotImplementedError

    def warn(self, text: str) -> None:
        """Log a warning with the location of the directive."""
        LOG.warning('%s: %s', self.name, text, location=self.get_location())


class DriverProperties(_Driver):
    """``driver-properties``: a table of the properties of a driver."""

    def show(self, driver: loader.Driver) -> list[nodes.Node]:
        """Return the table."""
        return [_properties(driver.spec.properties)]


class DriverMethods(_Driver):
    """``driver-methods``: a driver with its properties and methods."""

    option_spec: ClassVar[Any] = {
        **_Driver.option_spec,
        'methods': directives.unchanged_required,
        'no-properties': directives.flag,
    }

    def show(self, driver: loader.Driver) -> list[nodes.Node]:
        """Return the whole driver, or the methods that an option names."""
        if 'methods' in self.options:
            return self._selected(driver, self.options['methods'].split())
        kind = type(driver.interface)
        docstring = docstrings.read(
            self, kind.__doc__, source=f'docstring of {kind.__qualname__}'
        )
        shown = docstring.body
        properties = driver.spec.properties
        if properties and 'no-properties' not in self.options:
            shown.append(nodes.rubric('', 'Properties'))
            shown.append(_properties(properties))
        if driver.methods:
            described = [
                methods.describe(self, driver, name)
                for name in attributes.in_order(driver)
            ]
            shown.append(nodes.rubric('', 'Methods'))
            shown.append(methods.summary(driver, described))
            shown += described
        return shown

    def _selected(
        self, driver: loader.Driver, names: list[str]
    ) -> list[nodes.Node]:
        unknown = [name for name in names if name not in driver.methods]
        if unknown:
            known = ', '.join(sorted(driver.methods))
            self.warn(
                f'driver {driver.name} has no method {", ".join(unknown)} '
                f'(available: {known})'
            )
        return [
            methods.describe(self, driver, name)
            for name in names
            if name in driver.methods
        ]


def _properties(properties: Mapping[str, str]) -> nodes.table:
    rows = [
        (
            [inline.paragraph(markup.literal(name))],
            inline.plain_paragraphs(text),
        )
        for name, text in properties.items()
    ]
    return inline.table(('Property', 'Description'), rows, widths=(25, 75))
