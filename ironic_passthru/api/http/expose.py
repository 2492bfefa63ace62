# SPDX-License-Identifier: Apache-2.0
"""From a function with WSME types to a Pecan controller that answers JSON."""

import dataclasses
import json
import weakref
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import pecan
import webob
import wsme.types
from wsme import api as wsme_api
from wsme.rest import args as wsme_args
from wsme.rest import json as wsme_json

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import query
from ironic_passthru.api.http import versions


@dataclasses.dataclass(frozen=True)
class Argument:
    """A parameter that a query may hold.

    :param kind: its WSME type.
    :param since: the version of the API that it came with.
    """

    kind: Any
    since: versions.APIVersion = versions.MINIMUM


@dataclasses.dataclass(frozen=True)
class ExposedResponse:
    """What a method returns that says more than a value.

    :param headers: by name, further ones of the response.
    """

    value: Any
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


def json_response(value: Any, status: int = 200) -> webob.Response:
    """Return a response that holds ``value`` as JSON."""
    return _response(json.dumps(value).encode('ascii'), status)


def _response(body: bytes, status: int = 200) -> webob.Response:
    return webob.Response(
        body, status, [('Content-Type', error_responses.JSON)]
    )


def controller(function: Callable[..., Any]) -> Callable[..., Any]:
    """Expose a method that takes a request and returns a response."""
    return pecan.expose(content_type=error_responses.JSON)(function)


def expose(
    return_type: Any,
    *,
    subject: Callable[..., Any] | None = None,
    constant: bool = False,
    **arguments: Argument,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Expose a method of a resource that is read.

    The method gets the request, what ``subject`` found and, by name, those
    of its arguments that the query gives. It returns a value, or an
    :class:`Answer` around one.

    :param return_type: WSME type of what the method returns.
    :param subject: method that finds what the path names, from the request
        and the variable segments of the path. That there is no such thing
        is told before any fault of the query.
    :param constant: the answer depends on nothing but what ``subject``
        found, so it is written once for each.
    :param arguments: what the query may hold.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        definition = _definition(function, return_type, arguments)
        written: weakref.WeakKeyDictionary[Any, bytes] = (
            weakref.WeakKeyDictionary()
        )

        def handler(
            self: Any, request: Any, response: Any, *segments: str
        ) -> webob.Response:
            found: tuple[Any, ...] = ()
            if subject:
                found = (subject(self, request, *segments),)
            error_responses.check_accept(request.environ)
            values = _values(
                definition,
                query.parameters(request.environ),
                arguments=arguments,
                version=request.environ[keys.VERSION],
            )
            body = written.get(found[0]) if found and constant else None
            if body is not None:
                return _response(body)
            answer = function(self, request, *found, **values)
            if not isinstance(answer, ExposedResponse):
                answer = ExposedResponse(answer)
            plain = wsme_json.tojson(definition.return_type, answer.value)
            response = json_response(plain, answer.status)
            response.headers.update(answer.headers)
            if found and constant:
                written[found[0]] = response.body
            return response

        handler.__name__ = function.__name__
        handler.__doc__ = function.__doc__
        return controller(handler)

    return decorate


def _definition(
    function: Callable[..., Any],
    return_type: Any,
    arguments: Mapping[str, Argument],
) -> wsme_api.FunctionDefinition:
    definition = wsme_api.FunctionDefinition(function)
    definition.return_type = wsme.types.register_type(return_type)
    definition.arguments = [
        wsme_api.FunctionArgument(
            name, wsme.types.register_type(argument.kind), 0, None
        )
        for name, argument in arguments.items()
    ]
    return definition


def _values(
    definition: wsme_api.FunctionDefinition,
    texts: dict[str, str],
    *,
    arguments: Mapping[str, Argument],
    version: versions.APIVersion,
) -> dict[str, Any]:
    """Return the values that ``texts`` stand for.

    :raises: FieldNotInVersion, UnexpectedArguments, InvalidArgument.
    """
    for name in texts:
        if name in arguments:
            versions.require(version, arguments[name].since, name)
    unknown = [name for name in texts if name not in arguments]
    if unknown:
        raise errors.UnexpectedArguments(names=', '.join(unknown))
    values = {}
    for name, text in texts.items():
        datatype = definition.get_arg(name).datatype
        try:
            values[name] = wsme_args.from_param(datatype, text)
        except ValueError as error:
            raise errors.InvalidArgument(
                name=name, reason=str(error)
            ) from None
    return values
