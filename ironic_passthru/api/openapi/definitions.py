# SPDX-License-Identifier: Apache-2.0
"""Schemas of methods as parts of one document."""

import json
import re
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ironic_passthru.api.openapi import schemas
from ironic_passthru.json_schema import json_pointer

# Names of schemas may contain others too, which generators replace.
_OTHER = re.compile('[^A-Za-z0-9_]+')

# Members of a schema that contain schemas; drivers may add any others.
_SCHEMAS = frozenset(
    {
        *('allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else'),
        *('items', 'prefixItems', 'contains', 'unevaluatedItems'),
        *('additionalProperties', 'propertyNames', 'unevaluatedProperties'),
        'contentSchema',
    }
)
_NAMED_SCHEMAS = frozenset(
    {'$defs', 'properties', 'patternProperties', 'dependentSchemas'}
)
# Keywords of OpenAPI, whose values JSON Schema does not check.
_OF_OPENAPI = frozenset({'discriminator', 'externalDocs', 'xml'})
# Keywords that name a place within the schema of the method.
_PLACES = frozenset(
    {'$anchor', '$dynamicAnchor', '$dynamicRef', '$recursiveRef'}
)
# Keywords of the whole schema.
_OF_DOCUMENT = frozenset({'$schema', '$id', '$defs'})


class _NotMovable(ValueError):
    """A schema has references that are not to its ``$defs``."""


class Definitions:
    """Shared schemas of the document.

    Generators support references to ``#/components/schemas`` only, so the
    definitions of a method become schemas of the document. Methods of a
    driver share equal ones.

    :ivar schemas: by name.
    :ivar size: number of characters of the schemas.
    """

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}
        self.size = 0
        # The definitions, with all that they refer to.
        self._texts: dict[str, str] = {}

    def move(self, prefix: str, schema: Mapping[str, Any]) -> Any:
        """Return a schema that refers to definitions of the document.

        :param prefix: beginning of the names of its definitions.
        :param schema: a valid schema.
        :returns: None if that is not possible.
        """
        try:
            defined = schema.get('$defs', {})
            texts = {name: _closure(name, defined) for name in defined}
            names = {
                name: self._name(f'{prefix}_{name}', text)
                for name, text in texts.items()
            }

            def rename(reference: str) -> str:
                return str(schemas.reference(names[_local(reference)])['$ref'])

            moved = {
                names[name]: _copy(part, rename)
                for name, part in defined.items()
            }
            result = _copy(_without(schema, _OF_DOCUMENT), rename)
        except _NotMovable:
            return None
        for name, text in texts.items():
            self._texts[names[name]] = text
        self.size += sum(
            len(json.dumps(part))
            for name, part in moved.items()
            if name not in self.schemas
        )
        self.schemas |= moved
        return result

    def _name(self, wanted: str, text: str) -> str:
        """Return the name of a definition: that of an equal one, or a new."""
        wanted = name = identifier(wanted)
        number = 1
        while self._texts.get(name, text) != text:
            number += 1
            name = f'{wanted}_{number}'
        return name


def identifier(text: str) -> str:
    """Return a text as an identifier for generators of clients."""
    return _OTHER.sub('_', text)


def _without(schema: Mapping[str, Any], names: frozenset[str]) -> Any:
    return {key: part for key, part in schema.items() if key not in names}


def _local(reference: str) -> str:
    """Return the name of a definition.

    :raises: _NotMovable.
    """
    start, *names = reference.split('/')[0], *json_pointer.parts(reference)
    if start != '#' or len(names) != 2 or names[0] != '$defs':
        raise _NotMovable(reference)
    return names[1]


def _closure(name: str, defined: Mapping[str, Any]) -> str:
    """Return a definition and all that it refers to as text."""
    found: dict[str, Any] = {}

    def visit(reference: str) -> str:
        pending.append(_local(reference))
        return reference

    pending = [name]
    for each in pending:
        if each not in found:
            found[each] = _copy(defined[each], visit)
    return json.dumps([name, found], sort_keys=True)


def _copy(part: Any, rename: Callable[[str], str]) -> Any:
    """Return a copy of a schema with other references.

    :raises: _NotMovable.
    """
    if isinstance(part, list):
        return [_copy(each, rename) for each in part]
    if not isinstance(part, Mapping):
        return part
    if _PLACES & part.keys():
        raise _NotMovable
    copied: dict[str, Any] = {}
    for keyword, value in part.items():
        if keyword == '$ref':
            copied[keyword] = rename(value)
        elif keyword in _NAMED_SCHEMAS:
            copied[keyword] = {
                name: _copy(each, rename) for name, each in value.items()
            }
        elif keyword in _SCHEMAS:
            copied[keyword] = _copy(value, rename)
        elif keyword not in _OF_OPENAPI:
            copied[keyword] = value
    if _is_discriminator(part.get('discriminator')):
        copied['discriminator'] = _discriminator(part['discriminator'], rename)
    return copied


def _is_discriminator(value: Any) -> bool:
    """Return whether a value is pydantic's hint, which OpenAPI has too."""
    if not isinstance(value, Mapping):
        return False
    mapping = value.get('mapping', {})
    return (
        value.keys() <= {'propertyName', 'mapping'}
        and isinstance(value.get('propertyName'), str)
        and isinstance(mapping, Mapping)
        and all(isinstance(each, str) for each in mapping.values())
    )


def _discriminator(
    value: Mapping[str, Any], rename: Callable[[str], str]
) -> Any:
    if 'mapping' not in value:
        return value
    mapping = {name: rename(each) for name, each in value['mapping'].items()}
    return {**value, 'mapping': mapping}
