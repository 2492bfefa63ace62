# SPDX-License-Identifier: Apache-2.0
"""From a function with WSME types to a Pecan controller that answers JSON."""

import json
from collections.abc import Callable
from typing import Any

import pecan
import webob
import wsme.types
from wsme import api as wsme_api
from wsme.rest import args as wsme_args
from wsme.rest import json as wsme_json

from ironic_passthru import errors
from ironic_passthru.api import faults
from ironic_passthru.api import query


def json_response(value: Any, status: int = 200) -> webob.Response:
    """Return a response that holds ``value`` as JSON."""
    response = webob.Response(status=status, charset='UTF-8')
    response.content_type = faults.JSON
    response.body = json.dumps(value).encode('ascii')
    return response


def controller(function: Callable[..., Any]) -> Callable[..., Any]:
    """Expose a method that takes a request and returns a response."""
    return pecan.expose(content_type=faults.JSON)(function)


def expose(
    return_type: Any, **argument_types: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Expose a method of a resource that is read.

    The method gets the request, the variable segments of the path and, by
    name, those of its arguments that the query gives.

    :param return_type: WSME type of what the method returns.
    :param argument_types: WSME types of the query's parameters.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        definition = _definition(function, return_type, argument_types)

        def handler(
            self: Any, request: Any, response: Any, *segments: str
        ) -> webob.Response:
            faults.check_accept(request.environ)
            arguments = _arguments(
                definition, query.parameters(request.environ)
            )
            value = function(self, request, *segments, **arguments)
            return json_response(
                wsme_json.tojson(definition.return_type, value)
            )

        handler.__name__ = function.__name__
        handler.__doc__ = function.__doc__
        return controller(handler)

    return decorate


def _definition(
    function: Callable[..., Any],
    return_type: Any,
    argument_types: dict[str, Any],
) -> wsme_api.FunctionDefinition:
    definition = wsme_api.FunctionDefinition(function)
    definition.return_type = wsme.types.register_type(return_type)
    definition.arguments = [
        wsme_api.FunctionArgument(name, wsme.types.register_type(kind), 0, None)
        for name, kind in argument_types.items()
    ]
    return definition


def _arguments(
    definition: wsme_api.FunctionDefinition, texts: dict[str, str]
) -> dict[str, Any]:
    """Return the arguments that ``texts`` stand for.

    :raises: UnexpectedArguments, InvalidArgument.
    """
    unknown = [name for name in texts if definition.get_arg(name) is None]
    if unknown:
        raise errors.UnexpectedArguments(names=', '.join(unknown))
    arguments = {}
    for name, text in texts.items():
        datatype = definition.get_arg(name).datatype
        try:
            arguments[name] = wsme_args.from_param(datatype, text)
        except ValueError as error:
            raise errors.InvalidArgument(
                name=name, reason=str(error)
            ) from None
    return arguments
