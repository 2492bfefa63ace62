# SPDX-License-Identifier: Apache-2.0
"""Masking of secret members of parameters and results by their schema.

A value is secret if the schema of its method declares it, as pydantic does
for ``SecretStr`` and ``SecretBytes``, or if its name implies it. A value that
cannot be decided is secret: where a value may be read as one of several
types, one secret type is enough.
"""

import functools
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Set
from typing import Any
from urllib import parse

from oslo_utils import strutils

from ironic_passthru.redaction import credentials
from ironic_passthru.redaction import schema_walker

MASK = '***'

#: The name that stands for the whole result of a method.
RESULT = 'return'

# Names of secrets that BMC tools use and oslo.utils does not know.
_SECRET_NAME = re.compile(
    'passw|pwd|(?:^|[_-])pass(?:$|[_-])|credential|api[_-]?key', re.IGNORECASE
)

# Where a model reads a field from, below the value at hand, and the schema
# of the field.
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
        #: Finds the subschemas of a value's members.
        self.walker = schema_walker.SchemaWalker(schema)
        self._names = frozenset(names)
        #: Whether names and texts may imply a secret.
        self.guess = guess
        #: The schema, if it has a secret: most methods have none and need no
        #: traversal of it.
        self.schemas = [schema] if self.walker.holds_secret(schema) else []

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
            masked = self._object(parameters, self.schemas, (), secrets)
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
        if not self.schemas and not self._names:
            return value
        try:
            return self._masked(value, self.schemas, (), set())
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
        """Whether a result that cannot be divided is secret."""
        return RESULT in self._names or bool(self.schemas)

    def _masked(
        self,
        value: Any,
        schemas: Iterable[Any],
        aliases: Iterable[_Alias],
        secrets: set[str],
    ) -> Any:
        """Return a value masked; add its secrets to ``secrets``."""
        applying = self.walker.applying(schemas)
        if any(self.walker.hides(schema, value) for schema in applying):
            return self._hidden(value, secrets)
        if isinstance(value, Mapping):
            return self._object(value, applying, aliases, secrets)
        if isinstance(value, list | tuple):
            return [
                self._masked(
                    item,
                    [*self.walker.of_item(applying, i), *_at(aliases, *keys)],
                    _below(aliases, *keys),
                    secrets,
                )
                for i, item in enumerate(value)
                # An alias may count from the end.
                for keys in [(i, i - len(value))]
            ]
        if self.guess and isinstance(value, str):
            masked = strutils.mask_password(value, MASK)
            masked = credentials.without_logins(masked, MASK)
            if masked != value:
                secrets |= hidden_parts(value, masked)
            return masked
        return value

    def _object(
        self,
        values: Mapping[str, Any],
        schemas: Iterable[Any],
        aliases: Iterable[_Alias],
        secrets: set[str],
    ) -> dict[str, Any]:
        applying = self.walker.applying(schemas)
        every = [*aliases, *self.walker.of_aliases(applying)]
        masked: dict[str, Any] = {}
        for name, value in values.items():
            if self.is_named(str(name)):
                masked[name] = self._hidden(value, secrets)
                continue
            found = self.walker.of_property(applying, name)
            masked[name] = self._masked(
                value,
                [*found, *_at(every, name)],
                _below(every, name),
                secrets,
            )
        return masked

    def _hidden(self, value: Any, secrets: set[str]) -> str:
        secrets |= texts_of(value, public=self.declared)
        return MASK

    def is_named(self, name: str) -> bool:
        """Return whether the value of this name is secret."""
        return name in self._names or (self.guess and is_telling(name))


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
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            found.update(str(name) for name in part if name not in public)
            waiting.extend(part.values())
        elif isinstance(part, list | tuple):
            waiting.extend(part)
        elif isinstance(part, str):
            found.add(part)
        elif isinstance(part, int | float) and not isinstance(part, bool):
            found |= texts_of_number(part)
    return found


def texts_of_number(number: int | float) -> set[str]:
    """Return the texts of a number: 7.0 is 7, too."""
    if isinstance(number, float) and number.is_integer():
        return {str(number), str(int(number))}
    return {str(number)}


def hidden_parts(text: str, masked: str) -> set[str]:
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
def is_telling(name: str) -> bool:
    """Return whether the name of a value implies a secret."""
    if _SECRET_NAME.search(name):
        return True
    # oslo.utils publishes its decision, but not its list of names.
    return strutils.mask_dict_password({name: ''}, MASK)[name] == MASK
