# SPDX-License-Identifier: Apache-2.0
"""Layer that forwards requests to Ironic, and merges its resources."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from urllib import parse
from wsgiref import types as wsgi_types

import webob
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.api import audit_data
from ironic_passthru.api.forwarding import ironic_client
from ironic_passthru.api.forwarding import merging
from ironic_passthru.api.forwarding import method_details
from ironic_passthru.api.http import conductor_group
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import links
from ironic_passthru.api.http import query
from ironic_passthru.api.http import routes
from ironic_passthru.api.registry import catalog
from ironic_passthru.validation import strict_json

# Statuses of this service that do not hide a resource of Ironic.
_NOT_HERE = (403, 404)


def make(
    conf: cfg.ConfigOpts,
    catalog: catalog.Catalog,
    application: wsgi_types.WSGIApplication,
) -> wsgi_types.WSGIApplication:
    """Return the application, beside Ironic if that is enabled.

    :raises: ConfigError.
    """
    if not conf.ironic.forward:
        return application
    client = ironic_client.IronicClient(
        conf, links.Links(conf.api.public_endpoint)
    )
    return Forwarding(
        application,
        catalog,
        client,
        by_ironic=frozenset(conf.ironic.served_by_ironic),
        max_depth=conf.api.max_body_depth,
    )


class Forwarding:
    """Forward requests for what only Ironic has, and merge what both have.

    The policy of this service applies only to its own drivers and conductors.

    :param by_ironic: names of drivers whose methods Ironic serves.
    :param max_depth: limit for the nesting of a body in audit records.
    """

    def __init__(
        self,
        application: wsgi_types.WSGIApplication,
        catalog: catalog.Catalog,
        client: ironic_client.IronicClient,
        *,
        by_ironic: Collection[str],
        max_depth: int,
    ) -> None:
        self._application = application
        self._catalog = catalog
        self._client = client
        self._by_ironic = by_ironic
        self._max_depth = max_depth

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        """Send the response of this service, of Ironic, or of both."""
        match = routes.match(environ)
        controller = match.route.controller if match.route else ''
        rule = merging.RULES.get(controller)
        application = self._application
        if not _is_utf8(environ) or _is_dotted(match.variables):
            # Such a path is not found. Servers before Ironic may resolve it.
            pass
        elif self._is_only_ironics(match.variables, is_call=rule is None):
            if controller.startswith('passthru.') and conductor_group.named(
                environ
            ):
                # Ironic would ignore it, and run the call anywhere.
                raise errors.ConductorGroupUnusable(
                    driver=match.variables['driver']
                )
            application = self._forward(environ, match)
        elif rule is not None:
            application = self._merge(environ, rule)
        return application(environ, start_response)

    def _is_only_ironics(
        self, variables: Mapping[str, str], *, is_call: bool
    ) -> bool:
        """Return whether Ironic alone responds to a request.

        :param variables: variable segments of the path.
        :param is_call: whether it calls or lists methods.
        :raises: RegistryUnavailable.
        """
        driver = variables.get('driver')
        if driver is not None:
            served = is_call and driver in self._by_ironic
            return served or not self._has_driver(driver)
        hostname = variables.get('hostname')
        return (
            hostname is not None
            and hostname not in self._catalog.snapshot().conductors
        )

    def _has_driver(self, name: str) -> bool:
        """Return whether a conductor of this service ever offered a driver.

        One without live conductors stays a driver of this service: Ironic
        must not run other methods of the same names while they restart. So
        does a driver whose document is invalid.

        :raises: RegistryUnavailable.
        """
        snapshot = self._catalog.snapshot()
        return name in snapshot.drivers or any(
            name in record.drivers for record in snapshot.conductors.values()
        )

    def _forward(
        self, environ: wsgi_types.WSGIEnvironment, match: routes.RouteMatch
    ) -> webob.Response:
        """Return the response of Ironic to a request."""
        data = audit_data.of(environ)
        data.forwarded = True
        data.parameters = self._parameters(environ[environ_keys.BODY])
        details = method_details.find(environ, match, self._client)
        return details or self._client.forward(environ)

    def _parameters(self, body: bytes) -> dict[str, object] | None:
        """Return the parameters in a body, None if it is not an object."""
        try:
            found = strict_json.loads(
                body.decode('utf-8-sig') or '{}', max_depth=self._max_depth
            )
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def _merge(
        self, environ: wsgi_types.WSGIEnvironment, rule: merging.MergeRule
    ) -> webob.Response:
        """Return what this service and Ironic have at the path."""
        # HEAD gets the headers of the response to GET.
        reading = {**environ, 'REQUEST_METHOD': 'GET'}
        try:
            texts = query.texts(environ, ['fields'])
        except errors.RequestError:
            # The response contains the error.
            return self._own(reading)
        fields = ','.join(texts.get('fields', [])).split(',')
        selected = 'fields' in texts
        if selected:
            fields = [name.strip() for name in fields]
            texts['fields'] = [','.join(dict.fromkeys([*fields, rule.key]))]
        other = self._client.read(reading, _query(texts), rule)
        if other is None:
            return self._own(reading)
        audit_data.of(environ).forwarded = True
        if selected:
            # Those of the other service alone are not an error.
            known = [name for name in fields if name in rule.fields]
            texts['fields'] = [','.join(dict.fromkeys([*known, rule.key]))]
            reading[environ_keys.QUERY] = _query(texts)
        own = self._own(reading)
        if own.status_int == 200:
            other = rule.merge(own.json, other, self._by_ironic)
        elif own.status_int not in _NOT_HERE:
            return own
        if selected:
            other = rule.select(other, fields)
        return expose.json_response(other)

    def _own(self, environ: wsgi_types.WSGIEnvironment) -> webob.Response:
        return webob.Request(environ).get_response(self._application)


def _is_utf8(environ: wsgi_types.WSGIEnvironment) -> bool:
    try:
        environ['PATH_INFO'].encode('latin-1').decode('utf-8')
    except UnicodeError:
        return False
    return True


def _is_dotted(variables: Mapping[str, str]) -> bool:
    return not {'.', '..'}.isdisjoint(variables.values())


def _query(texts: dict[str, list[str]]) -> str:
    return parse.urlencode(
        [(name, text) for name, values in texts.items() for text in values]
    )
