# SPDX-License-Identifier: Apache-2.0
"""Types of parameters as text, in the terms of JSON Schema.

The texts contain the marks of :mod:`ironic_passthru.sphinxext.markup`.
"""

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from ironic_passthru.json_schema import references
from ironic_passthru.json_schema import schema_walker
from ironic_passthru.sphinxext import markup
from ironic_passthru.validation import schema as parameter_schema

ANY = 'any'
NONE = 'no value'

# Keywords that do not constrain values, which are shown elsewhere or not at
# all: defaults and examples may be secret.
_ANNOTATIONS = frozenset(
    {
        *('$anchor', '$comment', '$defs', '$id', '$schema', 'title'),
        *('contentEncoding', 'contentMediaType', 'default', 'deprecated'),
        *('description', 'discriminator', 'examples', 'readOnly'),
        'writeOnly',
    }
)
_VALUES = ('type', 'enum', 'const')
_UNIONS = ('anyOf', 'oneOf')
# Keywords whose schema is shown as a type. Other schemas are shown as JSON,
# since not every value has their fields.
_TYPES = ('additionalProperties', 'contentSchema', 'items', 'propertyNames')
_BY_NAME = (
    *('dependentRequired', 'dependentSchemas', 'patternProperties'),
    *('properties', schema_walker.ALIASES),
)


@dataclasses.dataclass(frozen=True)
class Place:
    """The location of a value among the parameters.

    :param shown: as text: ``curve.celsius[]``.
    :param keys: names of fields and indexes of items.
    """

    shown: str
    keys: tuple[str | int, ...]

    def of(self, suffix: str, key: str | int) -> 'Place':
        """Return the place of a member of the value."""
        return Place(f'{self.shown}{suffix}', (*self.keys, key))


@dataclasses.dataclass(frozen=True)
class Object:
    """An object with fields, which are rows of their own.

    :param title: its name if it is one of several alternatives.
    """

    place: Place
    schema: Mapping[str, Any]
    title: str = ''


class Types:
    """Describes the types of one schema.

    :param root: the schema, with the definitions of its references.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._references = references.References(root)
        # Places of definitions that have been described, or are being.
        self._places: dict[str, Place] = {}
        self._objects: list[Object] = []

    def describe(self, schema: Any, place: Place) -> tuple[str, list[Object]]:
        """Return the type of a value and the objects that it contains.

        A definition with fields is described once; later uses refer to the
        place of the first one.
        """
        self._objects = []
        return self._type(schema, place), self._objects

    def resolved(self, schema: Any) -> Mapping[str, Any]:
        """Return a schema merged with all that it refers to.

        Keywords beside a reference take precedence. ``$ref`` is kept only
        if it cannot be resolved or refers to itself.
        """
        found: dict[str, Any] = {}
        seen: set[Any] = set()
        while isinstance(schema, Mapping):
            found = {**schema, **found}
            if '$ref' not in schema:
                return _without_reference(found)
            if schema['$ref'] in seen:
                return found
            seen.add(schema['$ref'])
            schema = self._references.target(schema['$ref'])
        return _without_reference(found) if _is_schema(schema) else found

    def _type(self, schema: Any, place: Place) -> str:
        if isinstance(schema, bool):
            return ANY if schema else NONE
        described, name, members = self._base(schema, place)
        constraints = [
            self._constraint(keyword, schema, place)
            for keyword in schema
            if keyword not in {*described, *_ANNOTATIONS}
            # Accepts every value.
            and not (keyword in _TYPES and schema[keyword] in (True, {}))
        ]
        shown = f' ({", ".join(constraints)})' if constraints else ''
        return f'{name}{shown}{members}'

    def _base(
        self, schema: Mapping[str, Any], place: Place
    ) -> tuple[Iterable[str], str, str]:
        """Return the keywords that are described, the type, its members."""
        if '$ref' in schema and '$ref' not in self.resolved(schema):
            return self._reference(schema, place)
        if 'enum' in schema or 'const' in schema:
            return _VALUES, _choice(schema), ''
        for keyword in _UNIONS:
            if keyword in schema:
                return (keyword,), self._union(schema[keyword], place), ''
        if 'allOf' in schema:
            parts = [self._type(part, place) for part in schema['allOf']]
            return ('allOf',), _joined(parts, ' and '), ''
        kinds = schema.get('type', 'object' if 'properties' in schema else ANY)
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if kinds == ['array']:
            return self._array(schema, place)
        described = ['type']
        if 'object' in kinds and schema.get('properties'):
            self._objects.append(Object(place, schema))
            described += ['properties', 'required']
        return described, _joined(kinds, ' or '), ''

    def _reference(
        self, schema: Mapping[str, Any], place: Place
    ) -> tuple[Iterable[str], str, str]:
        name = schema['$ref']
        if name in self._places:
            shown = markup.literal(self._places[name].shown)
            return ('$ref',), f'same as {shown}', ''
        before = len(self._objects)
        self._places[name] = place
        parts = _merged(self._references.target(name), schema)
        text = _joined([self._type(part, place) for part in parts], ' and ')
        if len(self._objects) == before:
            # Without fields, its type is shown again wherever it is used.
            del self._places[name]
        return schema, text, ''

    def _union(self, schemas: list[Any], place: Place) -> str:
        several = (
            sum('properties' in self.resolved(one) for one in schemas) > 1
        )
        texts: list[str] = []
        for schema in schemas:
            before = len(self._objects)
            text = self._type(schema, place)
            if several and len(self._objects) > before:
                # Readers must see which fields belong together.
                text = self._with_title(text, before, place)
            texts.append(text)
        return _joined(texts, ' or ')

    def _with_title(self, text: str, index: int, place: Place) -> str:
        found = self._objects[index]
        if found.place != place:
            return text
        title = found.schema.get('title') or f'kind {index + 1}'
        self._objects[index] = dataclasses.replace(found, title=title)
        return text.replace('object', f'object {markup.literal(title)}', 1)

    def _array(
        self, schema: Mapping[str, Any], place: Place
    ) -> tuple[Iterable[str], str, str]:
        first = [
            self._type(item, place.of(f'[{index}]', index))
            for index, item in enumerate(schema.get('prefixItems', []))
        ]
        if first:
            members = f' of [{", ".join(first)}]'
            return ('type', 'prefixItems'), 'array', members
        if schema.get('items', True) in (True, {}):
            return ('type',), 'array', ''
        item = self._type(schema['items'], place.of('[]', 0))
        members = f' of ({item})' if ' or ' in item else f' of {item}'
        return ('type', 'items'), 'array', members

    def _constraint(
        self, keyword: str, schema: Mapping[str, Any], place: Place
    ) -> str:
        value = schema[keyword]
        if isinstance(value, str):
            return f'{keyword} {markup.literal(value)}'
        if keyword not in _TYPES or isinstance(value, bool):
            shown = _bare({keyword: value})[keyword]
            return f'{keyword} {markup.json_literal(shown)}'
        if keyword == 'additionalProperties':
            place = place.of('.*', '*')
        elif keyword == 'items':
            place = place.of('[]', len(schema.get('prefixItems', ())))
        return f'{keyword}: {self._type(value, place)}'


def _is_schema(value: Any) -> bool:
    return isinstance(value, Mapping | bool)


def _without_reference(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: schema[key] for key in schema if key != '$ref'}


def _joined(texts: Iterable[str], conjunction: str) -> str:
    return conjunction.join(dict.fromkeys(texts)) or NONE


def _choice(schema: Mapping[str, Any]) -> str:
    """Return the values that fit ``enum``, ``const`` and ``type``."""
    declared = {key: schema[key] for key in _VALUES if key in schema}
    fits = parameter_schema.make_validator(declared).is_valid
    values = schema['enum'] if 'enum' in schema else [schema['const']]
    return _joined(
        (markup.json_literal(value) for value in values if fits(value)), ' or '
    )


def _merged(target: Any, schema: Mapping[str, Any]) -> list[Any]:
    """Return a schema and its target as one, or as two if both constrain."""
    beside = _without_reference(schema)
    if isinstance(target, bool):
        return [beside if target else False]
    if any(
        target.get(key, beside[key]) != beside[key]
        for key in beside.keys() - _ANNOTATIONS
    ):
        return [target, beside]
    return [{**target, **beside}]


def _bare(value: Any) -> Any:
    """Return a value of a keyword without annotations of its schemas."""
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    bare = {}
    for key, part in value.items():
        if key in _BY_NAME and isinstance(part, Mapping):
            bare[key] = {name: _bare(each) for name, each in part.items()}
        elif key not in _ANNOTATIONS:
            bare[key] = part if key in _VALUES else _bare(part)
    return bare
