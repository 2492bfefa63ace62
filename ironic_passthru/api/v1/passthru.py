# SPDX-License-Identifier: Apache-2.0
"""Listing and calling the vendor passthru methods of drivers."""

import email.message
from typing import Any

import webob

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru import strictjson
from ironic_passthru.api import calls
from ironic_passthru.api import catalogue
from ironic_passthru.api import environ as keys
from ironic_passthru.api import expose
from ironic_passthru.api import facts
from ironic_passthru.api import faults
from ironic_passthru.api import query
from ironic_passthru.api.v1 import types

# The verbs whose parameters may stand in the query: python-ironicclient
# sends no body with them.
_QUERY_VERBS = ('GET', 'DELETE')


class PassthruController:
    """``/v1/drivers/{driver}/vendor_passthru``.

    :param max_depth: how deep a body may nest.
    """

    def __init__(
        self,
        catalogue: catalogue.Catalogue,
        calls: calls.Calls,
        *,
        max_depth: int,
    ) -> None:
        self._catalogue = catalogue
        self._calls = calls
        self._max_depth = max_depth

    def _driver(self, _request: Any, name: str) -> catalogue.DriverEntry:
        return self._catalogue.driver(name)

    @expose.expose({str: types.MethodSummary}, subject=_driver, constant=True)
    def methods(
        self, request: Any, entry: catalogue.DriverEntry
    ) -> dict[str, types.MethodSummary]:
        """Return the methods of a driver."""
        return {
            name: types.MethodSummary(
                http_methods=list(method.http_methods),
                async_call=method.async_call,
                description=method.description,
                attach=method.attach,
            )
            for name, method in sorted(entry.methods.items())
        }

    @expose.controller
    def call_by_query(
        self, request: Any, response: Any, driver: str
    ) -> webob.Response:
        """Call the method that the query names."""
        method = query.first(request.environ, 'method')
        return self._call(request, driver, method, own_arguments=('method',))

    @expose.controller
    def call_by_path(
        self, request: Any, response: Any, driver: str, method: str
    ) -> webob.Response:
        """Call the method that the path names."""
        return self._call(request, driver, method, own_arguments=())

    def _call(
        self,
        request: Any,
        driver: str,
        name: str,
        *,
        own_arguments: tuple[str, ...],
    ) -> webob.Response:
        """Check a call, the earlier fault first; forward it; answer.

        :param own_arguments: those of the query that are no parameters.
        """
        environ = request.environ
        verb = request.method
        method, servers = self._catalogue.route(driver, name)
        if verb not in method.http_methods:
            raise errors.VerbNotSupported(method=name, verb=verb)
        if not method.attach:
            faults.check_accept(environ)
        texts = query.parameters(environ)
        for argument in own_arguments:
            del texts[argument]
        values = _query_values(method, verb, texts)
        for key, value in self._body(environ).items():
            if key in values:
                raise errors.InvalidArgument(
                    name=key, reason='it stands in query and body'
                )
            values[key] = value
        noted = facts.of(environ)
        noted.parameters = values
        method.parameters.check(values)
        noted.method = method
        return self._calls.send(
            request,
            calls.Call(
                driver=driver,
                method=method,
                verb=verb,
                parameters=values,
                servers=servers,
            ),
        )

    def _body(self, environ: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters that the body holds.

        :raises: InvalidBody, BodyTooDeep.
        """
        body: bytes = environ[keys.BODY]
        if not body:
            return {}
        _check_charset(environ[keys.CONTENT_TYPE])
        try:
            text = body.decode('utf-8-sig')
        except UnicodeDecodeError:
            raise errors.InvalidBody(reason='it is not UTF-8') from None
        if not text:
            return {}
        try:
            value = strictjson.loads(text, max_depth=self._max_depth)
        except strictjson.TooDeep:
            raise errors.BodyTooDeep(limit=self._max_depth) from None
        except strictjson.InvalidJSON as error:
            raise errors.InvalidBody(reason=str(error)) from None
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise errors.InvalidBody(reason='it is not a JSON object')
        return value


def _check_charset(content_type: str) -> None:
    if 'charset' not in content_type.lower():
        return
    message = email.message.Message()
    message['Content-Type'] = content_type
    charset = message.get_param('charset')
    if isinstance(charset, str) and charset.lower() not in ('utf-8', 'utf8'):
        raise errors.InvalidBody(reason='its charset is not UTF-8')


def _query_values(
    method: spec.MethodSpec, verb: str, texts: dict[str, str]
) -> dict[str, Any]:
    """Return the parameters that the query holds, read by their types.

    :raises: UnexpectedArguments for all else that it holds.
    """
    allowed = method.parameters.names if verb in _QUERY_VERBS else ()
    unexpected = [name for name in texts if name not in allowed]
    if unexpected:
        raise errors.UnexpectedArguments(names=', '.join(unexpected))
    return {
        name: method.parameters.read_text(name, text)
        for name, text in texts.items()
    }
