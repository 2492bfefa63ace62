# SPDX-License-Identifier: Apache-2.0
"""OpenAPI operations of the routes.

Routes and controllers declare paths, HTTP methods, query parameters, types of
bodies and summaries; :data:`ADDITIONS` contains the rest.
"""

import dataclasses
import inspect
import re
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import wsme.types

from ironic_passthru import operation
from ironic_passthru.api import health
from ironic_passthru.api.http import conductor_group
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import routes
from ironic_passthru.api.http import versions
from ironic_passthru.api.openapi import responses
from ironic_passthru.api.openapi import schemas
from ironic_passthru.api.v1 import conductors
from ironic_passthru.api.v1 import drivers
from ironic_passthru.api.v1 import operations
from ironic_passthru.api.v1 import passthru
from ironic_passthru.api.v1 import root
from ironic_passthru.api.v1 import types

#: HTTP methods of calls.
CALL_VERBS = ('GET', 'POST', 'PUT', 'DELETE', 'PATCH')
#: HTTP methods of calls whose parameters are a body.
BODY_VERBS = ('POST', 'PUT', 'PATCH')

#: Controllers by the name before the dot in the table of routes.
CONTROLLERS: Mapping[str, Any] = {
    'root': root.RootController,
    'drivers': drivers.DriversController,
    'passthru': passthru.PassthruController,
    'conductors': conductors.ConductorsController,
    'operations': operations.OperationsController,
    'health': health.HealthController,
}


@dataclasses.dataclass(frozen=True)
class Addition:
    """The parts of an operation that no code declares.

    :param summary: summary without a controller.
    :param success: responses of success, and special errors; by default 200
        with the type that the controller declares.
    :param errors: statuses of errors in addition to the usual ones.
    :param parameters: names of shared parameters.
    :param headers: names of headers of the default response.
    :param arguments: query parameters that the controller reads by itself.
    """

    summary: str = ''
    success: Mapping[str, responses.Part] = dataclasses.field(
        default_factory=dict
    )
    errors: tuple[int, ...] = ()
    parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    arguments: Mapping[str, expose.Argument] = dataclasses.field(
        default_factory=dict
    )


# Generators use the first one.
_ANY_RESULT: schemas.Schema = {'application/json': {}, '*/*': {}}
_CALL = Addition(
    success=responses.call(_ANY_RESULT),
    errors=responses.CALL_ERRORS,
    parameters=responses.CALL_PARAMETERS,
)
_HEALTH = schemas.reference('Health')
_DETAILS = schemas.reference('MethodDetails')
_OPERATION = schemas.of_type(types.OperationResource)
_NO_ADDITION = Addition()

#: By the controller of the route; empty for the short health check.
ADDITIONS: Mapping[str, Addition] = {
    '': Addition(
        summary='Check that the process can answer.',
        success={
            '200': responses.success(
                'OK',
                {
                    'text/plain': {'type': 'string'},
                    'text/html': {'type': 'string'},
                    'application/json': {'type': 'object'},
                },
            )
        },
    ),
    'health.detailed': Addition(
        success={
            '200': responses.json_success('All checks succeeded.', _HEALTH),
            '503': responses.failure('A check failed.', 503, _HEALTH),
        }
    ),
    'passthru.methods': Addition(
        success={
            '200': responses.json_success(
                'Methods by name; all details with ``detail``.',
                {
                    'type': 'object',
                    'additionalProperties': {
                        'anyOf': [_DETAILS, schemas.reference('MethodSummary')]
                    },
                },
            )
        },
        parameters=(conductor_group.HEADER,),
        arguments=passthru.METHODS_ARGUMENTS,
    ),
    'passthru.method': Addition(
        success={'200': responses.json_success('Method.', _DETAILS)},
        parameters=(conductor_group.HEADER,),
    ),
    'passthru.call_by_query': dataclasses.replace(
        _CALL, arguments={'method': expose.Argument(str)}
    ),
    'passthru.call_by_path': _CALL,
    'conductors.get_all': Addition(errors=(404,)),
    'operations.get_one': Addition(
        parameters=('Prefer',), headers=('Retry-After', 'Preference-Applied')
    ),
    'operations.delete': Addition(
        success={
            '200': responses.json_success('Cancelled.', _OPERATION),
            '202': responses.json_success(
                'Cancellation requested.', _OPERATION, ('Retry-After',)
            ),
        },
        errors=(409,),
    ),
    'operations.result': Addition(
        success=responses.call(_ANY_RESULT),
        errors=(409, 410, 504),
        parameters=('Prefer',),
    ),
    'operations.events': Addition(
        success={
            '200': responses.success(
                'Server-Sent Events; their data are members of the '
                'operation, as JSON.',
                # Some tools read a schema as that of the body, others as that
                # of each event, or of its data.
                {'text/event-stream': {}},
                ('X-Accel-Buffering',),
            ),
            '204': responses.success('No further events.'),
        },
        parameters=('Last-Event-ID',),
    ),
    'openapi.get': Addition(
        summary='Return this document.',
        success={
            '200': responses.json_success(
                'OpenAPI 3.1.', {'type': 'object'}, ('ETag',)
            ),
            '304': responses.success('Not Modified.', headers=('ETag',)),
        },
        parameters=('If-None-Match',),
    ),
}

# Of each operation: that of other HTTP methods, 405, is not.
_EVERYWHERE = (400, 408, 411, 413, 414, 500)
_BEHIND_LOGIN = (401, 403, 503)

# Whose errors drivers define.
_OF_DRIVERS = (
    'passthru.call_by_query',
    'passthru.call_by_path',
    'operations.result',
)
_REQUIRED = {('passthru.call_by_query', 'method')}
_CHOICES: Mapping[tuple[str, str], Iterable[str]] = {
    ('drivers.get_all', 'type'): drivers.TYPES,
    ('operations.get_all', 'state'): operation.State,
}
_LIMITS: Mapping[tuple[str, str], schemas.Schema] = {
    ('passthru.call_by_query', 'method'): {'minLength': 1},
}


def _addition(route: routes.Route) -> Addition:
    return ADDITIONS.get(route.controller, _NO_ADDITION)


def handler(route: routes.Route) -> Any:
    """Return the function of a route; None if there is no controller."""
    name, _, method = route.controller.partition('.')
    return getattr(CONTROLLERS.get(name), method, None) if method else None


def arguments(route: routes.Route) -> Mapping[str, expose.Argument]:
    """Return the query parameters of a route."""
    declared = getattr(handler(route), 'arguments', {})
    return {**declared, **_addition(route).arguments}


def return_types() -> list[Any]:
    """Return the types of bodies that controllers declare."""
    found = [_return_type(route) for route in routes.ROUTES]
    return [kind for kind in found if kind is not None]


def paths() -> dict[str, Any]:
    """Return the path items of all routes."""
    found: dict[str, Any] = {}
    for route in routes.ROUTES:
        item = found.setdefault(route.path, {})
        for verb in verbs(route):
            item[verb.lower()] = _operation(route, verb)
    return found


def operation_ids() -> set[str]:
    """Return the ids of the operations of all routes."""
    return {
        operation['operationId']
        for item in paths().values()
        for operation in item.values()
    }


def verbs(route: routes.Route) -> tuple[str, ...]:
    """Return the HTTP methods of a route in the document."""
    # Clients need no operations for HEAD, which all reading routes accept.
    return tuple(v for v in route.http_methods or CALL_VERBS if v != 'HEAD')


def errors(route: routes.Route) -> set[int]:
    """Return the statuses of errors of a route."""
    found = {*_EVERYWHERE, *_addition(route).errors}
    if route.controller:
        found.add(406)
    if not route.public:
        found.update(_BEHIND_LOGIN)
    if '{' in route.path:
        found.add(404)
    return found


#: Statuses of errors of calls.
CALL_STATUSES = frozenset(
    status
    for route in routes.ROUTES
    if route.controller == 'passthru.call_by_path'
    for status in errors(route)
)


def _return_type(route: routes.Route) -> Any:
    return getattr(handler(route), 'return_type', None)


def _operation(route: routes.Route, verb: str) -> responses.Part:
    addition = _addition(route)
    name, _, method = (route.controller or 'health.short').partition('.')
    operation_id = f'{name}_{method}'
    found: responses.Part = {
        'operationId': operation_id,
        'summary': addition.summary or _summary(handler(route)),
        'tags': [name],
        'parameters': _parameters(route, verb),
        'responses': responses.failures(
            errors(route), of_driver=route.controller in _OF_DRIVERS
        )
        | dict(addition.success or _success(route)),
    }
    if not route.http_methods:
        found['operationId'] += f'_{verb.lower()}'
        if verb in BODY_VERBS:
            found['requestBody'] = responses.request_body({'type': 'object'})
    if route.public:
        found['security'] = []
    return found


def _success(route: routes.Route) -> dict[str, responses.Part]:
    body = schemas.of_type(_return_type(route))
    headers = _addition(route).headers
    return {'200': responses.json_success('OK.', body, headers)}


def _summary(function: Any) -> str:
    return (inspect.getdoc(function) or '').partition('\n')[0]


def _parameters(route: routes.Route, verb: str) -> list[responses.Part]:
    found: list[responses.Part] = [
        {
            'name': name,
            'in': 'path',
            'required': True,
            # A slash would be another path.
            'schema': {'type': 'string', 'pattern': '^[^/]+$'},
        }
        for name in re.findall(r'\{(\w+)\}', route.path)
    ]
    for name, argument in arguments(route).items():
        found.append(_query_parameter(route, name, argument))
    return found + [
        responses.parameter(name)
        for name in (versions.HEADER, *_addition(route).parameters)
        # The short health check ignores versions.
        if route.controller and responses.is_used(name, verb)
    ]


def _query_parameter(
    route: routes.Route, name: str, argument: expose.Argument
) -> responses.Part:
    schema = schemas.of_type(argument.kind)
    choices = _choices(route, name)
    if choices and 'items' in schema:
        schema = {**schema, 'items': {**schema['items'], 'enum': choices}}
    elif choices:
        schema = {**schema, 'enum': choices}
    else:
        schema = {**schema, **_LIMITS.get((route.controller, name), {})}
    found: responses.Part = {'name': name, 'in': 'query', 'schema': schema}
    if (route.controller, name) in _REQUIRED:
        found['required'] = True
    if 'items' in schema:
        found |= {'style': 'form', 'explode': False}
    if argument.since > versions.MINIMUM:
        found['description'] = f'Since API version {argument.since}.'
    return found


def _choices(route: routes.Route, name: str) -> list[str]:
    """Return the allowed values of a query parameter, if they are known."""
    if name != 'fields':
        return [*map(str, _CHOICES.get((route.controller, name), ()))]
    (kind,) = _resources(_return_type(route))
    return [attribute.name for attribute in wsme.types.list_attributes(kind)]


def _resources(kind: Any) -> list[Any]:
    """Return the type of a resource, or of the items of a collection."""
    items = [
        attribute.datatype.item_type
        for attribute in wsme.types.list_attributes(kind)
        if isinstance(attribute.datatype, wsme.types.ArrayType)
    ]
    return items if kind.__name__.endswith('Collection') else [kind]
