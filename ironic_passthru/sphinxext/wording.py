# SPDX-License-Identifier: Apache-2.0
"""JSON Schema in words: what one value may be, without its fields.

The texts have the marks of :mod:`ironic_passthru.sphinxext.inline`.
"""

from collections.abc import Mapping
from typing import Any

from ironic_passthru.sphinxext import inline
from ironic_passthru.validation import schema as parameter_schema

ANYTHING = 'any JSON value'
NOTHING = 'nothing'

# What says nothing about which values fit.
ANNOTATIONS = frozenset(
    {
        '$anchor',
        '$comment',
        '$defs',
        '$id',
        '$schema',
        'contentEncoding',
        'contentMediaType',
        'default',
        'deprecated',
        'description',
        'discriminator',
        'examples',
        'readOnly',
        'title',
        'writeOnly',
    }
)

# Keywords that list values, and those with one schema or several.
_CHOOSES = ('type', 'enum', 'const')
_ONE = (
    *('additionalProperties', 'contains', 'contentSchema', 'else', 'if'),
    *('items', 'not', 'propertyNames', 'then', 'unevaluatedItems'),
    'unevaluatedProperties',
)
_BY_NAME = ('dependentSchemas', 'patternProperties', 'properties')
_LISTS = ('allOf', 'anyOf', 'oneOf', 'prefixItems')

FORMATS: Mapping[str, str] = {
    'base64': 'text in base64',
    # The characters of the one are the bytes. Of the other it is told in
    # another place that it is secret.
    **dict.fromkeys(('binary', 'password'), 'text'),
    'base64url': 'text in base64 for URLs',
    'date': f'date such as {inline.literal("2026-01-31")}',
    'date-time': f'date and time such as '
    f'{inline.literal("2026-01-31T12:00:00Z")}',
    'directory-path': 'path of a directory',
    'duration': f'duration such as {inline.literal("PT1H30M")}',
    'email': 'mail address',
    'file-path': 'path of a file',
    'ipv4': 'IPv4 address',
    'ipv4interface': f'IPv4 address such as {inline.literal("192.0.2.1/24")}',
    'ipv4network': f'IPv4 network such as {inline.literal("192.0.2.0/24")}',
    'ipv6': 'IPv6 address',
    'ipv6interface': f'IPv6 address such as '
    f'{inline.literal("2001:db8::1/64")}',
    'ipv6network': f'IPv6 network such as {inline.literal("2001:db8::/64")}',
    'ipvanyaddress': 'IP address',
    'ipvanyinterface': f'IP address such as {inline.literal("192.0.2.1/24")}',
    'ipvanynetwork': f'IP network such as {inline.literal("192.0.2.0/24")}',
    'json-string': 'text that holds JSON',
    'path': 'path',
    'regex': 'regular expression',
    'time': f'time of day such as {inline.literal("12:00:00")}',
    'uri': 'URL',
    'uuid': 'UUID',
    'uuid1': 'UUID of version 1',
    'uuid3': 'UUID of version 3',
    'uuid4': 'UUID of version 4',
    'uuid5': 'UUID of version 5',
}


def listing(items: list[str], last: str = 'or') -> str:
    """Return items as ``a, b or c``."""
    if len(items) < 2:
        return ''.join(items)
    return f'{", ".join(items[:-1])} {last} {items[-1]}'


def amount(schema: Mapping[str, Any], kind: str, unit: tuple[str, str]) -> str:
    """Return how many of something a schema wants; empty if any number.

    :param kind: last word of the keywords, such as ``Items``.
    :param unit: singular and plural.
    """
    low, high = schema.get(f'min{kind}', 0), schema.get(f'max{kind}')
    if high is None:
        return f'at least {_counted(low, unit)}' if low else ''
    if low == high:
        return f'exactly {_counted(high, unit)}'
    if low:
        return f'{low} to {_counted(high, unit)}'
    return f'at most {_counted(high, unit)}'


def _counted(number: int, unit: tuple[str, str]) -> str:
    return f'{number} {unit[number != 1]}'


def text(schema: Mapping[str, Any]) -> str:
    """Return what a schema of type ``string`` takes."""
    name = schema.get('format')
    kind = 'text'
    if name is not None:
        unknown = f'text of the format {inline.literal(str(name))}'
        kind = FORMATS.get(name, unknown)
    length = amount(schema, 'Length', ('character', 'characters'))
    if length:
        kind += f' of {length}'
    if 'pattern' in schema:
        kind += f' that matches {inline.literal(schema["pattern"])}'
    return kind


def number(schema: Mapping[str, Any]) -> str:
    """Return what a schema of type ``integer`` or ``number`` takes."""
    kind = 'whole number' if schema['type'] == 'integer' else 'number'
    low, high = schema.get('minimum'), schema.get('maximum')
    bounds = []
    if low is not None and high is not None:
        bounds.append(f'from {low} to {high}')
    elif low is not None:
        bounds.append(f'of at least {low}')
    elif high is not None:
        bounds.append(f'of at most {high}')
    if 'exclusiveMinimum' in schema:
        bounds.append(f'above {schema["exclusiveMinimum"]}')
    if 'exclusiveMaximum' in schema:
        bounds.append(f'below {schema["exclusiveMaximum"]}')
    if 'multipleOf' in schema:
        bounds.append(f'that is a multiple of {schema["multipleOf"]}')
    return ' '.join([kind, listing(bounds, 'and')]).strip()


def choice(schema: Mapping[str, Any]) -> str:
    """Return what a schema with ``enum`` or ``const`` takes."""
    found = values(schema)
    shown = [inline.json_literal(value) for value in found]
    return listing(shown) or NOTHING


def values(schema: Mapping[str, Any]) -> list[Any]:
    """Return the values that fit ``enum``, ``const`` and ``type``."""
    said = {key: schema[key] for key in _CHOOSES if key in schema}
    fits = parameter_schema.make_validator(said).is_valid
    listed = schema['enum'] if 'enum' in schema else [schema['const']]
    return [value for value in listed if fits(value)]


def bare(schema: Any) -> Any:
    """Return a schema without what says nothing about which values fit.

    Examples and defaults are among that, and they may be secret.
    """
    if not isinstance(schema, Mapping):
        return schema
    shown = {}
    for key, value in schema.items():
        if key in _BY_NAME:
            value = {name: bare(each) for name, each in value.items()}
        elif key in _LISTS:
            value = [bare(each) for each in value]
        elif key in _ONE:
            value = bare(value)
        if key not in ANNOTATIONS:
            shown[key] = value
    return shown
