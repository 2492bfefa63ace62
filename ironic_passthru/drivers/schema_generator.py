# SPDX-License-Identifier: Apache-2.0
"""Generators of JSON Schema that extend those of pydantic."""

import json
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import pydantic
import pydantic_core
from pydantic import json_schema

from ironic_passthru.json_schema import schema_walker
from ironic_passthru.redaction import values
from ironic_passthru.validation import formats

_INTEGER_KEY = {'pattern': '^-?[0-9]{1,4000}$'}
_HASHABLE = {'type': ['string', 'number', 'integer', 'boolean', 'null']}

# The code of the validator of Secret[...], which identifies the type even if
# its serializer is replaced.
_SECRET_CODE = (
    pydantic.TypeAdapter(pydantic.Secret[int])
    .core_schema['json_schema']['function']['function']
    .__code__
)

# A caller can choose numbers and UUIDs whose hashes collide, so that adding an
# item takes time in proportion to the size. Hashes of strings are randomized.
_MAX_HASHED = 1000
_RANDOMLY_HASHED = frozenset({'str', 'any', None})

_REARRANGING = ('function-before', 'function-wrap', 'function-plain')


class ParameterGenerator(json_schema.GenerateJsonSchema):
    """Generates the schema of parameters."""

    # A default without a JSON form is omitted.
    ignored_warning_kinds: Any = frozenset(
        {'skipped-choice', 'non-serializable-default'}
    )

    def field_title_should_be_set(self, _schema: Any) -> bool:
        """Return False: names are sufficient."""
        return False

    def encode_default(self, dft: Any) -> Any:
        """Return the JSON form of a default."""
        encoded = super().encode_default(dft)
        if isinstance(dft, set | frozenset):
            # The order of sets differs from process to process, but all
            # conductors must publish the same schema.
            encoded = sorted(encoded, key=json.dumps)
        try:
            json.dumps(encoded, allow_nan=False)
        except ValueError as error:
            raise pydantic_core.PydanticSerializationError(
                'infinity and NaN have no JSON form'
            ) from error
        return encoded

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """Generate the schema of a value with a default."""
        result: dict[str, Any] = super().default_schema(schema)
        if result.get('writeOnly'):
            # A secret; its default must not be published.
            result.pop('default', None)
        return result

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        """Generate the schema of a dictionary."""
        return _of_keys(super().dict_schema(schema), schema)

    # Older releases of pydantic use dict_schema for the next three types.
    def frozendict_schema(self, schema: Any) -> dict[str, Any]:
        """Generate the schema of a frozen dictionary."""
        return _of_keys(super().frozendict_schema(schema), schema)

    def ordered_dict_schema(self, schema: Any) -> dict[str, Any]:
        """Generate the schema of an ordered dictionary."""
        return _of_keys(super().ordered_dict_schema(schema), schema)

    def counter_schema(self, schema: Any) -> dict[str, Any]:
        """Generate the schema of a counter."""
        return _of_keys(super().counter_schema(schema), schema)

    def generate(self, schema: Any, mode: Any = 'validation') -> Any:
        """Generate a JSON Schema."""
        self._known = {
            each['ref']: each for each in schema.get('definitions', ())
        }
        return super().generate(schema, mode)

    def generate_inner(self, schema: Any) -> dict[str, Any]:
        """Generate the JSON Schema of a part; add the keywords for masking."""
        result = super().generate_inner(schema)
        if result.get('format') == 'regex':
            longest = {'maxLength': formats.MAX_PATTERN_LENGTH}
            result = {**longest, **result}
        if not _contains_secret(schema, self._known):
            return result
        if _is_secret(schema) or self._is_hidden(schema, result):
            # pydantic marks SecretStr and SecretBytes, but not Secret[...].
            return self._marked(result, 'writeOnly')
        if self.mode == 'validation' and schema.get('type') in _REARRANGING:
            return self._marked(result, schema_walker.PREPROCESSED)
        return result

    def _is_hidden(self, schema: Any, result: dict[str, Any]) -> bool:
        """Return whether the JSON Schema of a part lacks its secrets.

        A class or an annotation may replace the JSON Schema, and a
        serializer may replace the result.
        """
        if self.mode == 'serialization':
            return 'serialization' in schema
        walker = schema_walker.SchemaWalker({'$defs': self.definitions})
        return not walker.contains_secret(result)

    def _marked(self, result: dict[str, Any], keyword: str) -> dict[str, Any]:
        """Return a schema with a keyword, in its definition if it has one."""
        name = self.json_to_defs_refs.get(result.get('$ref', ''))
        if name in self.definitions:
            self.definitions[name] = {**self.definitions[name], keyword: True}
            return result
        return {**result, keyword: True}

    def model_fields_schema(self, schema: Any) -> dict[str, Any]:
        """Generate the schema of the fields of a model."""
        return self._with_aliases(super().model_fields_schema(schema), schema)

    def typed_dict_schema(self, schema: Any) -> dict[str, Any]:
        """Generate the schema of a TypedDict."""
        return self._with_aliases(super().typed_dict_schema(schema), schema)

    def dataclass_args_schema(self, schema: Any) -> dict[str, Any]:
        """Generate the schema of the fields of a dataclass."""
        return self._with_aliases(
            super().dataclass_args_schema(schema), schema
        )

    def _with_aliases(
        self, result: dict[str, Any], schema: Any
    ) -> dict[str, Any]:
        """Add the other names and paths of the fields of a model."""
        if self.mode != 'validation':
            return result
        aliases: dict[str, list[list[str | int]]] = {}
        for name, field in _fields(schema['fields']):
            paths = list(_paths(field, name))
            public = _public_name(paths, result['properties'])
            others = [path for path in paths if path != [public]]
            if public is not None and others:
                aliases[public] = others
        return (
            {**result, schema_walker.ALIASES: aliases} if aliases else result
        )

    def set_schema(self, schema: Any) -> dict[str, Any]:
        """Generate the schema of a set."""
        return _of_hashable(super().set_schema(schema), schema)

    def frozenset_schema(self, schema: Any) -> dict[str, Any]:
        """Generate the schema of a frozen set."""
        return _of_hashable(super().frozenset_schema(schema), schema)

    def json_schema(self, schema: Any) -> dict[str, Any]:
        """Generate the schema of a string that contains JSON."""
        return {**super().json_schema(schema), 'format': 'json-string'}


class ResultGenerator(ParameterGenerator):
    """Generates the schema of results."""

    def handle_invalid_for_json_schema(
        self, _schema: Any, _error_info: str
    ) -> dict[str, Any]:
        """Return the schema of a type without JSON Schema: any value."""
        return {}


def _of_keys(result: dict[str, Any], schema: Any) -> dict[str, Any]:
    """Return the JSON Schema of an object with limits for its keys."""
    for pattern, value in result.pop('patternProperties', {}).items():
        # patternProperties would accept every other name.
        names = {**result.get('propertyNames', {}), 'pattern': pattern}
        result |= {'additionalProperties': value, 'propertyNames': names}
    if schema.get('keys_schema', {}).get('type') == 'int':
        result['propertyNames'] = _INTEGER_KEY
    # Other keys are converted from the strings of JSON.
    if schema.get('keys_schema', {}).get('type') not in _RANDOMLY_HASHED:
        result.setdefault('maxProperties', _MAX_HASHED)
    return result


def _of_hashable(array: dict[str, Any], schema: Any) -> dict[str, Any]:
    """Return the JSON Schema of a set with limits for its items."""
    if not array.get('items'):
        array = {**array, 'items': _HASHABLE}
    if schema.get('items_schema', {}).get('type') == 'str':
        return array
    return {'maxItems': _MAX_HASHED, **array}


def _fields(fields: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and core schemas of the fields of a class."""
    if isinstance(fields, Mapping):
        yield from fields.items()
    else:
        yield from ((field['name'], field) for field in fields)


def _paths(field: Any, name: str) -> Iterator[list[str | int]]:
    """Yield the paths that a field can be read from, its name last."""
    alias = field.get('validation_alias')
    if isinstance(alias, str):
        yield [alias]
    elif alias and isinstance(alias[0], list):
        yield from alias
    elif alias:
        yield alias
    yield [name]


def _public_name(
    paths: Iterable[list[str | int]], properties: Mapping[str, Any]
) -> str | None:
    """Return the name of a field in the JSON Schema, or None."""
    for first, *more in paths:
        if not more and first in properties:
            return str(first)
    return None


def _is_secret(schema: Any) -> bool:
    for kind in ('lax_schema', 'json_schema'):
        schema = schema.get(kind, schema)
    validator = schema.get('function')
    # In a serialization, this member is the function itself.
    make = validator.get('function') if isinstance(validator, dict) else None
    if isinstance(make, type):
        return issubclass(make, values.SECRETS)
    return getattr(make, '__code__', None) is _SECRET_CODE


def _contains_secret(schema: Any, known: Mapping[str, Any]) -> bool:
    """Return whether pydantic's schema of a type contains a secret type.

    :param known: the referenced definitions by name.
    """
    pending, seen = [schema], set()
    while pending:
        part = pending.pop()
        if isinstance(part, list | tuple):
            pending.extend(part)
        elif isinstance(part, dict) and id(part) not in seen:
            seen.add(id(part))
            if _is_secret(part):
                return True
            pending.extend(part.values())
            pending.append(known.get(part.get('schema_ref', '')))
    return False
