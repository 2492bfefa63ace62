# SPDX-License-Identifier: Apache-2.0
"""Parameters of a call without the secrets among them.

A value is secret if the schema of its method says so, which is how pydantic
publishes ``SecretStr`` and ``SecretBytes``, or if its name says so. What is
not certain counts as secret: a value that may be read as one of several
types is masked if one of them is secret.
"""

import functools
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from oslo_utils import strutils

from ironic_passthru import pointer
from ironic_passthru.redaction import credentials

MASK = '***'

#: The name that stands for all that a method returns.
RESULT = 'return'

# A schema that says: secret.
_SECRET: Mapping[str, Any] = {'writeOnly': True}

# Keywords whose schemas hold for the very value that they are said of.
_LISTS_FOR_THE_SAME = ('allOf', 'anyOf', 'oneOf')
_FOR_THE_SAME = ('if', 'then', 'else')

# A schema with none of these lets any value pass.
_SAYS_WHAT_IT_IS = frozenset(
    {'type', '$ref', 'enum', 'const', *_LISTS_FOR_THE_SAME}
)

# Names that oslo.utils does not know, and BMCs' tools use.
_TELLING_NAME = re.compile(
    'passw|pwd|(?:^|[_-])pass(?:$|[_-])|credential|api[_-]?key', re.IGNORECASE
)


class Masker:
    """Masks parameters of one method.

    :param schema: JSON Schema of the parameters, an object.
    :param names: of secret values, at any depth.
    :param guess: whether names that tell of a secret, and passwords within
        texts, are masked too.
    """

    def __init__(
        self,
        schema: Mapping[str, Any],
        *,
        names: Iterable[str] = (),
        guess: bool = True,
    ) -> None:
        self._root = schema
        self._names = frozenset(names)
        self._guess = guess
        self._known: dict[int, bool] = {}
        # Most methods have no secret, and need no search along the schema.
        self._schemas = [schema] if self._holds_secret(schema) else []

    def masked(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of ``parameters``, secrets replaced by ``***``.

        :param parameters: JSON values that fit the schema.
        """
        try:
            return self._masked_object(parameters, self._schemas)
        except RecursionError:
            return dict.fromkeys(parameters, MASK)

    def masked_result(self, value: Any) -> Any:
        """Return a copy of what a method returned, secrets masked.

        :param value: a JSON value.
        """
        if RESULT in self._names:
            return MASK
        if not self._schemas and not self._names:
            return value
        try:
            return self._masked(value, self._schemas)
        except RecursionError:
            return MASK

    def secrets(self, parameters: Mapping[str, Any]) -> set[str]:
        """Return what :meth:`masked` hides: texts, and numbers as text.

        :param parameters: JSON values.
        """
        found: set[str] = set()
        for key, value in _hidden(parameters, self.masked(parameters)):
            # A field that the schema shows to everybody is no secret.
            if key is None or key not in self.declared:
                found.add(str(value))
        return found

    @functools.cached_property
    def declared(self) -> frozenset[str]:
        """All names that the schema gives to fields, wherever."""
        names: set[str] = set()
        waiting: list[Any] = [self._root]
        while waiting:
            schema = waiting.pop()
            if isinstance(schema, Mapping):
                # A default may have any form, and so may what is below names.
                fields = schema.get('properties')
                names.update(fields if isinstance(fields, Mapping) else ())
                waiting.extend(schema.values())
            elif isinstance(schema, list):
                waiting.extend(schema)
        return frozenset(names)

    @property
    def hides_all(self) -> bool:
        """Whether a result that is one piece is secret."""
        return RESULT in self._names or bool(self._schemas)

    def _masked(self, value: Any, schemas: Iterable[Any]) -> Any:
        applying = list(self._applying(schemas))
        if any(self._hides(schema, value) for schema in applying):
            return MASK
        if isinstance(value, Mapping):
            return self._masked_object(value, applying)
        if isinstance(value, list | tuple):
            return [
                self._masked(item, _of_item(applying, index))
                for index, item in enumerate(value)
            ]
        if self._guess and isinstance(value, str):
            masked = strutils.mask_password(value, MASK)
            return credentials.without_logins(masked, MASK)
        return value

    def _masked_object(
        self, values: Mapping[str, Any], schemas: Iterable[Any]
    ) -> dict[str, Any]:
        applying = list(self._applying(schemas))
        return {
            name: MASK
            if self._is_named(str(name))
            else self._masked(value, self._of_property(applying, name))
            for name, value in values.items()
        }

    def _is_named(self, name: str) -> bool:
        return name in self._names or (self._guess and is_telling(name))

    def _hides(self, schema: Mapping[str, Any], value: Any) -> bool:
        """Tell whether ``schema`` makes ``value`` secret as a whole."""
        if _is_secret(schema):
            return True
        if isinstance(value, Mapping):
            # Names masked one by one would all become one name.
            return self._holds_secret(schema.get('propertyNames'))
        # JSON within a text.
        return self._holds_secret(schema.get('contentSchema'))

    def _of_property(
        self, applying: Iterable[Mapping[str, Any]], name: str
    ) -> Iterator[Any]:
        """Yield what schemas of an object say of one of its values."""
        for schema in applying:
            yield from schema.get('patternProperties', {}).values()
            yield schema.get('unevaluatedProperties')
            properties = schema.get('properties', {})
            if name in properties:
                yield properties[name]
            elif 'additionalProperties' in schema:
                yield schema['additionalProperties']
            elif self._holds_secret(properties):
                # A model may take its fields by more names than it shows.
                yield _SECRET

    def _applying(self, schemas: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
        """Yield all schemas that may hold for a value of ``schemas``."""
        waiting = list(schemas)
        seen: set[int] = set()
        while waiting:
            schema = waiting.pop()
            # True and False are schemas, too.
            if not isinstance(schema, Mapping) or id(schema) in seen:
                continue
            seen.add(id(schema))
            yield schema
            waiting.append(self._referred(schema))
            waiting.extend(schema.get(keyword) for keyword in _FOR_THE_SAME)
            waiting.extend(schema.get('dependentSchemas', {}).values())
            for keyword in _LISTS_FOR_THE_SAME:
                waiting.extend(schema.get(keyword, ()))

    def _referred(self, schema: Mapping[str, Any]) -> Any:
        reference = schema.get('$ref')
        if not isinstance(reference, str):
            return None
        here = reference.partition('/')[0] == '#'
        found: Any = self._root if here else None
        try:
            for part in pointer.parts(reference):
                found = found[part]
        except (KeyError, TypeError):
            found = None
        # Where nobody here can look may be a secret.
        return _SECRET if found is None else found

    def _holds_secret(self, schema: Any) -> bool:
        """Tell whether ``schema`` or anything below it is secret."""
        if id(schema) not in self._known:
            self._known[id(schema)] = self._search(schema)
        return self._known[id(schema)]

    def _search(self, schema: Any) -> bool:
        waiting = [schema]
        seen: set[int] = set()
        while waiting:
            found = waiting.pop()
            if isinstance(found, list):
                waiting.extend(found)
            if not isinstance(found, Mapping) or id(found) in seen:
                continue
            seen.add(id(found))
            if _is_secret(found):
                return True
            waiting.append(self._referred(found))
            waiting.extend(found.values())
        return False


def _hidden(given: Any, shown: Any) -> Iterator[tuple[str | None, Any]]:
    """Yield (key, value) of what is in ``given`` but not in ``shown``.

    Where a key is hidden, key and value are the key.
    """
    waiting = [(given, shown)]
    while waiting:
        value, seen = waiting.pop()
        if isinstance(value, Mapping):
            for key, part in value.items():
                inner = seen[key] if isinstance(seen, Mapping) else MASK
                waiting.append((part, inner))
                if not isinstance(seen, Mapping):
                    yield key, key
        elif isinstance(value, list | tuple):
            inner = seen if isinstance(seen, list) else [MASK] * len(value)
            waiting.extend(zip(value, inner, strict=True))
        elif seen == MASK and _has_text(value):
            yield None, value


def _has_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def texts_of(secret: Any) -> set[str]:
    """Return the texts of a secret value, and its numbers as text."""
    return {str(value) for _, value in _hidden(secret, MASK)}


def may_hold(root: Mapping[str, Any], name: str) -> bool:
    """Tell whether a value of a schema may have a field of this name.

    :param root: a JSON Schema.
    """
    finder = Masker(root)
    waiting: list[Any] = [root]
    seen: set[int] = set()
    while waiting:
        schema = waiting.pop()
        if schema is True or schema == {}:
            return True
        if not isinstance(schema, Mapping) or id(schema) in seen:
            continue
        seen.add(id(schema))
        if not _SAYS_WHAT_IT_IS & schema.keys():
            return True
        properties = schema.get('properties', {})
        if name in properties or schema.get('additionalProperties'):
            return True
        waiting.extend(properties.values())
        waiting.extend(schema.get('prefixItems', ()))
        waiting.append(schema.get('items'))
        waiting.extend(finder._applying([schema]))
    return False


def _of_item(
    applying: Iterable[Mapping[str, Any]], index: int
) -> Iterator[Any]:
    """Yield what schemas of an array say of one of its items."""
    for schema in applying:
        first = schema.get('prefixItems', [])
        yield first[index] if index < len(first) else schema.get('items')
        yield schema.get('contains')
        yield schema.get('unevaluatedItems')


def _is_secret(schema: Mapping[str, Any]) -> bool:
    return (
        schema.get('writeOnly') is True or schema.get('format') == 'password'
    )


def is_telling(name: str) -> bool:
    """Tell whether a value of this name is secret."""
    if _TELLING_NAME.search(name):
        return True
    # The list of oslo.utils is its own affair; its judgement is not.
    return strutils.mask_dict_password({name: ''}, MASK)[name] == MASK
