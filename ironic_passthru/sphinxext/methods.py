# SPDX-License-Identifier: Apache-2.0
"""One method of a driver as nodes: calls, limits and parameters."""

from collections.abc import Mapping

from docutils import nodes
from sphinx import addnodes
from sphinx.util import docutils
from sphinx.util import nodes as sphinx_nodes

from ironic_passthru import spec
from ironic_passthru.drivers import loader
from ironic_passthru.sphinxext import attributes
from ironic_passthru.sphinxext import docstrings
from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import parameters

#: Type of the objects that pages can link to, and the role of these links.
OBJECT = 'driver-method'


def describe(
    directive: docutils.SphinxDirective, driver: loader.Driver, name: str
) -> addnodes.desc:
    """Return the description of one method.

    :param directive: the directive that shows it.
    """
    method = driver.methods[name]
    described = method.spec
    text = method.function.__doc__ or ''
    docstring = docstrings.read(
        directive, text, source=f'docstring of {driver.name}.{name}'
    )
    content = addnodes.desc_content()
    if described.description != text.strip().partition('\n')[0]:
        content += inline.plain_paragraphs(described.description)
    content += docstring.body
    content += _attributes(driver.name, described)
    content += _parameters(described, docstring.parameters)
    return addnodes.desc(
        '',
        _signature(directive, f'{driver.name}.{name}', described),
        content,
        domain='std',
        objtype=OBJECT,
        classes=['std', OBJECT],
    )


def _signature(
    directive: docutils.SphinxDirective, name: str, method: spec.MethodSpec
) -> addnodes.desc_signature:
    """Return the heading of a method, which pages can link to.

    :param name: ``driver.method``.
    """
    env, document = directive.env, directive.state.document
    http_methods = f'{" ".join(method.http_methods)} '
    signature = addnodes.desc_signature(
        '',
        '',
        addnodes.desc_annotation(http_methods, http_methods),
        addnodes.desc_name(method.name, method.name),
        # Entries of the table of contents.
        _toc_name=method.name,
        _toc_parts=(method.name,),
    )
    label = sphinx_nodes.make_id(env, document, '', name)
    signature['ids'].append(label)
    document.note_explicit_target(signature)
    env.domains.standard_domain.note_object(
        OBJECT, name, label, location=signature
    )
    return signature


def summary(
    driver: loader.Driver, described: list[addnodes.desc]
) -> nodes.table:
    """Return a table of methods with links to their descriptions."""
    rows = []
    for description in described:
        signature = description[0]
        name = signature['_toc_name']
        method = driver.methods[name].spec
        link = nodes.reference(
            '',
            '',
            nodes.literal(name, name),
            internal=True,
            refid=signature['ids'][0],
        )
        rows.append(
            (
                [nodes.paragraph('', '', link)],
                [inline.paragraph(', '.join(method.http_methods))],
                [inline.paragraph(attributes.kind(method))],
                inline.plain_paragraphs(method.description),
            )
        )
    return inline.table(
        ('Method', 'HTTP methods', 'Kind', 'Description'),
        rows,
        widths=(22, 14, 18, 46),
    )


def _attributes(driver: str, method: spec.MethodSpec) -> nodes.field_list:
    """Return the attributes of a method besides its parameters."""
    fields = [
        nodes.field(
            '',
            nodes.field_name(name, name),
            nodes.field_body('', inline.paragraph(text)),
        )
        for name, text in attributes.of_method(driver, method).items()
    ]
    return nodes.field_list('', *fields)


def _parameters(
    method: spec.MethodSpec, documented: Mapping[str, list[nodes.Node]]
) -> nodes.Node:
    found = parameters.Parameters(method, documented).rows()
    if not found:
        return inline.paragraph('No parameters.')
    rows = []
    for row in found:
        default = 'required' if row.required else row.default or 'optional'
        cells = [[inline.paragraph(c)] for c in (row.name, row.type, default)]
        rows.append([*cells, inline.paragraphs(row.description)])
    # Most drivers describe all parameters, or none.
    columns = 4 if any(row.description for row in found) else 3
    return inline.table(
        ('Parameter', 'Type', 'Default', 'Description')[:columns],
        [row[:columns] for row in rows],
        widths=(22, 30, 14, 34)[:columns],
    )
