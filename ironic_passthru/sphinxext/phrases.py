# SPDX-License-Identifier: Apache-2.0
"""JSON Schema in words, with the places of the fields of objects."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import references
from ironic_passthru.sphinxext import wording

_UNIONS = ('anyOf', 'oneOf')

# What the words about each type tell of.
_KEYWORDS = {
    'array': (
        *('items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'),
    ),
    'boolean': (),
    'integer': (
        *('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'),
        'multipleOf',
    ),
    'null': (),
    'object': (
        *('properties', 'required', 'additionalProperties', 'propertyNames'),
        *('minProperties', 'maxProperties'),
    ),
    'string': (
        *('format', 'minLength', 'maxLength', 'pattern', 'contentSchema'),
    ),
}
_KEYWORDS['number'] = _KEYWORDS['integer']

# Types with so few values that these are listed.
_VALUES: Mapping[Any, list[Any]] = {'boolean': [True, False], 'null': [None]}

# What tells more of a value than keywords for texts do.
_SAYS_WHICH = frozenset({'$ref', 'allOf', 'const', 'enum', *_UNIONS})


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a value stands.

    :param shown: how it is written: ``curve.celsius[]``.
    :param keys: names of fields, and places in arrays.
    """

    shown: str
    keys: tuple[str | int, ...]

    def of(self, suffix: str, key: str | int) -> 'Place':
        """Return the place of a value within the one that stands here."""
        return Place(f'{self.shown}{suffix}', (*self.keys, key))


@dataclasses.dataclass(frozen=True)
class Object:
    """An object whose fields are still to be told of.

    :param place: where it stands.
    :param schema: its own.
    :param title: what it is called, if others may stand in its place.
    """

    place: Place
    schema: Mapping[str, Any]
    title: str = ''


class Phrases:
    """Puts parts of one schema into words.

    :param root: the schema, with the definitions that its parts refer to.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._references = references.References(root)
        # Where the fields of a definition are told of.
        self._known: dict[str, Place] = {}
        # Definitions that are being put into words.
        self._open: dict[str, Place] = {}
        self._objects: list[Object] = []

    def say(self, schema: Any, place: Place) -> tuple[str, list[Object]]:
        """Return what a schema takes, a text with marks.

        :returns: that, and the objects with fields of their own in it.
        """
        self._objects = []
        phrase = self._phrase(schema, place)
        return phrase, self._objects

    def resolved(self, schema: Any) -> Mapping[str, Any]:
        """Return a schema with all that it refers to."""
        return self._references.resolved(schema)

    def _phrase(self, schema: Any, place: Place) -> str:
        """Return in words what a schema takes; note the objects in it."""
        if schema is False:
            return wording.NOTHING
        if schema is True:
            return wording.ANYTHING
        used, phrase = self._base(schema, place)
        rest = {
            keyword: value
            for keyword, value in schema.items()
            if keyword not in used and keyword not in wording.ANNOTATIONS
        }
        if rest:
            # Better raw than not at all.
            shown = inline.json_literal(wording.bare(rest))
            phrase += f', with {shown}'
        return phrase

    def _base(
        self, schema: Mapping[str, Any], place: Place
    ) -> tuple[tuple[str, ...], str]:
        """Return a phrase, and the keywords that it tells of."""
        if '$ref' in schema:
            return self._reference(schema, place)
        if 'enum' in schema or 'const' in schema:
            return ('enum', 'const', 'type'), wording.choice(schema)
        for keyword in _UNIONS:
            if keyword in schema:
                phrase = self._alternatives(schema[keyword], place)
                return (keyword,), phrase
        if 'allOf' in schema:
            parts = [self._phrase(part, place) for part in schema['allOf']]
            return ('allOf',), ', and '.join(dict.fromkeys(parts))
        kind = _kind(schema)
        if isinstance(kind, list):
            phrase = self._alternatives(_apart(schema, kind), place)
            told = {word for each in kind for word in _KEYWORDS[each]}
            return ('type', *told), phrase
        if kind is None:
            return (), wording.ANYTHING
        return ('type', *_KEYWORDS[kind]), self._of_type(kind, schema, place)

    def _of_type(
        self, kind: str, schema: Mapping[str, Any], place: Place
    ) -> str:
        phrases: dict[str, Callable[[], str]] = {
            'array': lambda: self._array(schema, place),
            'boolean': lambda: wording.choice({'enum': _VALUES[kind]}),
            'integer': lambda: wording.number(schema),
            'null': lambda: wording.choice({'enum': _VALUES[kind]}),
            'number': lambda: wording.number(schema),
            'object': lambda: self._object(schema, place),
            'string': lambda: self._text(schema, place),
        }
        return phrases[kind]()

    def _reference(
        self, schema: Mapping[str, Any], place: Place
    ) -> tuple[tuple[str, ...], str]:
        if '$ref' in self.resolved(schema):
            # It leads nowhere, so it is shown as it is.
            return (), wording.ANYTHING
        name = schema['$ref']
        known = self._known.get(name) or self._open.get(name)
        if known is not None:
            return ('$ref',), f'the same as {inline.literal(known.shown)}'
        target = self._references.target(name)
        before = len(self._objects)
        self._open[name] = place
        phrases = [
            self._phrase(part, place) for part in _together(target, schema)
        ]
        del self._open[name]
        if len(self._objects) > before:
            self._known[name] = place
        return tuple(schema), ', and '.join(dict.fromkeys(phrases))

    def _alternatives(self, schemas: list[Any], place: Place) -> str:
        objects = [
            target
            for schema in schemas
            if _has_fields(target := self.resolved(schema))
        ]
        phrases: list[str] = []
        single: list[str] = []
        for schema in schemas:
            values = _values(self.resolved(schema))
            if values is not None:
                single += [inline.json_literal(value) for value in values]
                continue
            before = len(self._objects)
            phrase = self._phrase(schema, place)
            if len(objects) > 1 and len(self._objects) > before:
                # Readers must know which fields go together.
                phrase = self._entitle(phrase, before, place)
            phrases.append(phrase)
        listed = wording.listing(list(dict.fromkeys([*phrases, *single])))
        return listed or wording.NOTHING

    def _entitle(self, phrase: str, index: int, place: Place) -> str:
        """Name one of several kinds of object that stand in one place."""
        found = self._objects[index]
        if found.place != place:
            return phrase
        title = found.schema.get('title') or f'kind {index + 1}'
        self._objects[index] = dataclasses.replace(found, title=title)
        return phrase.replace('object', f'object {inline.literal(title)}', 1)

    def _text(self, schema: Mapping[str, Any], place: Place) -> str:
        phrase = wording.text(schema)
        if 'contentSchema' in schema:
            phrase += f' ({self._phrase(schema["contentSchema"], place)})'
        return phrase

    def _array(self, schema: Mapping[str, Any], place: Place) -> str:
        told = [wording.amount(schema, 'Items', ('item', 'items'))]
        first = schema.get('prefixItems', [])
        for index, item in enumerate(first):
            phrase = self._phrase(item, place.of(f'[{index}]', index))
            told.append(f'{_ordinal(index)}: {phrase}')
        items = schema.get('items', True)
        if items is False:
            told.append('no others')
        elif items is not True and items != {}:
            # An item behind the first ones may be the one that is secret.
            phrase = self._phrase(items, place.of('[]', len(first)))
            told.append(f'{"others" if first else "each"}: {phrase}')
        if schema.get('uniqueItems'):
            told.append('none twice')
        return _with_details('array', told)

    def _object(self, schema: Mapping[str, Any], place: Place) -> str:
        fields = schema.get('properties')
        if fields:
            self._objects.append(Object(place, schema))
        told = [wording.amount(schema, 'Properties', ('field', 'fields'))]
        if 'propertyNames' in schema:
            told.append(self._names(schema['propertyNames'], place))
        others = schema.get('additionalProperties', True)
        if others is False:
            told.append('no other fields' if fields else 'without fields')
        elif others is not True and others != {}:
            phrase = self._phrase(others, place.of('.*', '*'))
            told.append(f'{"others" if fields else "each value"}: {phrase}')
        return _with_details('object', told)

    def _names(self, schema: Any, place: Place) -> str:
        """Return what the names of fields may be; empty if that is all."""
        if isinstance(schema, Mapping):
            if not schema.keys() & _SAYS_WHICH:
                # They are texts, whether it says so or not.
                schema = {'type': 'string', **schema}
        elif schema:
            return ''
        return f'each name: {self._phrase(schema, place)}'


def _with_details(kind: str, told: list[str]) -> str:
    details = '; '.join(filter(None, told))
    return f'{kind} ({details})' if details else kind


def _ordinal(index: int) -> str:
    return f'item {index + 1}'


def _kind(schema: Mapping[str, Any]) -> str | list[str] | None:
    """Return the type that a schema means, or several."""
    kind = schema.get('type', 'object' if 'properties' in schema else None)
    kinds = kind if isinstance(kind, list) else [kind]
    return kind if all(each in _KEYWORDS for each in kinds) else None


def _apart(schema: Mapping[str, Any], kinds: list[str]) -> list[Any]:
    """Return a schema of each type instead of one of several."""
    return [
        {'type': kind}
        | {word: schema[word] for word in _KEYWORDS[kind] if word in schema}
        for kind in kinds
    ]


def _values(schema: Mapping[str, Any]) -> list[Any] | None:
    """Return the values that a schema takes, if it lists them."""
    if schema.keys() - wording.ANNOTATIONS <= {'type', 'enum', 'const'}:
        if 'enum' in schema or 'const' in schema:
            return wording.values(schema)
        kind = schema.get('type')
        kinds = kind if isinstance(kind, list) else [kind]
        if all(each in _VALUES for each in kinds):
            return [value for each in kinds for value in _VALUES[each]]
    return None


def _together(target: Any, schema: Mapping[str, Any]) -> list[Any]:
    """Return a schema and what it refers to as one, or else as two."""
    beside = {key: value for key, value in schema.items() if key != '$ref'}
    said = beside.keys() - wording.ANNOTATIONS
    if isinstance(target, bool):
        return [beside if target else False]
    if any(target.get(key, beside[key]) != beside[key] for key in said):
        # Both hold, so that neither may take the place of the other.
        return [target, beside]
    return [{**target, **beside}]


def _has_fields(schema: Mapping[str, Any]) -> bool:
    return bool(schema.get('properties'))
