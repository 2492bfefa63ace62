# SPDX-License-Identifier: Apache-2.0
"""Traversal of a JSON Schema along the values that it describes."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ironic_passthru.json_schema import references

#: Keyword of a published schema: other places from which a model reads a
#: property, as lists of names and indexes, by the name of the property.
ALIASES = 'x-aliases'

#: Keyword of a published schema: code of the driver rearranges the value
#: before the schema applies to its members.
PREPROCESSED = 'x-preprocessed'

SECRET: Mapping[str, Any] = {'writeOnly': True}

# Keywords whose schemas apply to the value of the schema itself.
_LISTS_IN_PLACE = ('allOf', 'anyOf', 'oneOf')
_IN_PLACE = ('if', 'then', 'else')

# A schema without any of these accepts every value.
_RESTRICTING = frozenset({'type', '$ref', 'enum', 'const', *_LISTS_IN_PLACE})


class SchemaWalker:
    """Finds the subschemas that apply to the members of a value.

    :param root: JSON Schema, in which references are resolved. Values of
        references to other documents are secret.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._references = references.References(root)
        self._known: dict[int, bool] = {}

    def applying(self, schemas: Iterable[Any]) -> list[Mapping[str, Any]]:
        """Return all schemas that may apply to a value of ``schemas``."""
        found: list[Mapping[str, Any]] = []
        pending = list(schemas)
        seen: set[int] = set()
        while pending:
            schema = pending.pop()
            # True and False are schemas, too.
            if not isinstance(schema, Mapping) or id(schema) in seen:
                continue
            seen.add(id(schema))
            found.append(schema)
            pending.append(self._target(schema))
            pending.extend(schema.get(keyword) for keyword in _IN_PLACE)
            pending.extend(schema.get('dependentSchemas', {}).values())
            for keyword in _LISTS_IN_PLACE:
                pending.extend(schema.get(keyword, ()))
        return found

    def of_property(
        self, applying: Iterable[Mapping[str, Any]], name: str
    ) -> Iterator[Any]:
        """Yield the schemas of one property of an object.

        :param applying: result of :meth:`applying` for the object.
        """
        rearranged = any(schema.get(PREPROCESSED) for schema in applying)
        for schema in applying:
            yield from schema.get('patternProperties', {}).values()
            yield schema.get('unevaluatedProperties')
            properties = schema.get('properties', {})
            extra = schema.get('additionalProperties')
            if name in properties:
                yield properties[name]
                continue
            yield extra
            if extra is False or (extra is not None and not rearranged):
                # An additional property, which no field is read from.
                continue
            if not _is_alias(schema, name) and self.contains_secret(
                properties
            ):
                # The model may read one of its fields from this name.
                yield SECRET

    def of_aliases(
        self, applying: Iterable[Mapping[str, Any]]
    ) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """Yield path and schema of other places of an object's fields.

        :param applying: result of :meth:`applying` for the object.
        """
        for schema in applying:
            properties = schema.get('properties', {})
            for name, paths in schema.get(ALIASES, {}).items():
                for path in paths:
                    yield tuple(path), properties.get(name)

    def of_item(
        self, applying: Iterable[Mapping[str, Any]], index: int
    ) -> Iterator[Any]:
        """Yield the schemas of one item of an array.

        :param applying: result of :meth:`applying` for the array.
        """
        for schema in applying:
            first = schema.get('prefixItems', [])
            yield first[index] if index < len(first) else schema.get('items')
            yield schema.get('contains')
            yield schema.get('unevaluatedItems')

    def hides(self, schema: Mapping[str, Any], value: Any) -> bool:
        """Return whether a schema makes a value secret as a whole."""
        if _is_secret(schema):
            return True
        if isinstance(value, Mapping):
            # Names masked one by one would all become the same name.
            return self.contains_secret(schema.get('propertyNames'))
        if self.contains_secret(schema.get('contentSchema')):
            # A string that contains JSON.
            return True
        # The driver may parse a string or a list into a model.
        return bool(schema.get(PREPROCESSED)) and self.contains_secret(schema)

    def contains_secret(self, schema: Any) -> bool:
        """Return whether a schema or any of its subschemas is secret."""
        if id(schema) not in self._known:
            self._known[id(schema)] = any(
                map(_is_secret, self._descendants(schema))
            )
        return self._known[id(schema)]

    def _descendants(self, schema: Any) -> Iterator[Mapping[str, Any]]:
        """Yield a schema and all that it contains or refers to."""
        pending = [schema]
        seen: set[int] = set()
        while pending:
            found = pending.pop()
            if isinstance(found, list):
                pending.extend(found)
            if not isinstance(found, Mapping) or id(found) in seen:
                continue
            seen.add(id(found))
            yield found
            pending.append(self._target(found))
            pending.extend(found.values())

    def may_contain(self, name: str) -> bool:
        """Return whether a value may have a member of this name."""
        pending: list[Any] = [self._root]
        seen: set[int] = set()
        while pending:
            schema = pending.pop()
            if schema is True or schema == {}:
                return True
            if not isinstance(schema, Mapping) or id(schema) in seen:
                continue
            seen.add(id(schema))
            if not _RESTRICTING & schema.keys():
                return True
            properties = schema.get('properties', {})
            if name in properties or schema.get('additionalProperties'):
                return True
            pending.extend(properties.values())
            pending.extend(schema.get('prefixItems', ()))
            pending.append(schema.get('items'))
            pending.extend(self.applying([schema]))
        return False

    def _target(self, schema: Mapping[str, Any]) -> Any:
        reference = schema.get('$ref')
        if not isinstance(reference, str):
            return None
        found = self._references.target(reference)
        return SECRET if found is None else found


def _is_alias(schema: Mapping[str, Any], name: str) -> bool:
    return any(
        path[0] == name
        for paths in schema.get(ALIASES, {}).values()
        for path in paths
    )


def _is_secret(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema itself declares its values secret."""
    return (
        schema.get('writeOnly') is True or schema.get('format') == 'password'
    )
