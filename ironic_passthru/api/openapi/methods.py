# SPDX-License-Identifier: Apache-2.0
"""OpenAPI operations of driver methods."""

import dataclasses
from collections.abc import Mapping
from typing import Any
from urllib import parse

from ironic_passthru import spec
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import versions
from ironic_passthru.api.openapi import definitions
from ironic_passthru.api.openapi import responses
from ironic_passthru.api.openapi import surface

# The path of the list of methods.
_LIST = 'methods'
_NULL = {'type': 'null'}
_UNSUPPORTED = (
    'Its JSON Schema has references that this document cannot contain: see '
    'the details of the method.'
)


@dataclasses.dataclass(frozen=True)
class CallableMethod:
    """A method that a caller may call.

    :param http_methods: the permitted HTTP methods.
    """

    driver: str
    method: spec.MethodSpec
    http_methods: tuple[str, ...]

    @property
    def path(self) -> str:
        """Path of the call."""
        driver, method = (
            parse.quote(name, safe='')
            for name in (self.driver, self.method.name)
        )
        return f'/v1/drivers/{driver}/vendor_passthru/{method}'

    @property
    def verbs(self) -> list[str]:
        """HTTP methods with which the path is a call of the method."""
        names = (self.driver, self.method.name)
        if any('/' in name or name in ('.', '..') for name in names):
            return []
        return [
            verb
            for verb in self.http_methods
            if verb in surface.CALL_VERBS
            and (verb, self.method.name) != ('GET', _LIST)
        ]


def path_item(
    found: CallableMethod, shared: definitions.Definitions
) -> dict[str, Any]:
    """Return the path item of a method; empty if no path calls it."""
    builder = _Builder(found, shared)
    return {verb.lower(): builder.operation(verb) for verb in found.verbs}


class _Builder:
    """Makes the operations of one method."""

    def __init__(
        self, found: CallableMethod, shared: definitions.Definitions
    ) -> None:
        self._driver = found.driver
        self._method = method = found.method
        self._shared = shared
        self._prefix = definitions.identifier(found.driver)
        self._schema = shared.move(self._prefix, method.schema)
        result = shared.move(self._prefix, method.checked_result)
        self._responses = responses.failures(
            surface.CALL_STATUSES, of_driver=True
        ) | responses.call(_content(method, {} if result is None else result))

    def operation(self, verb: str) -> dict[str, Any]:
        """Return the operation with an HTTP method."""
        method = self._method
        name = definitions.identifier(method.name)
        found: dict[str, Any] = {
            'operationId': f'{self._prefix}_{name}_{verb.lower()}',
            'summary': method.description,
            'description': self._description(),
            'tags': [self._driver],
            'parameters': [],
            'responses': self._responses,
            'x-ironic-passthru': {
                'driver': self._driver,
                'method': method.name,
                **{name: getattr(method, name) for name in _EXTENSION},
                'async': method.async_call,
                'target': [*method.target],
            },
        }
        if method.deprecated is not None:
            found['deprecated'] = True
        if verb in surface.BODY_VERBS:
            found['requestBody'] = self._body()
        else:
            found['parameters'] += self._query()
        found['parameters'] += [
            responses.parameter(name)
            for name in (versions.HEADER, *responses.CALL_PARAMETERS)
            if responses.is_used(name, verb)
        ]
        return found

    def _description(self) -> str:
        method = self._method
        replaced = method.deprecated
        return '\n\n'.join(
            filter(
                None,
                (
                    method.long_description,
                    replaced and f'Deprecated: {replaced}',
                    _UNSUPPORTED if self._schema is None else '',
                ),
            )
        )

    def _body(self) -> dict[str, Any]:
        schema = {'type': 'object'} if self._schema is None else self._schema
        body = responses.request_body(
            schema, required=bool(schema.get('required'))
        )
        examples = self._method.details()['examples']
        if examples:
            body['content'][error_responses.JSON]['examples'] = {
                str(number): {'value': example}
                for number, example in enumerate(examples, 1)
            }
        return body

    def _query(self) -> list[dict[str, Any]]:
        """Return the parameters of a call without a body."""
        schema = self._schema or {}
        required = schema.get('required', ())
        return [
            self._query_parameter(name, part, required=name in required)
            for name, part in schema.get('properties', {}).items()
        ]

    def _query_parameter(
        self, name: str, schema: Any, *, required: bool
    ) -> dict[str, Any]:
        found: dict[str, Any] = {'name': name, 'in': 'query'}
        schema = _not_null(schema)
        if 'description' in schema:
            found['description'] = schema['description']
        if required:
            found['required'] = True
        if name in self._method.parameters.query.arrays:
            # Repeated.
            return {**found, 'schema': schema, 'style': 'form'}
        if self._is_object(schema):
            content = {error_responses.JSON: {'schema': schema}}
            return {**found, 'content': content}
        return {**found, 'schema': schema}

    def _is_object(self, schema: Mapping[str, Any]) -> bool:
        """Return whether a text in a query is the JSON of an object."""
        if '$ref' in schema:
            name = schema['$ref'].rpartition('/')[2]
            schema = self._shared.schemas[name]
        # True and False are schemas, too.
        return isinstance(schema, Mapping) and schema.get('type') == 'object'


# Members of the extension with the names of the spec.
_EXTENSION = ('attach', 'dangerous', 'timeout')


def _content(method: spec.MethodSpec, result: Any) -> dict[str, Any]:
    """Return the schemas of the result by media type."""
    if not method.attach:
        return {error_responses.JSON: result}
    declared = str(method.result.get('contentMediaType', '*/*'))
    media_type = declared.partition(';')[0].strip()
    if media_type.startswith('text/'):
        return {media_type: {'type': 'string'}}
    # Generators ignore responses whose only media type is a range.
    names = ['application/octet-stream'] if '*' in media_type else []
    return {name: {} for name in (*names, media_type)}


def _not_null(schema: Any) -> dict[str, Any]:
    """Return the schema of values in a query, where null is an absence."""
    if not isinstance(schema, Mapping):
        return {}
    found = dict(schema)
    if found.get('default', '') is None:
        del found['default']
    others = [each for each in found.get('anyOf', ()) if each != _NULL]
    if len(others) == 1 and isinstance(others[0], Mapping):
        del found['anyOf']
        return {**others[0], **found}
    return found
