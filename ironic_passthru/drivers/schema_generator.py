# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas of types, where pydantic's own would not do."""

import json
from typing import Any

import pydantic
import pydantic_core
from pydantic import json_schema

_INTEGER_KEY = {'pattern': '^-?[0-9]{1,4000}$'}
_HASHABLE = {'type': ['string', 'number', 'integer', 'boolean', 'null']}

# How all types of the kind Secret[...] are told from others.
_SECRET_SERIALIZER = pydantic.TypeAdapter(pydantic.Secret[int]).core_schema[
    'serialization'
]['function']


class ParameterGenerator(json_schema.GenerateJsonSchema):
    """Generates the schema of what a caller sends."""

    # A default that has no JSON form is simply not shown.
    ignored_warning_kinds = {'skipped-choice', 'non-serializable-default'}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def encode_default(self, dft: Any) -> Any:
        encoded = super().encode_default(dft)
        if isinstance(dft, set | frozenset):
            # Their order differs from process to process, while conductors
            # that offer the same must publish the same.
            encoded = sorted(encoded, key=json.dumps)
        try:
            json.dumps(encoded, allow_nan=False)
        except ValueError as error:
            raise pydantic_core.PydanticSerializationError(
                'infinity and NaN have no JSON form'
            ) from error
        return encoded

    def default_schema(self, schema: Any) -> dict[str, Any]:
        result = super().default_schema(schema)
        if result.get('writeOnly'):
            # So pydantic marks secrets, and schemas are published.
            result.pop('default', None)
        return result

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        result = super().dict_schema(schema)
        for pattern, values in result.pop('patternProperties', {}).items():
            # It would let every other name pass.
            names = {**result.get('propertyNames', {}), 'pattern': pattern}
            result |= {'additionalProperties': values, 'propertyNames': names}
        if schema.get('keys_schema', {}).get('type') == 'int':
            result['propertyNames'] = _INTEGER_KEY
        return result

    def json_or_python_schema(self, schema: Any) -> dict[str, Any]:
        result = super().json_or_python_schema(schema)
        serialization = schema.get('serialization', {})
        if serialization.get('function') is _SECRET_SERIALIZER:
            # pydantic marks SecretStr and SecretBytes, but not Secret[...].
            result = {**result, 'writeOnly': True}
        return result

    def set_schema(self, schema: Any) -> dict[str, Any]:
        return _of_hashable(super().set_schema(schema))

    def frozenset_schema(self, schema: Any) -> dict[str, Any]:
        return _of_hashable(super().frozenset_schema(schema))

    def json_schema(self, schema: Any) -> dict[str, Any]:
        return {**super().json_schema(schema), 'format': 'json-string'}


class ResultGenerator(ParameterGenerator):
    """Generates the schema of what a method returns."""

    # What has no JSON Schema is simply not described.
    def handle_invalid_for_json_schema(
        self, schema: Any, error_info: str
    ) -> dict[str, Any]:
        return {}


def _of_hashable(array: dict[str, Any]) -> dict[str, Any]:
    return array if array.get('items') else {**array, 'items': _HASHABLE}
