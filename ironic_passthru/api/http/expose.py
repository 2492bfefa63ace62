# SPDX-License-Identifier: Apache-2.0
"""Decorators that expose methods as Pecan controllers."""

import dataclasses
import json
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import pecan
import webob
import wsme.types
from wsme.rest import args as wsme_args
from wsme.rest import json as wsme_json

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import query
from ironic_passthru.api.http import versions


@dataclasses.dataclass(frozen=True)
class Argument:
    """A query parameter.

    :param kind: its WSME type.
    :param since: first API version with this parameter.
    :param repeatable: whether it may occur more than once, which is the same
        as once with all texts, separated by commas.
    """

    kind: Any
    since: versions.APIVersion = versions.MINIMUM
    repeatable: bool = False


@dataclasses.dataclass(frozen=True)
class ExposedResponse:
    """A value with a status and additional headers."""

    value: Any
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


def json_response(value: Any, status: int = 200) -> webob.Response:
    """Return a response with ``value`` as JSON."""
    return json_text_response(json.dumps(value).encode('ascii'), status)


def json_text_response(body: bytes, status: int = 200) -> webob.Response:
    """Return a response with a JSON text."""
    return webob.Response(
        body, status, [('Content-Type', error_responses.JSON)]
    )


def options_response() -> webob.Response:
    """Return the empty response to OPTIONS; CORS has its own layer."""
    response = webob.Response(status=200)
    del response.headers['Content-Type']
    return response


def controller(function: Callable[..., Any]) -> Callable[..., Any]:
    """Expose a method that takes a request and returns a response."""
    decorate = pecan.expose(content_type=error_responses.JSON)
    exposed: Callable[..., Any] = decorate(function)
    return exposed


def expose(
    return_type: Any,
    *,
    subject: Callable[..., Any] | None = None,
    **arguments: Argument,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Expose a method that returns a value, or an ExposedResponse.

    The method gets the request, the return value of ``subject`` and, by name,
    the arguments that the query contains.

    :param return_type: WSME type of the value.
    :param subject: method that returns the resource of the path; called with
        the request and the variable segments of the path. Its errors take
        precedence over errors of the query.
    :param arguments: allowed query parameters.
    """
    value_type = wsme.types.register_type(return_type)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def handler(
            self: Any,
            request: webob.Request,
            response: webob.Response,
            *segments: str,
        ) -> webob.Response:
            found = (subject(self, request, *segments),) if subject else ()
            error_responses.check_accept(request.environ)
            values = query_values(request, arguments)
            result = _as_exposed(function(self, request, *found, **values))
            response = json_response(
                wsme_json.tojson(value_type, result.value), result.status
            )
            response.headers.update(result.headers)
            return response

        handler.__name__ = function.__name__
        handler.__doc__ = function.__doc__
        # The OpenAPI document describes them.
        handler.__dict__.update(arguments=arguments, return_type=value_type)
        return controller(handler)

    return decorate


def _as_exposed(result: Any) -> ExposedResponse:
    if isinstance(result, ExposedResponse):
        return result
    return ExposedResponse(result)


def query_values(
    request: webob.Request, arguments: Mapping[str, Argument]
) -> dict[str, Any]:
    """Return the values of the query parameters of a request.

    :raises: FieldNotInVersion, UnexpectedArguments, InvalidArgument.
    """
    texts = query.texts(
        request.environ,
        [name for name, each in arguments.items() if each.repeatable],
    )
    version = request.environ[environ_keys.VERSION]
    for name in texts:
        if name in arguments:
            versions.require(version, arguments[name].since, name)
    query.check_names(texts, arguments)
    values = {}
    for name, parts in texts.items():
        datatype = wsme.types.register_type(arguments[name].kind)
        try:
            values[name] = wsme_args.from_param(datatype, ','.join(parts))
        except ValueError as error:
            raise errors.InvalidArgument(
                name=name, reason=str(error)
            ) from None
    return values
