# SPDX-License-Identifier: Apache-2.0
"""Values of parameters in query strings, by their schemas."""

import functools
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ironic_passthru.validation import strict_json

# Alternatives of one parameter, so that references in a circle end.
_MAX_ALTERNATIVES = 20


class QueryValues:
    """Reads the parameters of one method from query strings.

    :param validator: a validator of jsonschema for all parameters.
    """

    def __init__(self, validator: Any) -> None:
        self._validator = validator
        self._properties: Mapping[str, Any] = validator.schema.get(
            'properties', {}
        )

    @functools.cached_property
    def arrays(self) -> frozenset[str]:
        """Names of the parameters that accept arrays, but not text."""
        return frozenset(
            name for name in self._properties if self._items(name) is not None
        )

    def read(self, name: str, texts: Sequence[str]) -> Any:
        """Return the value of a parameter in a query string.

        A text is returned unchanged if the schema allows strings; otherwise
        it is parsed as JSON. The texts of an array are lists of items with
        commas, unless the only one is JSON. A text that is not valid is
        parsed if its JSON type is, so that the validation names the mistake.

        :param texts: one text, or several for one of :attr:`arrays`.
        """
        validator = self._validator.evolve(schema=self._properties[name])
        value = _read(validator, texts[0])
        items = self._items(name)
        if items is None or (len(texts) == 1 and not isinstance(value, str)):
            return value
        each = self._validator.evolve(schema=items)
        return [
            _read(each, item) for text in texts for item in text.split(',')
        ]

    def _items(self, name: str) -> Any:
        """Return the schema of the items of a parameter of :attr:`arrays`.

        None is returned for other parameters.
        """
        found = None
        pending = [self._properties[name]]
        for declared in pending:
            if (
                not isinstance(declared, Mapping)
                or len(pending) > _MAX_ALTERNATIVES
            ):
                return None
            if '$ref' in declared:
                pending.append(self._definition(declared['$ref']))
            elif 'anyOf' in declared:
                pending += declared['anyOf']
            elif declared.get('type') == 'array':
                found = declared.get('items', {})
            elif declared.get('type') != 'null':
                return None
        return found

    def _definition(self, reference: str) -> Any:
        """Return the definition that pydantic refers to."""
        name = reference.removeprefix('#/$defs/')
        return self._validator.schema.get('$defs', {}).get(name)


def _read(validator: Any, text: str) -> Any:
    """Return the value of a text by the type that a validator accepts."""
    if _is_valid(validator, text):
        return text
    literal = text.lower() if text.lower() in ('true', 'false') else text
    try:
        value = strict_json.loads(literal)
    except strict_json.InvalidJSON:
        return text
    return value if _has_type(validator, value) else text


def _has_type(validator: Any, value: Any) -> bool:
    """Return whether the type of a value is right, but maybe not the rest."""
    try:
        return not any(map(_is_about_type, validator.iter_errors(value)))
    except RecursionError:
        return False


def _is_about_type(error: Any) -> bool:
    """Return whether an error is about the type of the value as a whole."""
    if error.validator != 'anyOf':
        return error.validator == 'type' and not error.path
    wrong = {
        each.schema_path[0] for each in error.context if _is_about_type(each)
    }
    return len(wrong) == len(error.validator_value)


def _is_valid(validator: Any, value: Any) -> bool:
    try:
        return bool(validator.is_valid(value))
    except RecursionError:
        return False
