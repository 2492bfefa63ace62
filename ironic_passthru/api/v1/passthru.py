# SPDX-License-Identifier: Apache-2.0
"""Vendor passthru methods of drivers: list and call."""

import email.message
import functools
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any
from wsgiref import types as wsgi_types

import webob

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.api import audit_data
from ironic_passthru.api.auth import policy
from ironic_passthru.api.auth import policy_rules
from ironic_passthru.api.calls import dispatch
from ironic_passthru.api.calls import routing
from ironic_passthru.api.http import conductor_group
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import query
from ironic_passthru.api.registry import catalog
from ironic_passthru.api.registry import driver_versions
from ironic_passthru.api.v1 import group_routes
from ironic_passthru.api.v1 import permissions
from ironic_passthru.api.v1 import types
from ironic_passthru.policies import drivers as rules
from ironic_passthru.validation import strict_json

METHODS_ARGUMENTS = {'detail': expose.Argument(types.boolean)}

# The query may contain parameters: python-ironicclient sends no body with
# these HTTP methods.
_QUERY_HTTP_METHODS = ('GET', 'DELETE')


class PassthruController:
    """``/v1/drivers/{driver}/vendor_passthru``.

    :param max_depth: limit for the nesting of a body.
    """

    def __init__(
        self,
        catalog: catalog.Catalog,
        dispatcher: dispatch.CallDispatcher,
        *,
        policy: policy.Policy,
        max_depth: int,
    ) -> None:
        self._catalog = catalog
        self._dispatcher = dispatcher
        self._policy = policy
        self._max_depth = max_depth

    @expose.controller
    def methods(
        self, request: webob.Request, _response: webob.Response, driver: str
    ) -> webob.Response:
        """Return the methods of a driver that the caller may call."""
        permitted = self._permitted_methods(request, driver)
        error_responses.check_accept(request.environ)
        values = expose.query_values(request, METHODS_ARGUMENTS)
        return expose.json_text_response(
            permitted.details if values.get('detail') else permitted.document
        )

    @expose.controller
    def method(
        self,
        request: webob.Request,
        _response: webob.Response,
        driver: str,
        name: str,
    ) -> webob.Response:
        """Return the details of a method that the caller may call.

        :raises: UnknownMethod, also for a method that they may not call.
        """
        found = self._permitted_methods(request, driver).methods.get(name)
        error_responses.check_accept(request.environ)
        query.check_names(query.parameters(request.environ), ())
        if found is None:
            raise errors.UnknownMethod(
                driver=driver,
                method=name,
                group=conductor_group.of(request.environ),
            )
        return expose.json_response(found.details())

    def _permitted_methods(
        self, request: webob.Request, driver: str
    ) -> driver_versions.MethodList:
        """Return the methods, in the named conductor group if there is one.

        A group that offers none is not an error: only the policy on calls
        decides whether the caller may know a group.

        :raises: Forbidden, DriverNotFound, InvalidConductorGroup.
        """
        context = request.environ[environ_keys.CONTEXT]
        self._policy.authorize(context, rules.GET, {'driver': driver})
        entry = self._catalog.driver(driver)
        group = conductor_group.of(request.environ)
        if group is None:
            verdict = self._policy.verdict(context, rules.CALL)
            return permissions.permitted_list(verdict, entry)
        verdict = self._policy.verdict_on_named(
            context, rules.CALL, not_chosen=policy_rules.NEVER_CHOSEN
        )
        # The number of decisions must not depend on whether the group exists.
        for method in entry.allowed.methods.values():
            any(permissions.permitted_verbs(verdict, driver, method, [group]))
        narrow = entry.within_group(group)
        if narrow is None:
            return driver_versions.MethodList({})
        return permissions.permitted_list(verdict, narrow)

    @expose.controller
    def call_by_query(
        self, request: webob.Request, _response: webob.Response, driver: str
    ) -> webob.Response:
        """Call the method named in the query."""
        method = query.first(request.environ[environ_keys.QUERY], 'method')
        return self._call(request, driver, method, by_query=True)

    @expose.controller
    def call_by_path(
        self,
        request: webob.Request,
        _response: webob.Response,
        driver: str,
        method: str,
    ) -> webob.Response:
        """Call the method named in the path."""
        return self._call(request, driver, method, by_query=False)

    def _call(
        self,
        request: webob.Request,
        driver: str,
        name: str,
        *,
        by_query: bool,
    ) -> webob.Response:
        """Check a call in the documented order, and send it."""
        environ = request.environ
        http_method = request.method
        data = audit_data.of(environ)
        try:
            group = conductor_group.of(environ)
        except errors.InvalidConductorGroup:
            # A refusal by the policy takes precedence.
            self._authorize(request, driver, name, None)
            raise
        data.conductor_group = group
        route, groups = self._authorize(request, driver, name, group)
        method = route.method
        if http_method not in method.http_methods:
            raise errors.VerbNotSupported(
                method=name,
                http_method=http_method,
                allowed=', '.join(method.http_methods),
            )
        if not method.attach:
            error_responses.check_accept(environ)
        values = self._parameters(request, method, by_query=by_query)
        data.parameters = values
        method.parameters.check(values)
        data.method = method
        return self._dispatcher.dispatch(
            request,
            routing.CheckedCall(
                driver=driver,
                method=method,
                http_method=http_method,
                parameters=values,
                servers=route.within(groups),
                targets=route.targets(groups),
                conductor_group=group,
            ),
        )

    def _parameters(
        self,
        request: webob.Request,
        method: spec.MethodSpec,
        *,
        by_query: bool,
    ) -> dict[str, Any]:
        """Return the parameters in the query and in the body.

        :raises: UnexpectedArguments, InvalidArgument, InvalidBody.
        """
        environ = request.environ
        texts = query.texts(environ, method.parameters.query.arrays)
        if by_query:
            del texts['method']
        values = _query_values(method, request.method, texts)
        for key, value in self._body(environ).items():
            if key in values:
                raise errors.InvalidArgument(
                    name=key, reason='it occurs in the query and in the body'
                )
            values[key] = value
        return values

    def _authorize(
        self,
        request: webob.Request,
        driver: str,
        name: str,
        group: str | None,
    ) -> tuple[driver_versions.MethodRoute, Sequence[str]]:
        """Return the route and the groups that the caller may use.

        :param group: the conductor group that the request names, if any.
        :raises: Forbidden, DangerousMethod; errors of group_routes.route()
            only if the caller may learn which methods exist.
        """
        permitted = self._permitted(request, driver, name, group)
        # Decide for both kinds of methods first: neither decisions nor reads
        # of the registry may depend on whether method or group exist.
        every = (
            self._catalog.snapshot().groups
            if group is None
            else frozenset([group])
        )
        possible = {
            dangerous: permitted(every, dangerous=dangerous)
            for dangerous in (True, False)
        }
        if not any(possible.values()):
            raise errors.Forbidden(rule=rules.CALL)
        if any(len(groups) < len(every) for groups in possible.values()):
            known = group_routes.known_route(
                self._catalog, driver, name, group
            )
            if known is None or known.groups.keys().isdisjoint(
                possible[known.method.dangerous]
            ):
                raise errors.Forbidden(rule=rules.CALL)
        route = group_routes.route(
            self._catalog, driver, name, group, permitted
        )
        groups = permitted(route.all_groups, dangerous=route.method.dangerous)
        if not groups:
            raise errors.Forbidden(rule=rules.CALL)
        if not route.method.allowed:
            raise errors.DangerousMethod(driver=driver, method=name)
        return route, groups

    def _permitted(
        self,
        request: webob.Request,
        driver: str,
        name: str,
        group: str | None,
    ) -> permissions.PermittedGroups:
        """Return a function that selects the groups for a call."""
        verdict = self._policy.verdict_on_named(
            request.environ[environ_keys.CONTEXT],
            rules.CALL,
            not_chosen=policy_rules.NOT_CHOSEN
            if group is None
            else policy_rules.NEVER_CHOSEN,
        )
        return functools.partial(
            permissions.permitted_groups,
            verdict,
            driver,
            name,
            http_method=request.method,
        )

    def _body(self, environ: wsgi_types.WSGIEnvironment) -> dict[str, Any]:
        """Return the parameters in the body.

        :raises: InvalidBody, BodyTooDeep.
        """
        body: bytes = environ[environ_keys.BODY]
        if not body:
            return {}
        _check_charset(environ[environ_keys.CONTENT_TYPE])
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


def _check_charset(content_type: str) -> None:
    if 'charset' not in content_type.lower():
        return
    message = email.message.Message()
    message['Content-Type'] = content_type
    charset = message.get_param('charset')
    if isinstance(charset, str) and charset.lower() not in ('utf-8', 'utf8'):
        raise errors.InvalidBody(reason='its charset is not UTF-8')


def _query_values(
    method: spec.MethodSpec, http_method: str, texts: dict[str, list[str]]
) -> dict[str, Any]:
    """Return the parameters in the query, converted to their types.

    :raises: UnexpectedArguments for names that the method does not declare.
    """
    allowed: Collection[str] = ()
    hint = ''
    if http_method in _QUERY_HTTP_METHODS:
        allowed = method.parameters.names
    elif 'method' not in texts:
        # A body must not contain the name of the method.
        hint = (
            f'{http_method} takes parameters from a JSON object in the body.'
        )
    query.check_names(texts, allowed, hint)
    return {
        name: method.parameters.query.read(name, values)
        for name, values in texts.items()
    }
