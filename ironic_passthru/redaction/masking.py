# SPDX-License-Identifier: Apache-2.0
"""Masking of secret members of parameters and results by their schema.

A value is secret if the schema of its method declares it secret, as pydantic
does for ``SecretStr`` and ``SecretBytes``, or if its name implies it. If a
value may be read as one of several types, one secret type is sufficient.
"""

import functools
import json
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Set
from typing import Any
from urllib import parse

from oslo_utils import strutils

from ironic_passthru.json_schema import schema_walker
from ironic_passthru.redaction import credentials

MASK = '***'

#: The name of the whole result of a method.
RESULT = 'return'

# Names of secrets that BMC tools use and oslo.utils does not know.
_SECRET_NAME = re.compile(
    'passw|pwd|(?:^|[_-])pass(?:$|[_-])|credential|api[_-]?key', re.IGNORECASE
)

# Path of a field relative to a value, and the schema of the field.
_Alias = tuple[tuple[str | int, ...], Any]


class Masker:
    """Masks parameters or results of one method.

    :param schema: JSON Schema of the values.
    :param names: names of secret members, at any depth.
    :param guess: whether to mask members whose names imply a secret, and
        passwords within strings, too.
    """

    def __init__(
        self,
        schema: Mapping[str, Any],
        *,
        names: Iterable[str] = (),
        guess: bool = True,
    ) -> None:
        self._root = schema
        self._walker = schema_walker.SchemaWalker(schema)
        self._names = frozenset(names)
        self._guess = guess
        # Most schemas contain no secret and need no traversal.
        contains = self._walker.contains_secret(schema)
        self._schemas = [schema] if contains else []

    def masked(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of parameters with ``***`` in place of secrets.

        :param parameters: JSON values that fit the schema.
        """
        return self.split(parameters)[0]

    def split(
        self, parameters: Mapping[str, Any]
    ) -> tuple[dict[str, Any], set[str]]:
        """Return :meth:`masked` parameters and the secrets they contained.

        :param parameters: JSON values that fit the schema.
        :returns: the secrets as strings, numbers included.
        """
        secrets: set[str] = set()
        try:
            masked = self._object(parameters, self._schemas, (), secrets)
        except RecursionError:
            masked = dict.fromkeys(parameters, MASK)
            secrets = texts_of([*parameters.values()], public=self.declared)
        return masked, secrets

    def masked_result(self, value: Any) -> Any:
        """Return a copy of a result with ``***`` in place of secrets.

        :param value: a JSON value.
        """
        if RESULT in self._names:
            return MASK
        if not self._schemas and not self._names:
            return value
        try:
            return self._masked(value, self._schemas, (), set())
        except RecursionError:
            return MASK

    def masks(self, value: Any, schema: Mapping[str, Any]) -> bool:
        """Return whether a value contains a secret.

        :param value: a JSON value.
        :param schema: its schema, a part of the schema of all values.
        """
        return bool(self._masked(value, [schema], (), set()) != value)

    @functools.cached_property
    def declared(self) -> frozenset[str]:
        """All property names that the schema contains, at any depth."""
        names: set[str] = set()
        pending: list[Any] = [self._root]
        while pending:
            schema = pending.pop()
            if isinstance(schema, Mapping):
                # Not every member is a schema: defaults have any form.
                fields = schema.get('properties')
                names.update(fields if isinstance(fields, Mapping) else ())
                pending.extend(schema.values())
            elif isinstance(schema, list):
                pending.extend(schema)
        return frozenset(names)

    def converted_secrets(
        self, arguments: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> set[str]:
        """Return the texts of secrets that conversion changed or added.

        A type strips, decodes or parses a parameter, or a default takes the
        place of a missing one.

        :param arguments: values of any type by the name of the parameter.
        :param parameters: JSON values by name, as received.
        """
        changed = {
            name: value
            for name, value in arguments.items()
            if name not in parameters or not _is_same(parameters[name], value)
        }
        if not changed:
            return set()
        # Not at the top: the API masks parameters without loading pydantic.
        from ironic_passthru.redaction import values

        found: set[str] = set()
        seen: set[int] = set()
        # Values, their schemas, and whether their name is secret.
        pending: list[tuple[Any, Iterable[Any], bool]] = [
            (changed, self._schemas, False)
        ]
        while pending:
            value, schemas, secret = pending.pop()
            secret = secret or isinstance(value, values.SECRETS)
            applying = [] if secret else self._walker.applying(schemas)
            if secret or self._hides(applying, value):
                found |= values.texts(value, public=self.declared)
                continue
            value = values.unwrapped(value)
            members = values.members(value)
            if members is None:
                text = values.text_of_url(value) if self._guess else ''
                found |= _logins(text)
            elif id(value) not in seen:
                seen.add(id(value))
                pending.extend(self._members(members, applying))
        return found

    def _members(
        self,
        members: Iterable[tuple[str | None, Any]],
        applying: list[Mapping[str, Any]],
    ) -> Iterator[tuple[Any, list[Any], bool]]:
        aliases = list(self._walker.of_aliases(applying))
        for index, (name, part) in enumerate(members):
            if name is None:
                found = list(self._walker.of_item(applying, index))
                yield part, found, False
                continue
            found = list(self._walker.of_property(applying, name))
            # The schema of a field lists its own name among its aliases.
            found += (schema for path, schema in aliases if path == (name,))
            yield part, found, self.is_secret_name(name)

    @property
    def hides_all(self) -> bool:
        """Whether a result that cannot be masked in part is secret."""
        return RESULT in self._names or bool(self._schemas)

    def _masked(
        self,
        value: Any,
        schemas: Iterable[Any],
        aliases: Iterable[_Alias],
        secrets: set[str],
    ) -> Any:
        """Return a value masked; add its secrets to ``secrets``."""
        applying = self._walker.applying(schemas)
        if self._hides(applying, value):
            return self._hidden(value, secrets)
        if isinstance(value, Mapping):
            return self._object(value, applying, aliases, secrets)
        if isinstance(value, list | tuple):
            return [
                self._masked(
                    item,
                    [*self._walker.of_item(applying, i), *_at(aliases, *keys)],
                    _below(aliases, *keys),
                    secrets,
                )
                for i, item in enumerate(value)
                # An alias may count from the end.
                for keys in [(i, i - len(value))]
            ]
        if self._guess and isinstance(value, str):
            masked = strutils.mask_password(value, MASK)
            masked = credentials.without_logins(masked, MASK)
            if masked != value:
                secrets |= _hidden_parts(value, masked)
            return masked
        return value

    def _object(
        self,
        parameters: Mapping[str, Any],
        schemas: Iterable[Any],
        aliases: Iterable[_Alias],
        secrets: set[str],
    ) -> dict[str, Any]:
        applying = self._walker.applying(schemas)
        every = [*aliases, *self._walker.of_aliases(applying)]
        masked: dict[str, Any] = {}
        for name, value in parameters.items():
            if self.is_secret_name(str(name)):
                masked[name] = self._hidden(value, secrets)
                continue
            found = self._walker.of_property(applying, name)
            masked[name] = self._masked(
                value,
                [*found, *_at(every, name)],
                _below(every, name),
                secrets,
            )
        return masked

    def _hides(
        self, applying: Iterable[Mapping[str, Any]], value: Any
    ) -> bool:
        return any(self._walker.hides(schema, value) for schema in applying)

    def _hidden(self, value: Any, secrets: set[str]) -> str:
        secrets |= texts_of(value, public=self.declared)
        return MASK

    def is_secret_name(self, name: str) -> bool:
        """Return whether the value of this name is secret."""
        return name in self._names or (self._guess and implies_secret(name))


def _at(aliases: Iterable[_Alias], *keys: str | int) -> Iterator[Any]:
    """Yield the schemas of fields that are read from one member.

    :param keys: of the member.
    """
    return (schema for path, schema in _into(aliases, keys) if not path)


def _below(aliases: Iterable[_Alias], *keys: str | int) -> list[_Alias]:
    """Return the aliases that lead into one member."""
    return [alias for alias in _into(aliases, keys) if alias[0]]


def _into(
    aliases: Iterable[_Alias], keys: tuple[str | int, ...]
) -> Iterator[_Alias]:
    return ((path[1:], schema) for path, schema in aliases if path[0] in keys)


def texts_of(value: Any, *, public: Set[str] = frozenset()) -> set[str]:
    """Return the strings of a secret JSON value, and its numbers as strings.

    :param public: names of members that every caller knows.
    """
    found: set[str] = set()
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            found.update(str(name) for name in part if name not in public)
            pending.extend(part.values())
        elif isinstance(part, list | tuple):
            pending.extend(part)
        elif isinstance(part, str):
            found.add(part)
        elif isinstance(part, int | float) and not isinstance(part, bool):
            found |= texts_of_number(part)
    return found


def texts_of_number(number: int | float) -> set[str]:
    """Return the texts of a number; 7.0 may be written as 7, too."""
    if isinstance(number, float) and number.is_integer():
        return {str(number), str(int(number))}
    return {str(number)}


def _hidden_parts(text: str, masked: str) -> set[str]:
    """Return the parts of a text that are ``***`` in its masked form."""
    found: set[str] = set()
    first, *others = masked.split(MASK)
    end = len(first)
    for part in others:
        start = text.find(part, end) if part else len(text)
        if start < 0:
            return {text}
        found.add(text[end:start])
        # A URL contains a password in its encoded form.
        found.add(parse.unquote(text[end:start]))
        end = start + len(part)
    return found - {MASK}


@functools.lru_cache(maxsize=4096)
def implies_secret(name: str) -> bool:
    """Return whether the name of a value implies a secret."""
    if _SECRET_NAME.search(name):
        return True
    # oslo.utils does not publish its list of names.
    masked: dict[str, str] = strutils.mask_dict_password({name: ''}, MASK)
    return masked[name] == MASK


def _logins(text: str) -> set[str]:
    """Return the passwords within a URL."""
    if '://' not in text:
        return set()
    return _hidden_parts(text, credentials.without_logins(text, MASK))


def _is_same(given: Any, converted: Any) -> bool:
    """Return whether conversion did not change a JSON value."""
    try:
        # 7 and 7.0 are equal, but have different texts.
        return json.dumps(given) == json.dumps(converted)
    except BaseException:
        # A converted value may contain objects of the driver's classes.
        return False
