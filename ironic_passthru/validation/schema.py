# SPDX-License-Identifier: Apache-2.0
"""Validation of parameters by JSON Schema, in both tiers.

Keywords that JSON Schema leaves open are implemented as in pydantic, which
converts the values later: it must accept every valid value.
"""

import difflib
import functools
import json
import math
import operator
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import attrs
import jsonschema
import referencing
from jsonschema import exceptions as schema_errors
from referencing import exceptions as reference_errors
from referencing import jsonschema as dialects

from ironic_passthru import errors
from ironic_passthru.json_schema import json_pointer
from ironic_passthru.redaction import call_secrets
from ironic_passthru.validation import formats
from ironic_passthru.validation import query_values
from ironic_passthru.validation import strict_json

# pydantic accepts a float as an integer only within 64 bits, signed.
_MAX_INTEGRAL_FLOAT = 2.0**63

# Tolerance for multiples of a fraction, as in pydantic.
_TOLERANCE = 1e-9

# A list of a million invalid items would otherwise take minutes, and cause a
# response larger than the request.
_MAX_ERRORS = 100

# Names in a list of allowed ones; length and number of names to compare.
_MAX_NAMES = 30
_MAX_COMPARED = 100

# Limits of a schema. Compiling a pattern of a megabyte takes minutes.
_MAX_DEPTH = 100
_MAX_PATTERN_LENGTH = 10_000
_MAX_QUOTE_LENGTH = 200

_DIALECT = 'https://json-schema.org/draft/2020-12/schema'
_PATTERNS = 'patternProperties'
_REFERENCES = frozenset({'$ref', '$dynamicRef', '$recursiveRef'})


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
    """Return whether pydantic accepts a multiple, such as 0.3 of 0.1."""
    quotient = value / divisor
    if math.isinf(quotient):
        return False
    return abs(round(quotient) * divisor - value) <= _TOLERANCE


def _bound(
    fits: Callable[[Any, Any], bool],
) -> Callable[..., Iterator[schema_errors.ValidationError]]:
    """Return the check of a bound, for integers of any size."""

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
    # jsonschema takes quadratic time for items that cannot be sorted: hours
    # for a long list.
    if unique and validator.is_type(value, 'array'):
        seen = {_identity(item) for item in value}
        if len(seen) < len(value):
            yield schema_errors.ValidationError('not unique')


def _identity(item: Any) -> Any:
    if isinstance(item, list | dict):
        return json.dumps(item, sort_keys=True), 'container'
    if isinstance(item, float) and item.is_integer():
        item = int(item)
    if isinstance(item, int) and not isinstance(item, bool):
        # Attackers can choose integers with equal hashes; hashes of strings
        # are randomized.
        return hex(item), 'integer'
    return item, isinstance(item, bool)


_Validator = jsonschema.validators.extend(
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


# jsonschema's own method selects another class for subschemas with $schema.
_Validator.evolve = attrs.evolve


def make_validator(schema: Mapping[str, Any]) -> Any:
    """Return a validator that never resolves external references.

    jsonschema opens URLs by default. ``$id``, the base of references, is
    ignored.
    """
    return _Validator(
        _without_id(schema),
        format_checker=formats.CHECKER,
        registry=referencing.Registry(),
    )


def _without_id(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in schema.items() if name != '$id'}


def _is_dialect(schema: Mapping[str, Any]) -> bool:
    return str(schema.get('$schema', _DIALECT)).rstrip('#') == _DIALECT


# Without the quadratic time of jsonschema's own validator of schemas.
_METASCHEMA = _Validator(
    _Validator.META_SCHEMA, registry=referencing.Registry()
)


class InvalidSchema(ValueError):
    """A schema is invalid; ``str()`` is the reason and remedy."""


def check_schema(schema: Any) -> None:
    """Check that a schema is valid and self-contained.

    :raises: InvalidSchema.
    """
    try:
        if not isinstance(schema, Mapping):
            raise InvalidSchema('it is not an object')
        if strict_json.deeper_than(schema, _MAX_DEPTH):
            raise InvalidSchema(f'it nests deeper than {_MAX_DEPTH} levels')
        for error in _METASCHEMA.iter_errors(schema):
            pointer = json_pointer.to(list(error.absolute_path)) or '/'
            raise InvalidSchema(f'at {pointer}: {_quote(error.message)}')
        _check_subschemas(schema)
    except RecursionError:
        raise InvalidSchema('it nests too deeply') from None


def _check_subschemas(schema: Mapping[str, Any]) -> None:
    """Check identifiers, patterns and references of a valid schema."""
    parts = _subschemas(schema)
    ids = {id(part) for part in parts}
    resolver: Any = referencing.Registry().resolver_with_root(
        dialects.DRAFT202012.create_resource(_without_id(schema))
    )
    for part in parts:
        if part is not schema and '$id' in part:
            raise InvalidSchema(
                f'$id {_quote(part["$id"])!r} is not at the root; remove it'
            )
        if not _is_dialect(part):
            raise InvalidSchema(
                f'$schema {_quote(part["$schema"])!r} is not {_DIALECT}'
            )
        for pattern in (part.get('pattern'), *part.get(_PATTERNS, ())):
            _check_pattern(pattern)
        for keyword in _REFERENCES & part.keys():
            found = _target(resolver, part[keyword])
            # The resolver contains a copy of the root.
            at_root = part[keyword] == '#'
            is_schema = isinstance(found, bool) or id(found) in ids
            if not (at_root or is_schema):
                raise InvalidSchema(
                    f'{keyword} {_quote(part[keyword])!r} does not refer to '
                    'a definition within this schema; add the definition '
                    "under $defs and refer to it as '#/$defs/NAME'"
                )


def _subschemas(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a schema and its subschemas."""
    found: list[Mapping[str, Any]] = []
    stack: list[Any] = [schema]
    while stack:
        part = stack.pop()
        if isinstance(part, Mapping):
            found.append(part)
            resource = dialects.DRAFT202012.create_resource(part)
            stack.extend(each.contents for each in resource.subresources())
    return found


def _target(resolver: Any, reference: Any) -> Any:
    """Return the target of a reference; None if it is not in the schema."""
    if not isinstance(reference, str) or not reference.startswith('#'):
        return None
    try:
        return resolver.lookup(reference).contents
    except (reference_errors.Unresolvable, LookupError, TypeError, ValueError):
        return None


def _check_pattern(pattern: str | None) -> None:
    if pattern is None:
        return
    if len(pattern) > _MAX_PATTERN_LENGTH:
        raise InvalidSchema(
            f'pattern {_quote(pattern)!r} has {len(pattern)} characters; up '
            f'to {_MAX_PATTERN_LENGTH} are allowed'
        )
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidSchema(
            f'pattern {_quote(pattern)!r} is invalid: {error}'
        ) from None


def _quote(text: Any) -> str:
    quoted = str(text)
    if len(quoted) <= _MAX_QUOTE_LENGTH:
        return quoted
    return f'{quoted[:_MAX_QUOTE_LENGTH]}...'


class ParameterValidator:
    """Validator of the parameters of one method.

    :param method: name of the method, for error messages.
    :param schema: JSON Schema of type object.
    :param reserved: names that are rejected whatever the schema.
    :param secrets: returns the secrets of parameters, for redaction.
    :ivar query: reads parameters in query strings.
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
        self._validator = make_validator(schema)
        self.query = query_values.QueryValues(self._validator)

    @property
    def names(self) -> Iterable[str]:
        """Names of the declared parameters."""
        return self._properties.keys()

    def check(self, values: Mapping[str, Any]) -> None:
        """Validate ``values``.

        :raises: InvalidParameters with all errors, one for each value, up to
            100.
        """
        if not values and not self._required:
            return
        found = {
            json_pointer.to([name]): f"unexpected parameter '{name}'"
            for name in values
            if name in self._reserved
        }
        for pointer, detail in self._validate(values):
            if len(found) >= _MAX_ERRORS:
                break
            found.setdefault(pointer, detail)
        if found:
            raise errors.InvalidParameters(
                method=self._method,
                errors=self._secrets(values).validation_errors(
                    {'pointer': pointer, 'detail': detail}
                    for pointer, detail in sorted(found.items())
                ),
            )

    def _validate(
        self, values: Mapping[str, Any]
    ) -> Iterator[tuple[str, str]]:
        try:
            for error in self._validator.iter_errors(values):
                yield from _describe(error)
        except RecursionError:
            yield '', 'the parameters are nested too deeply'


def _name(path: list[str | int]) -> str:
    """Return a phrase for the value at ``path``."""
    if not path:
        return 'the parameters'
    return f"parameter '{'.'.join(str(part) for part in path)}'"


def _describe(
    error: schema_errors.ValidationError,
) -> Iterator[tuple[str, str]]:
    """Yield pointer and detail of each error that ``error`` consists of.

    The value is not included: it may be secret, or a megabyte long.
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
        unexpected = (name for name in error.instance if name not in known)
        for number, name in enumerate(unexpected):
            # One list is enough for all errors of an object.
            hint = _hint(name, [*known], lists=number == 0)
            yield (
                json_pointer.to([*path, name]),
                f'unexpected {_name([*path, name])}{hint}',
            )
    else:
        phrase = _PHRASES.get(str(error.validator), _fallback)
        yield (
            json_pointer.to(path),
            f'{_name(path)} {phrase(error.validator_value)}',
        )


def _hint(name: str, known: Sequence[str], *, lists: bool) -> str:
    """Return the most similar of the known names, and a list of them."""
    close: list[str] = []
    if len(name) <= _MAX_COMPARED:
        close = difflib.get_close_matches(name, known[:_MAX_COMPARED], 1)
    parts = [f"did you mean '{close[0]}'?"] if close else []
    if lists and known:
        more = ', ...' if known[_MAX_NAMES:] else ''
        parts.append(f'allowed: {", ".join(known[:_MAX_NAMES])}{more}')
    return f' ({" ".join(parts)})' if parts else ''


def _describe_alternatives(
    error: schema_errors.ValidationError,
) -> Iterator[tuple[str, str]]:
    """Describe a value that matches none of several alternatives."""
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


def _phrase(template: str) -> Callable[[Any], str]:
    return functools.partial(str.format, template)


_PHRASES: dict[str, Callable[[Any], str]] = {
    'type': _type_phrase,
    'enum': _enum_phrase,
    'const': _phrase('must be {}'),
    'minimum': _phrase('must be at least {}'),
    'maximum': _phrase('must be at most {}'),
    'exclusiveMinimum': _phrase('must be greater than {}'),
    'exclusiveMaximum': _phrase('must be less than {}'),
    'multipleOf': _phrase('must be a multiple of {}'),
    'minLength': _phrase('must have at least {} characters'),
    'maxLength': _phrase('must have at most {} characters'),
    'pattern': _phrase('must match the pattern {}'),
    'format': _phrase('must have the format {}'),
    'minItems': _phrase('must have at least {} items'),
    'maxItems': _phrase('must have at most {} items'),
    'uniqueItems': _phrase('must not contain the same item twice'),
    'minProperties': _phrase('must have at least {} properties'),
    'maxProperties': _phrase('must have at most {} properties'),
}
