# SPDX-License-Identifier: Apache-2.0
"""One method of a driver as nodes: what holds for it, and what it takes."""

from collections.abc import Mapping

from docutils import nodes
from sphinx import addnodes
from sphinx.util import docutils
from sphinx.util import nodes as sphinx_nodes

from ironic_passthru import spec
from ironic_passthru.drivers import loader
from ironic_passthru.redaction import masking
from ironic_passthru.sphinxext import docstrings
from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import parameters

_CALLS = {
    False: 'Synchronous: the answer has the result.',
    True: 'Asynchronous: answered 202, with an operation to follow.',
}

#: Type of the objects that pages can link to, and the role that does.
OBJECT = 'driver-method'


def describe(
    directive: docutils.SphinxDirective, driver: loader.Driver, name: str
) -> addnodes.desc:
    """Return all that is to be known of one method.

    :param directive: what the page asks for it with.
    """
    method = driver.methods[name]
    described = method.spec
    docstring = docstrings.read(
        directive,
        method.function.__doc__,
        source=f'docstring of {driver.name}.{name}',
    )
    content = addnodes.desc_content()
    if described.description != _first_line(method.function.__doc__):
        content += inline.plain_paragraphs(described.description)
    content += docstring.body
    content += _facts(driver.name, described)
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

    :param name: the driver's and its own.
    """
    env, document = directive.env, directive.state.document
    verbs = f'{" ".join(method.http_methods)} '
    signature = addnodes.desc_signature(
        '',
        '',
        addnodes.desc_annotation(verbs, verbs),
        addnodes.desc_name(method.name, method.name),
        # Names in the contents beside the page.
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
    """Return a table of methods that leads to what is said of each."""
    rows = []
    for one in described:
        signature = one[0]
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
                [inline.paragraph(_kind(method))],
                inline.plain_paragraphs(method.description),
            )
        )
    return inline.table(
        ('Method', 'Verbs', 'Kind', 'What it does'),
        rows,
        widths=(22, 14, 18, 46),
    )


def _first_line(docstring: str | None) -> str:
    return (docstring or '').strip().partition('\n')[0]


def _kind(method: spec.MethodSpec) -> str:
    words = ['async' if method.async_call else 'sync']
    if method.attach:
        words.append('attach')
    if method.dangerous:
        words.append('dangerous')
    return ', '.join(words)


def _facts(driver: str, method: spec.MethodSpec) -> nodes.field_list:
    """Return what holds for calls of a method, besides its parameters."""
    facts = {'Call': _CALLS[method.async_call]}
    if method.attach:
        facts['Result'] = 'A file: it is the raw body of the answer.'
    if method.timeout is not None:
        facts['Time'] = f'A call may take {method.timeout:g} seconds.'
    if method.target:
        names = ', '.join(inline.literal(name) for name in method.target)
        facts['Target'] = (
            f'{names}; {inline.literal("[conductor] target_limit")} bounds '
            'the calls for one at a time.'
        )
    if method.dangerous:
        facts['Danger'] = (
            'Refused (403) unless '
            f'{inline.literal("[conductor] allowed_dangerous_methods")} '
            f'names {inline.literal(f"{driver}.{method.name}")}.'
        )
    hidden = _hidden(method)
    if hidden:
        mask = inline.literal(masking.MASK)
        facts['Secret'] = f'{hidden}: records and logs show {mask}.'
    fields = [
        nodes.field(
            '',
            nodes.field_name(name, name),
            nodes.field_body('', inline.paragraph(text)),
        )
        for name, text in facts.items()
    ]
    return nodes.field_list('', *fields)


def _hidden(method: spec.MethodSpec) -> str:
    """Return what is secret besides parameters, which say it themselves."""
    if masking.RESULT in method.secret:
        return 'The result'
    names = [
        inline.literal(name)
        for name in method.secret
        if name not in method.schema['properties']
    ]
    return f'{", ".join(names)}, wherever it stands' if names else ''


def _parameters(
    method: spec.MethodSpec, told: Mapping[str, list[nodes.Node]]
) -> nodes.Node:
    found = parameters.Parameters(method, told).rows()
    if not found:
        return inline.paragraph('It takes no parameters.')
    described = any(row.about for row in found)
    rows = []
    for row in found:
        default = 'required' if row.required else row.default or 'optional'
        cells = [row.name, row.takes, default]
        rows.append([[inline.paragraph(cell)] for cell in cells])
        if described:
            rows[-1].append(row.about)
    headings = ('Parameter', 'Takes', 'Default', 'Meaning')
    count = 4 if described else 3
    return inline.table(
        headings[:count], rows, widths=(22, 30, 14, 34)[:count]
    )
