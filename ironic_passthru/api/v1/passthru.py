# SPDX-License-Identifier: Apache-2.0
"""Listing and calling the vendor passthru methods of drivers."""

import email.message
import functools
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import webob

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.api.auth import policy
from ironic_passthru.api.calls import audit_data
from ironic_passthru.api.calls import dispatch
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import query
from ironic_passthru.api.registry import catalog
from ironic_passthru.api.registry import driver_versions
from ironic_passthru.api.v1 import types
from ironic_passthru.policies import drivers as rules
from ironic_passthru.rpc import protocol
from ironic_passthru.validation import strict_json

# The verbs whose parameters may stand in the query: python-ironicclient
# sends no body with them.
_QUERY_VERBS = ('GET', 'DELETE')


class PassthruController:
    """``/v1/drivers/{driver}/vendor_passthru``.

    :param max_depth: how deep a body may nest.
    """

    def __init__(
        self,
        catalog: catalog.Catalog,
        calls: dispatch.CallDispatcher,
        *,
        policy: policy.Policy,
        max_depth: int,
    ) -> None:
        self._catalog = catalog
        self._calls = calls
        self._policy = policy
        self._max_depth = max_depth

    def _methods(
        self, request: Any, driver: str
    ) -> driver_versions.MethodList:
        """Return those methods of a driver that the caller may call."""
        context = request.environ[keys.CONTEXT]
        self._policy.authorize(context, rules.GET, {'driver': driver})
        entry = self._catalog.driver(driver)
        verdict = self._policy.verdict(context, rules.CALL)
        every = entry.allowed.methods
        permitted = {
            name: method
            for name, method in every.items()
            if any(
                _permitted(
                    verdict,
                    driver,
                    name,
                    entry.route(name).groups,
                    http_method=http_method,
                    dangerous=method.dangerous,
                )
                for http_method in method.http_methods
            )
        }
        if len(permitted) == len(every):
            return entry.allowed
        return driver_versions.MethodList(permitted)

    @expose.expose({str: types.MethodSummary}, subject=_methods, constant=True)
    def methods(
        self, request: Any, found: driver_versions.MethodList
    ) -> dict[str, types.MethodSummary]:
        """Return the methods of a driver."""
        return {
            name: types.MethodSummary(
                http_methods=list(method.http_methods),
                async_call=method.async_call,
                description=method.description,
                attach=method.attach,
            )
            for name, method in sorted(found.methods.items())
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
        http_method = request.method
        method, servers = self._route(request, driver, name)
        if http_method not in method.http_methods:
            raise errors.VerbNotSupported(
                method=name,
                http_method=http_method,
                allowed=', '.join(method.http_methods),
            )
        if not method.attach:
            error_responses.check_accept(environ)
        texts = query.parameters(environ)
        for argument in own_arguments:
            del texts[argument]
        values = _query_values(method, http_method, texts)
        for key, value in self._body(environ).items():
            if key in values:
                raise errors.InvalidArgument(
                    name=key, reason='it stands in query and body'
                )
            values[key] = value
        noted = audit_data.of(environ)
        noted.parameters = values
        method.parameters.check(values)
        noted.method = method
        return self._calls.send(
            request,
            dispatch.CheckedCall(
                driver=driver,
                method=method,
                http_method=http_method,
                parameters=values,
                servers=servers,
            ),
        )

    def _route(
        self, request: Any, driver: str, name: str
    ) -> tuple[spec.MethodSpec, Sequence[protocol.ConductorAddress]]:
        """Return the method and the conductors that the caller may use.

        :raises: Forbidden, DangerousMethod, and as Catalog.route() where
            the caller may learn what exists.
        """
        verdict = self._policy.verdict_on_named(
            request.environ[keys.CONTEXT], rules.CALL
        )
        permitted = functools.partial(
            _permitted, verdict, driver, name, http_method=request.method
        )
        # First whatever the method may be, so that neither the decisions
        # nor reading the registry depend on whether it exists.
        every = self._catalog.snapshot().groups
        possible = {
            dangerous: permitted(every, dangerous=dangerous)
            for dangerous in (True, False)
        }
        if not any(possible.values()):
            raise errors.Forbidden(rule=rules.CALL)
        if any(len(groups) < len(every) for groups in possible.values()):
            known = self._catalog.known_route(driver, name)
            if known is None or known.groups.keys().isdisjoint(
                possible[known.method.dangerous]
            ):
                raise errors.Forbidden(rule=rules.CALL)
        route = self._catalog.route(driver, name)
        groups = permitted(route.groups, dangerous=route.method.dangerous)
        if not groups:
            raise errors.Forbidden(rule=rules.CALL)
        if not route.method.allowed:
            raise errors.DangerousMethod(driver=driver, method=name)
        return route.method, route.within(groups)

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
            value = strict_json.loads(text, max_depth=self._max_depth)
        except strict_json.TooDeep:
            raise errors.BodyTooDeep(limit=self._max_depth) from None
        except strict_json.InvalidJSON as error:
            raise errors.InvalidBody(reason=str(error)) from None
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise errors.InvalidBody(reason='it is not a JSON object')
        return value


def _permitted(
    verdict: policy.Verdict,
    driver: str,
    method: str,
    groups: Iterable[str],
    *,
    http_method: str,
    dangerous: bool,
) -> list[str]:
    """Return the groups of conductors in which a call is permitted."""
    return [
        group
        for group in groups
        if verdict(
            _target(
                driver,
                method,
                http_method=http_method,
                dangerous=dangerous,
                group=group,
            )
        )
    ]


def _target(
    driver: str, method: str, *, http_method: str, dangerous: bool, group: str
) -> dict[str, Any]:
    return {
        'driver': driver,
        'method': method,
        'http_method': http_method,
        'dangerous': dangerous,
        'conductor_group': group,
    }


def _check_charset(content_type: str) -> None:
    if 'charset' not in content_type.lower():
        return
    message = email.message.Message()
    message['Content-Type'] = content_type
    charset = message.get_param('charset')
    if isinstance(charset, str) and charset.lower() not in ('utf-8', 'utf8'):
        raise errors.InvalidBody(reason='its charset is not UTF-8')


def _query_values(
    method: spec.MethodSpec, http_method: str, texts: dict[str, str]
) -> dict[str, Any]:
    """Return the parameters that the query holds, read by their types.

    :raises: UnexpectedArguments for all else that it holds.
    """
    allowed = method.parameters.names if http_method in _QUERY_VERBS else ()
    unexpected = [name for name in texts if name not in allowed]
    if unexpected:
        hint = ''
        # No body may name the method.
        if http_method not in _QUERY_VERBS and 'method' not in unexpected:
            hint = (
                f'{http_method} takes parameters from a JSON object in the '
                'body.'
            )
        raise errors.UnexpectedArguments(
            names=', '.join(unexpected), hint=hint
        )
    return {
        name: method.parameters.read_text(name, text)
        for name, text in texts.items()
    }
