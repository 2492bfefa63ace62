# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas of the bodies of responses, by the types of controllers."""

import datetime
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import wsme.types

from ironic_passthru import operation
from ironic_passthru.api.v1 import types

Schema = dict[str, Any]

_STRING: Schema = {'type': 'string'}
_STRINGS: Schema = {'type': 'array', 'items': _STRING}
_BOOLEAN: Schema = {'type': 'boolean'}
_OBJECT: Schema = {'type': 'object'}

_SIMPLE: Mapping[Any, Schema] = {
    str: _STRING,
    bool: _BOOLEAN,
    int: {'type': 'integer'},
    float: {'type': 'number'},
    datetime.datetime: {'type': 'string', 'format': 'date-time'},
    types.json_object: _OBJECT,
    types.boolean: _BOOLEAN,
    # NUL is rejected.
    types.text: {'type': 'string', 'pattern': '^[^\\u0000]*$'},
    types.name_list: {**_STRINGS, 'minItems': 1},
    types.count: {'type': 'integer', 'minimum': 0},
    types.time: {'type': 'string', 'format': 'date-time'},
}

# Members that may be null.
_NULLABLE: Mapping[type[wsme.types.Base], frozenset[str]] = {
    types.OperationResource: frozenset(
        {
            *('user_id', 'project_id', 'request_id', 'parameters', 'error'),
            *('started_at', 'finished_at', 'targets'),
            *('conductor', 'incarnation'),
        }
    ),
    types.ProgressResource: frozenset({'percent', 'message'}),
}

# Members that are always present; by default all of them.
_REQUIRED: Mapping[type[wsme.types.Base], tuple[str, ...]] = {
    types.DriverResource: types.ALWAYS,
    types.ConductorResource: types.ALWAYS,
    types.OperationResource: types.ALWAYS,
    types.OperationCollection: ('operations',),
    types.V1Resource: ('id', 'links', 'version', 'drivers', 'operations'),
}

_VALUES: Mapping[tuple[type[wsme.types.Base], str], Iterable[str]] = {
    (types.OperationResource, 'state'): operation.State,
}


def reference(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {'$ref': f'#/components/schemas/{name}'}


def of_type(kind: Any) -> Schema:
    """Return the schema of a WSME type; of a structure, a reference."""
    if isinstance(kind, wsme.types.ArrayType):
        return {'type': 'array', 'items': of_type(kind.item_type)}
    if isinstance(kind, wsme.types.DictType):
        return {**_OBJECT, 'additionalProperties': of_type(kind.value_type)}
    if _is_structure(kind):
        return reference(kind.__name__)
    if isinstance(kind, types.OneOf):
        return {**_STRING, 'enum': [*kind.values]}
    return _SIMPLE[kind]


def of_structures(kinds: Iterable[Any]) -> dict[str, Schema]:
    """Return the schemas of structures, and of their parts, by name."""
    found: dict[str, Schema] = {}
    pending = list(kinds)
    for kind in pending:
        if isinstance(kind, wsme.types.ArrayType):
            pending.append(kind.item_type)
        elif _is_structure(kind) and kind.__name__ not in found:
            found[kind.__name__] = _structure(kind)
            pending += [
                attribute.datatype
                for attribute in wsme.types.list_attributes(kind)
            ]
    return found


def _is_structure(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, wsme.types.Base)


def _structure(kind: type[wsme.types.Base]) -> Schema:
    properties = {}
    for attribute in wsme.types.list_attributes(kind):
        name = attribute.name
        schema = of_type(attribute.datatype)
        if (kind, name) in _VALUES:
            schema = {**schema, 'enum': [*map(str, _VALUES[kind, name])]}
        if name in _NULLABLE.get(kind, ()):
            schema = _nullable(schema)
        properties[name] = schema
    return {
        'type': 'object',
        'description': (kind.__doc__ or '').strip(),
        'properties': properties,
        'required': [*_REQUIRED.get(kind, properties)],
    }


def _nullable(schema: Schema) -> Schema:
    if '$ref' in schema:
        return {'anyOf': [schema, {'type': 'null'}]}
    return {**schema, 'type': [schema['type'], 'null']}


def _record(optional: Iterable[str] = (), **properties: Schema) -> Schema:
    required = [name for name in properties if name not in tuple(optional)]
    return {**_OBJECT, 'properties': properties, 'required': required}


_SUMMARY: Mapping[str, Schema] = {
    'http_methods': _STRINGS,
    'async': _BOOLEAN,
    'description': _STRING,
    'attach': _BOOLEAN,
}

#: Schemas of bodies that have no WSME type.
OTHERS: Mapping[str, Schema] = {
    'MethodSummary': _record(**_SUMMARY),
    'MethodDetails': _record(
        **_SUMMARY,
        long_description=_STRING,
        deprecated={'type': ['string', 'null']},
        parameters={**_OBJECT, 'description': 'JSON Schema (2020-12).'},
        examples={'type': 'array', 'items': _OBJECT},
        result={**_OBJECT, 'description': 'JSON Schema (2020-12).'},
        timeout={'type': ['number', 'null']},
        target=_STRINGS,
        secret=_STRINGS,
        dangerous=_BOOLEAN,
    ),
    'Health': _record(
        healthy=_BOOLEAN,
        checks={
            **_OBJECT,
            'additionalProperties': _record(
                healthy=_BOOLEAN, detail={'type': ['string', 'null']}
            ),
        },
    ),
    'Error': _record(
        error_message={
            **_STRING,
            'description': 'A JSON text.',
            'contentMediaType': 'application/json',
            'contentSchema': reference('Fault'),
        }
    ),
    'Fault': _record(
        optional=['partial_result'],
        faultcode={**_STRING, 'enum': ['Client', 'Server']},
        faultstring=_STRING,
        debuginfo={'type': ['string', 'null']},
        partial_result={},
    ),
    'Problem': {
        'description': 'Problem details (RFC 9457).',
        **_record(
            optional=['errors', 'partial_result', 'debuginfo'],
            type=_STRING,
            title=_STRING,
            status={'type': 'integer'},
            detail=_STRING,
            code={**_STRING, 'description': 'Stable identifier.'},
            request_id=_STRING,
            errors={
                'type': 'array',
                'items': _record(pointer=_STRING, detail=_STRING),
            },
            partial_result={},
            debuginfo=_STRING,
        ),
    },
}
