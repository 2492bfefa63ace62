# SPDX-License-Identifier: Apache-2.0
"""``docs``: the reference page of a driver, as Markdown or reStructuredText.

The driver is loaded, but not started.
"""

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from ironic_passthru import spec
from ironic_passthru.driver_kit import docstrings
from ironic_passthru.driver_kit import page_formats
from ironic_passthru.drivers import enabled
from ironic_passthru.drivers import loader
from ironic_passthru.sphinxext import attributes
from ironic_passthru.sphinxext import markup
from ironic_passthru.sphinxext import parameters

_RESULT = 'result'


def run(name: str, form: str) -> str:
    """Return the page of a driver.

    :param name: name of its entry point, or ``NAME:ENTRY_POINT``.
    :param form: a key of ``page_formats.FORMATS``.
    :raises: ConfigError, DriverLoadError.
    """
    found = enabled.parse_one(name)
    driver = loader.make(found.name, found.make())
    return '\n\n'.join(_parts(driver, page_formats.FORMATS[form])) + '\n'


def _parts(driver: loader.Driver, form: page_formats.Format) -> Iterator[str]:
    yield form.heading(f'Driver {markup.literal(driver.name)}', 1)
    documented = docstrings.read(type(driver.interface).__doc__)
    yield from _body(documented.body, form)
    if driver.spec.properties:
        yield form.heading('Properties', 2)
        yield form.table(
            ('Property', 'Description'),
            [
                (markup.literal(name), _plain(text))
                for name, text in driver.spec.properties.items()
            ],
        )
    yield form.heading('Methods', 2)
    for name in attributes.in_order(driver):
        yield from _method(driver, name, form)


def _method(
    driver: loader.Driver, name: str, form: page_formats.Format
) -> Iterator[str]:
    method = driver.methods[name].spec
    documented = docstrings.read(method.long_description)
    yield form.heading(
        f'{", ".join(method.http_methods)} {markup.literal(name)}', 3
    )
    yield from map(form.text, markup.paragraphs(method.description))
    yield from _body(documented.body, form)
    result = _result(method)
    found = {
        'Kind': f'{attributes.kind(method)}.',
        **attributes.of_method(driver.name, method),
    }
    if result:
        found.setdefault('Result', f'{result[0].type}.')
    found |= {
        _plain(label): _plain(text)
        for label, text in documented.others.items()
    }
    yield form.items(f'{label}: {text}' for label, text in found.items())
    rows = parameters.Parameters(
        method,
        {
            key: markup.paragraphs(text)
            for key, text in documented.parameters.items()
        },
    ).rows()
    yield _table(rows, form) if rows else form.text('No parameters.')
    if result[1:]:
        yield form.table(
            ('Field', 'Type', 'Description'),
            [(row.name, row.type, _joined(row)) for row in result[1:]],
        )


def _table(rows: Sequence[parameters.Row], form: page_formats.Format) -> str:
    return form.table(
        ('Parameter', 'Type', 'Default', 'Description'),
        [
            (
                row.name,
                row.type,
                'required' if row.required else row.default or 'optional',
                _joined(row),
            )
            for row in rows
        ],
    )


def _result(method: spec.MethodSpec) -> list[parameters.Row]:
    """Return the result and its fields, if their types are declared."""
    if method.attach or not method.result:
        return []
    declared = dict(method.result)
    definitions = declared.pop('$defs', {})
    schema = {
        'type': 'object',
        'properties': {_RESULT: declared},
        'additionalProperties': False,
        '$defs': definitions,
    }
    described = dataclasses.replace(method, schema=schema)
    return parameters.Parameters(described).rows()


def _plain(text: str) -> str:
    """Return plain text in one line, its double backquotes as literals."""
    return ' '.join(markup.paragraphs(text))


def _joined(row: parameters.Row) -> str:
    return ' '.join(map(str, row.description))


def _body(
    body: Iterable[docstrings.Paragraph], form: page_formats.Format
) -> Iterator[str]:
    """Yield the paragraphs of a docstring without its markup."""
    for paragraph in body:
        if paragraph.is_literal:
            yield form.example(paragraph.text)
        else:
            yield form.text(_plain(paragraph.text))
