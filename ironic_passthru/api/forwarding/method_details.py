# SPDX-License-Identifier: Apache-2.0
"""Details of the methods of Ironic's drivers.

Ironic has only the plain list of methods. This service makes the details that
its own methods have from the list, without the schemas, which are unknown.
Clients that send an Idempotency-Key recognize the methods by ``forwarded``.
"""

import json
from collections.abc import Mapping
from typing import Any
from wsgiref import types as wsgi_types

import webob

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.api.forwarding import ironic_client
from ironic_passthru.api.forwarding import outgoing
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import query
from ironic_passthru.api.http import routes
from ironic_passthru.api.v1 import passthru

# Any parameters; the result is unknown.
_UNKNOWN = spec.MethodSpec(
    name='',
    http_methods=(),
    async_call=False,
    attach=False,
    description='',
    schema={'type': 'object'},
).details()

_LIST = 'passthru.methods'
_ONE = 'passthru.method'


def find(
    environ: wsgi_types.WSGIEnvironment,
    match: routes.RouteMatch,
    client: ironic_client.IronicClient,
) -> webob.Response | None:
    """Return the details of the methods of a driver, or of one method.

    :returns: None if the request is not for details.
    :raises: UnknownMethod, RequestError; errors of
        ``IronicClient.forward()``.
    """
    controller = match.route.controller if match.route else ''
    if controller == _ONE:
        query.check_names(query.parameters(environ), ())
    elif controller != _LIST or not _detail(environ):
        return None
    error_responses.check_accept(environ)
    driver = match.variables['driver']
    answer = client.methods(environ, driver)
    if answer.status != 200:
        return outgoing.response(answer, environ['REQUEST_METHOD'])
    methods = _methods(answer.body)
    if controller == _LIST:
        return expose.json_response(methods)
    name = match.variables['method']
    if name not in methods:
        raise errors.UnknownMethod(driver=driver, method=name)
    return expose.json_response(methods[name])


def _detail(environ: wsgi_types.WSGIEnvironment) -> bool:
    """Return whether the query requests details, and nothing else."""
    if query.texts(environ, ['detail']).keys() != {'detail'}:
        return False
    values = expose.query_values(
        webob.Request(environ), passthru.METHODS_ARGUMENTS
    )
    return bool(values['detail'])


def _methods(body: bytes) -> dict[str, Any]:
    """Return the details by name of method; empty for an invalid list."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return {}
    return {
        name: {**_UNKNOWN, **method, 'forwarded': True}
        for name, method in found.items()
        if isinstance(method, Mapping)
    }
