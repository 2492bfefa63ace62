# SPDX-License-Identifier: Apache-2.0
"""The WSGI application: its layers and controllers."""

import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from wsgiref import types as wsgi_types

import webob
from oslo_config import cfg
from pecan import core
from pecan import hooks

from ironic_passthru import errors
from ironic_passthru.api import health
from ironic_passthru.api.auth import policy
from ironic_passthru.api.auth import strategies
from ironic_passthru.api.calls import dispatch
from ironic_passthru.api.calls import events
from ironic_passthru.api.calls import long_poll
from ironic_passthru.api.calls import responses
from ironic_passthru.api.forwarding import layer as forwarding
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import links
from ironic_passthru.api.http import routes
from ironic_passthru.api.middleware import audit
from ironic_passthru.api.middleware import body
from ironic_passthru.api.middleware import cadf
from ironic_passthru.api.middleware import client_address
from ironic_passthru.api.middleware import cors
from ironic_passthru.api.middleware import cross_site
from ironic_passthru.api.middleware import default_version
from ironic_passthru.api.middleware import errors as error_wrapper
from ironic_passthru.api.middleware import headers
from ironic_passthru.api.middleware import health as short_health
from ironic_passthru.api.middleware import request_id
from ironic_passthru.api.middleware import tracing
from ironic_passthru.api.middleware import version
from ironic_passthru.api.registry import catalog
from ironic_passthru.api.v1 import conductors
from ironic_passthru.api.v1 import drivers
from ironic_passthru.api.v1 import openapi
from ironic_passthru.api.v1 import operations
from ironic_passthru.api.v1 import passthru
from ironic_passthru.api.v1 import root
from ironic_passthru.console import app as console
from ironic_passthru.db import operations as operation_store
from ironic_passthru.metrics import observer
from ironic_passthru.rpc import client

Layer = Callable[[wsgi_types.WSGIApplication], wsgi_types.WSGIApplication]


class RenderErrors(hooks.PecanHook):
    """Pecan hook that renders exceptions of controllers."""

    def __init__(self, renderer: error_responses.ErrorRenderer) -> None:
        self._renderer = renderer

    def on_error(self, state: Any, error: Exception) -> webob.Response:
        """Return the response to ``error``."""
        return self._renderer.render(error, state.request.environ)


class Application(core.ExplicitPecan):
    """Pecan with a table of routes and controllers that return responses.

    :param controllers: by the name before the dot in the table.
    """

    def __init__(
        self,
        controllers: Mapping[str, Any],
        renderer: error_responses.ErrorRenderer,
    ) -> None:
        super().__init__(
            controllers,
            default_renderer='json',
            # Pecan's own class checks paths for UTF-8 at every access to an
            # attribute; __call__() does it once.
            request_cls=webob.Request,
            hooks=[RenderErrors(renderer)],
            guess_content_type_from_ext=False,
        )
        self._handlers: dict[str, Callable[..., webob.Response]] = {
            routes.OPTIONS: self._options
        }
        for route in routes.ROUTES:
            if route.controller:
                name, _, method = route.controller.partition('.')
                handler = getattr(controllers[name], method)
                self._handlers[route.controller] = handler

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        # Servers may omit an empty path; WebOb needs it.
        path = environ.setdefault('PATH_INFO', '')
        try:
            path.encode('latin-1').decode('utf-8')
        except UnicodeError:
            raise errors.RouteNotFound() from None
        response: Iterable[bytes] = super().__call__(environ, start_response)
        return response

    def route(
        self, request: webob.Request, _node: Any, _path: str
    ) -> tuple[Callable[..., webob.Response], list[str]]:
        """Return the controller and the variable segments of the path.

        :raises: RouteNotFound, VerbNotAllowed.
        """
        match = routes.match(request.environ)
        handler = self._handlers[match.require(request.method).controller]
        return handler, list(match.variables.values())

    @expose.controller
    def _options(
        self, _request: webob.Request, _response: webob.Response
    ) -> webob.Response:
        return expose.options_response()

    def invoke_controller(
        self, controller: Any, args: Any, kwargs: Any, state: Any
    ) -> None:
        # Pecan inspects the signature at every request, only to drop
        # arguments that these controllers never receive.
        state.response = controller(*args, **kwargs)

    def _handle_empty_response_body(self, state: Any) -> None:
        # Pecan makes a 204 of an empty body; an attachment may be empty.
        del state


@dataclasses.dataclass(frozen=True)
class Observers:
    """Observers of requests, each with a layer.

    :param events: sends CADF events.
    :param metrics: records requests.
    """

    events: cadf.CADFSink = cadf.NO_EVENTS
    metrics: observer.Metrics = observer.NO_METRICS


def make(
    conf: cfg.ConfigOpts,
    catalog: catalog.Catalog,
    conductor_api: client.ConductorAPI,
    *,
    operations: operation_store.OperationStore,
    policy: policy.Policy,
    checks: Mapping[str, Callable[[], str]],
    observers: Observers | None = None,
) -> wsgi_types.WSGIApplication:
    """Return the WSGI application.

    :param checks: checks of the detailed health check, by name.
    :param observers: by default none.
    """
    renderer = error_responses.ErrorRenderer(
        conf.api.retry_after, tracebacks=conf.api.debug_tracebacks_in_api
    )
    controllers = _controllers(
        conf,
        catalog,
        conductor_api,
        store=operations,
        policy=policy,
        renderer=renderer,
    )
    controllers['health'] = health.HealthController(
        checks, policy=policy, renderer=renderer
    )
    controllers['openapi'] = openapi.OpenAPIController(
        catalog,
        links.Links(conf.api.public_endpoint),
        policy=policy,
        strategy=conf.auth_strategy,
    )
    application: wsgi_types.WSGIApplication = Application(
        controllers, renderer
    )
    # The innermost layer: requests to Ironic passed all checks.
    application = forwarding.make(conf, catalog, application)
    for layer in reversed(_layers(conf, renderer, observers or Observers())):
        application = layer(application)
    return application


def _layers(
    conf: cfg.ConfigOpts,
    renderer: error_responses.ErrorRenderer,
    observers: Observers,
) -> list[Layer]:
    """Return the layers in the order in which a request passes them."""
    partial = functools.partial
    return [
        # Its files need neither login nor API version, and may be cached.
        partial(console.make, conf, renderer),
        partial(client_address.make, conf),
        request_id.RequestId,
        headers.CommonHeaders,
        partial(cors.make, conf),
        # Completes the path, before the route is matched.
        default_version.DefaultVersion,
        # Needs the route; audit records are part of the span.
        tracing.make,
        # Rejected requests are recorded too.
        partial(audit.make, conf),
        observers.metrics.wrap,
        # Renders the exceptions of all layers below.
        partial(error_wrapper.ErrorWrapper, renderer),
        # Responds whatever version, login or body is sent.
        partial(short_health.HealthCheck, conf, renderer),
        version.VersionCheck,
        partial(cross_site.make, conf),
        partial(strategies.make, conf),
        observers.events.wrap,
        # After the login: no body is read for a client without one.
        partial(
            body.BodyReader,
            max_size=conf.api.max_body_size,
            max_query_size=conf.api.max_query_size,
        ),
    ]


def _controllers(
    conf: cfg.ConfigOpts,
    catalog: catalog.Catalog,
    conductor_api: client.ConductorAPI,
    *,
    store: operation_store.OperationStore,
    policy: policy.Policy,
    renderer: error_responses.ErrorRenderer,
) -> dict[str, Any]:
    options = conf.api
    links_to = links.Links(options.public_endpoint)
    call_responses = responses.CallResponses(store, links_to, renderer)
    long_polling = long_poll.LongPoll(
        store,
        max_seconds=options.max_wait,
        max_waiting=options.max_waiting,
    )
    dispatcher = dispatch.CallDispatcher(
        conductor_api,
        store,
        responses=call_responses,
        long_poll=long_polling,
        timeout_seconds=options.call_timeout,
    )
    return {
        'root': root.RootController(links_to),
        'drivers': drivers.DriversController(catalog, links_to, policy=policy),
        'conductors': conductors.ConductorsController(
            catalog, links_to, policy=policy
        ),
        'passthru': passthru.PassthruController(
            catalog,
            dispatcher,
            policy=policy,
            max_depth=options.max_body_depth,
        ),
        'operations': operations.OperationsController(
            store,
            links_to,
            policy=policy,
            responses=call_responses,
            long_poll=long_polling,
            event_streams=_event_streams(options, store, renderer),
        ),
    }


def _event_streams(
    options: cfg.ConfigOpts.GroupAttr,
    store: operation_store.OperationStore,
    renderer: error_responses.ErrorRenderer,
) -> events.EventStreams:
    return events.EventStreams(
        store,
        renderer,
        max_seconds=options.max_event_seconds,
        max_streams=options.max_event_streams,
    )
