# SPDX-License-Identifier: Apache-2.0
"""The check of parameters against a JSON Schema, the same in both tiers.

Where JSON Schema leaves room, the keywords mean what pydantic makes of them
when it converts the values, so that what is accepted here can be converted.
"""

import functools
import json
import math
import operator
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import jsonschema
from jsonschema import exceptions as schema_errors

from ironic_passthru import errors
from ironic_passthru import formats
from ironic_passthru import pointer as json_pointer
from ironic_passthru import strictjson
from ironic_passthru.redaction import call_secrets

# pydantic, which converts the values afterwards, takes a float for an
# integer only within the range of a signed 64-bit integer.
_MAX_INTEGRAL_FLOAT = 2.0**63

# By how much a multiple of a fraction may be off, as in pydantic.
_FORGIVEN = 1e-9

# No caller reads more of them, while a list of a million wrong items would
# otherwise cost minutes and an answer larger than the request.
_MAX_FAULTS = 100


def _is_integer(_checker: object, value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer() and abs(value) < _MAX_INTEGRAL_FLOAT
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_checker: object, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _multiple_of(
    validator: Any, divisor: Any, value: Any, _schema: object
) -> Iterator[schema_errors.ValidationError]:
    if not validator.is_type(value, 'number'):
        return
    if isinstance(divisor, int) and validator.is_type(value, 'integer'):
        fits = int(value) % divisor == 0
    else:
        fits = _is_near_multiple(float(value), float(divisor))
    if not fits:
        yield schema_errors.ValidationError('not a multiple')


def _is_near_multiple(value: float, divisor: float) -> bool:
    """Return what pydantic says: 0.3 is no multiple of 0.1 in binary."""
    quotient = value / divisor
    if math.isinf(quotient):
        return False
    return abs(round(quotient) * divisor - value) <= _FORGIVEN


def _bound(
    fits: Callable[[Any, Any], bool],
) -> Callable[..., Iterator[schema_errors.ValidationError]]:
    """Return the check of a bound, which holds for integers of any size."""

    def check(
        _validator: Any, bound: Any, value: Any, _schema: object
    ) -> Iterator[schema_errors.ValidationError]:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and not fits(value, bound):
            yield schema_errors.ValidationError('out of bounds')

    return check


def _unique_items(
    validator: Any, unique: bool, value: Any, _schema: object
) -> Iterator[schema_errors.ValidationError]:
    # jsonschema compares each item with each other one if they cannot be
    # sorted, which a long list makes last for hours.
    if unique and validator.is_type(value, 'array'):
        seen = {_identity(item) for item in value}
        if len(seen) < len(value):
            yield schema_errors.ValidationError('not unique')


def _identity(item: Any) -> Any:
    if isinstance(item, list | dict):
        return json.dumps(item, sort_keys=True), 'container'
    return item, isinstance(item, bool)


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {
        'minimum': _bound(operator.ge),
        'maximum': _bound(operator.le),
        'exclusiveMinimum': _bound(operator.gt),
        'exclusiveMaximum': _bound(operator.lt),
        'multipleOf': _multiple_of,
        'uniqueItems': _unique_items,
    },
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {'integer': _is_integer, 'number': _is_number}
    ),
)


class Parameters:
    """The parameters that one method takes.

    :param method: name of the method, for error texts.
    :param schema: JSON Schema of type object.
    :param reserved: names that are never parameters, whatever the schema.
    :param secrets: returns the object that redacts validation errors.
    """

    def __init__(
        self,
        method: str,
        schema: Mapping[str, Any],
        reserved: frozenset[str],
        *,
        secrets: Callable[
            [Mapping[str, Any]], call_secrets.CallSecrets
        ] = call_secrets.without_secrets,
    ) -> None:
        self._secrets = secrets
        self._method = method
        self._reserved = reserved
        self._properties: Mapping[str, Any] = schema.get('properties', {})
        self._required = bool(schema.get('required'))
        self._validator = Validator(schema, format_checker=formats.CHECKER)

    @property
    def names(self) -> Iterable[str]:
        """The parameters that the method declares by name."""
        return self._properties.keys()

    def check(self, values: Mapping[str, Any]) -> None:
        """Check ``values`` against the schema, and find all faults at once.

        :raises: InvalidParameters with one entry for each value at fault,
            up to 100 of them.
        """
        if not values and not self._required:
            return
        faults = {
            json_pointer.to([name]): f"unexpected parameter '{name}'"
            for name in values
            if name in self._reserved
        }
        for pointer, detail in self._faults(values):
            if len(faults) >= _MAX_FAULTS:
                break
            faults.setdefault(pointer, detail)
        if faults:
            raise errors.InvalidParameters(
                method=self._method,
                errors=self._secrets(values).validation_errors(
                    {'pointer': pointer, 'detail': detail}
                    for pointer, detail in sorted(faults.items())
                ),
            )

    def _faults(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        try:
            for error in self._validator.iter_errors(values):
                yield from _describe(error)
        except RecursionError:
            yield '', 'the parameters are nested too deeply'

    def read_text(self, name: str, text: str) -> Any:
        """Return the value that ``text`` stands for in a query string.

        Text stays text where the declared type admits text; otherwise it is
        read as JSON. Text that fits neither is returned as it is, for
        :meth:`check` to refuse.
        """
        validator = self._validator.evolve(schema=self._properties[name])
        if _is_valid(validator, text):
            return text
        spelled = text.lower() if text.lower() in ('true', 'false') else text
        try:
            value = strictjson.loads(spelled)
        except strictjson.InvalidJSON:
            return text
        return value if _is_valid(validator, value) else text


def _is_valid(validator: Any, value: Any) -> bool:
    try:
        return bool(validator.is_valid(value))
    except RecursionError:
        return False


def _name(path: list[str | int]) -> str:
    """Return how a person would name the value at ``path``."""
    if not path:
        return 'the parameters'
    return f"parameter '{'.'.join(str(part) for part in path)}'"


def _describe(
    error: schema_errors.ValidationError,
) -> Iterator[tuple[str, str]]:
    """Yield (pointer, detail) of each single fault that ``error`` stands for.

    The value itself is left out: it may be secret, or a megabyte long.
    """
    if error.context:
        yield from _describe_alternatives(error)
        return
    path = list(error.absolute_path)
    if error.validator == 'required':
        for name in error.validator_value:
            if name not in error.instance:
                yield (
                    json_pointer.to([*path, name]),
                    f'missing {_name([*path, name])}',
                )
    elif error.validator == 'additionalProperties' and (
        error.validator_value is False
    ):
        known = error.schema.get('properties', {})
        for name in error.instance:
            if name not in known:
                yield (
                    json_pointer.to([*path, name]),
                    f'unexpected {_name([*path, name])}',
                )
    else:
        phrase = _PHRASES.get(str(error.validator), _fallback)
        yield (
            json_pointer.to(path),
            f'{_name(path)} {phrase(error.validator_value)}',
        )


def _describe_alternatives(
    error: schema_errors.ValidationError,
) -> Iterator[tuple[str, str]]:
    """Describe a value that fits none of several alternatives."""
    alternatives: dict[Any, list[schema_errors.ValidationError]] = {}
    types: dict[Any, str] = {}
    for each in error.context:
        index = each.relative_schema_path[0]
        alternatives.setdefault(index, []).append(each)
        if each.validator == 'type' and not each.relative_path:
            types[index] = str(each.validator_value)
    if len(types) == len(alternatives):
        path = list(error.absolute_path)
        yield (
            json_pointer.to(path),
            f'{_name(path)} {_type_phrase([*types.values()])}',
        )
        return
    of_its_type = [index for index in alternatives if index not in types]
    if len(of_its_type) == 1:
        for each in alternatives[of_its_type[0]]:
            yield from _describe(each)
        return
    likeliest = schema_errors.best_match([error])
    if likeliest is not None and likeliest is not error:
        yield from _describe(likeliest)
        return
    path = list(error.absolute_path)
    yield json_pointer.to(path), f'{_name(path)} {_fallback(None)}'


def _fallback(_value: Any) -> str:
    return 'does not fit its declaration'


def _type_phrase(value: Any) -> str:
    names = value if isinstance(value, list) else [value]
    return f'must be of type {" or ".join(names)}'


def _enum_phrase(value: Any) -> str:
    return f'must be one of {", ".join(str(choice) for choice in value)}'


def _sentence(template: str) -> Callable[[Any], str]:
    return functools.partial(str.format, template)


_PHRASES: dict[str, Callable[[Any], str]] = {
    'type': _type_phrase,
    'enum': _enum_phrase,
    'const': _sentence('must be {}'),
    'minimum': _sentence('must be at least {}'),
    'maximum': _sentence('must be at most {}'),
    'exclusiveMinimum': _sentence('must be greater than {}'),
    'exclusiveMaximum': _sentence('must be less than {}'),
    'multipleOf': _sentence('must be a multiple of {}'),
    'minLength': _sentence('must have at least {} characters'),
    'maxLength': _sentence('must have at most {} characters'),
    'pattern': _sentence('must match the pattern {}'),
    'format': _sentence('must have the format {}'),
    'minItems': _sentence('must have at least {} items'),
    'maxItems': _sentence('must have at most {} items'),
    'uniqueItems': _sentence('must not hold the same item twice'),
    'minProperties': _sentence('must have at least {} properties'),
    'maxProperties': _sentence('must have at most {} properties'),
}
