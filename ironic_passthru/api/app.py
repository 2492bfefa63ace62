# SPDX-License-Identifier: Apache-2.0
"""The WSGI application: its routes and its layers, each as one table."""

import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import webob
from oslo_config import cfg
from oslo_middleware import http_proxy_to_wsgi
from pecan import core
from pecan import hooks

from ironic_passthru import errors
from ironic_passthru.api import health
from ironic_passthru.api.auth import policy
from ironic_passthru.api.auth import strategies
from ironic_passthru.api.calls import dispatch
from ironic_passthru.api.calls import long_poll
from ironic_passthru.api.calls import responses as calls_responses
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import links
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
from ironic_passthru.api.middleware import version
from ironic_passthru.api.registry import catalog
from ironic_passthru.api.v1 import conductors
from ironic_passthru.api.v1 import drivers
from ironic_passthru.api.v1 import operations
from ironic_passthru.api.v1 import passthru
from ironic_passthru.api.v1 import root
from ironic_passthru.db import operations as operation_store
from ironic_passthru.rpc import client

READ = ('GET', 'HEAD')
DELETE = ('DELETE',)
# A call takes every verb: one that its method does not offer is a 400.
ANY: tuple[str, ...] = ()

# The first line that fits path and verb answers. A path with one slash more
# at its end is the same path, and so is one without the leading /v1.
ROUTES = (
    (READ, '/', 'root.discover'),
    (READ, '/v1', 'root.v1'),
    (READ, '/v1/drivers', 'drivers.get_all'),
    (READ, '/v1/drivers/{driver}', 'drivers.get_one'),
    (READ, '/v1/drivers/{driver}/properties', 'drivers.properties'),
    (READ, '/v1/drivers/{driver}/vendor_passthru/methods', 'passthru.methods'),
    (ANY, '/v1/drivers/{driver}/vendor_passthru', 'passthru.call_by_query'),
    (
        ANY,
        '/v1/drivers/{driver}/vendor_passthru/{method}',
        'passthru.call_by_path',
    ),
    (READ, '/v1/conductors', 'conductors.get_all'),
    (READ, '/v1/conductors/{hostname}', 'conductors.get_one'),
    (READ, '/v1/operations', 'operations.get_all'),
    (READ, '/v1/operations/{operation}', 'operations.get_one'),
    (DELETE, '/v1/operations/{operation}', 'operations.delete'),
    (READ, '/v1/operations/{operation}/result', 'operations.result'),
    (READ, '/healthcheck/detailed', 'health.detailed'),
)

RESOURCES = {
    path.split('/')[2] for _, path, _ in ROUTES if path.startswith('/v1/')
}


class Router:
    """Finds the controller of a request in a table of routes.

    :param controllers: by the name that stands before the dot.
    """

    def __init__(
        self,
        routes: Iterable[tuple[tuple[str, ...], str, str]],
        controllers: Mapping[str, Any],
    ) -> None:
        self._routes = []
        for verbs, path, target in routes:
            name, _, method = target.partition('.')
            # The root is its own slash at the end.
            slash = '' if path == '/' else '/?'
            pattern = re.compile(re.sub(r'\{\w+\}', '([^/]+)', path) + slash)
            handler = getattr(controllers[name], method)
            self._routes.append((verbs, pattern, handler))

    def find(
        self, http_method: str, path: str
    ) -> tuple[Callable[..., Any], list[str]]:
        """Return the controller and the variable segments of the path.

        :raises: RouteNotFound, VerbNotAllowed.
        """
        allow: dict[str, None] = {}
        for verbs, pattern, handler in self._routes:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if http_method == 'OPTIONS':
                return self.options, []
            if http_method in verbs or verbs is ANY:
                return handler, list(match.groups())
            allow.update(dict.fromkeys(verbs))
        if allow:
            raise errors.VerbNotAllowed(
                http_method=http_method, allow=[*allow, 'OPTIONS']
            )
        raise errors.RouteNotFound()

    @expose.controller
    def options(self, request: Any, response: Any) -> webob.Response:
        """Answer OPTIONS; what browsers want to know is CORS's business."""
        answer = webob.Response(status=200)
        del answer.headers['Content-Type']
        return answer


class RenderErrors(hooks.PecanHook):
    """Has the one renderer answer whatever a controller raised."""

    def __init__(self, retry_after_seconds: int) -> None:
        self._retry_after_seconds = retry_after_seconds

    def on_error(self, state: Any, error: Exception) -> webob.Response:
        """Return the answer for ``error``."""
        return error_responses.render(
            error,
            state.request.environ,
            retry_after_seconds=self._retry_after_seconds,
        )


class Application(core.ExplicitPecan):
    """Pecan with routes in a table and controllers that return responses."""

    def __init__(self, router: Router, retry_after_seconds: int) -> None:
        super().__init__(
            router,
            default_renderer='json',
            # Pecan's own class looks after paths that are not UTF-8 at each
            # access to any attribute; there are none below.
            request_cls=webob.Request,
            hooks=[RenderErrors(retry_after_seconds)],
            guess_content_type_from_ext=False,
        )

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        # Servers may leave it out where it is empty; WebOb needs it.
        path = environ.setdefault('PATH_INFO', '')
        try:
            path.encode('latin-1').decode('utf-8')
        except UnicodeError:
            raise errors.RouteNotFound() from None
        return super().__call__(environ, start_response)

    def route(
        self, request: Any, node: Router, path: str
    ) -> tuple[Callable[..., Any], list[str]]:
        return node.find(request.method, path or '/')

    def invoke_controller(
        self, controller: Any, args: Any, kwargs: Any, state: Any
    ) -> None:
        # Pecan's own inspects the controller's signature at every request,
        # only to drop arguments that these controllers never get.
        state.response = controller(*args, **kwargs)

    def _handle_empty_response_body(self, state: Any) -> None:
        # An attachment may be empty; that does not make it a 204.
        return


def make(
    conf: cfg.ConfigOpts,
    catalog: catalog.Catalog,
    conductor_api: client.ConductorAPI,
    *,
    operations: operation_store.OperationStore,
    policy: policy.Policy,
    checks: Mapping[str, Callable[[], str]],
    events: cadf.NoCADFEvents = cadf.NO_EVENTS,
) -> Any:
    """Return the WSGI application.

    :param operations: where the conductors record what they accept.
    :param policy: what each controller asks before it looks for anything.
    :param checks: what the detailed health check asks, by name.
    :param events: tells other services of each request.
    """
    options = conf.api
    controllers = _controllers(
        conf, catalog, conductor_api, store=operations, policy=policy
    )
    controllers['health'] = health.HealthController(
        checks, policy=policy, retry_after_seconds=options.retry_after
    )
    router = Router(ROUTES, controllers)
    # From the inside out. An error is rendered by the wrapper, so only what
    # marks every answer is further out; health must answer even a client
    # whose version, login or body would be refused; and no body is read for
    # a client that has not logged in.
    application: Any = Application(router, options.retry_after)
    application = body.BodyGuard(
        application,
        options.max_body_size,
        max_query_size=options.max_query_size,
    )
    application = events.wrap(application)
    application = strategies.make(conf, application)
    application = cross_site.make(conf, application)
    application = version.VersionCheck(application)
    application = short_health.HealthCheck(
        application, conf, retry_after_seconds=options.retry_after
    )
    application = error_wrapper.ErrorWrapper(
        application,
        options.retry_after,
        tracebacks=options.debug_tracebacks_in_api,
    )
    if conf.audit.enabled:
        # What is refused has its line, too.
        form = audit.FORMS[conf.audit.format]
        application = audit.Audit(application, form)
    # Outside all layers that parse paths.
    application = default_version.DefaultVersion(application, RESOURCES)
    application = cors.make(conf, application)
    application = headers.CommonHeaders(application)
    application = request_id.RequestId(application, conf)
    proxied = http_proxy_to_wsgi.HTTPProxyToWSGI(application, conf)
    # It would look at every request only to find that it is switched off.
    enabled = conf.oslo_middleware.enable_proxy_headers_parsing
    return client_address.ClientAddress(proxied) if enabled else application


def _controllers(
    conf: cfg.ConfigOpts,
    catalog: catalog.Catalog,
    conductor_api: client.ConductorAPI,
    *,
    store: operation_store.OperationStore,
    policy: policy.Policy,
) -> dict[str, Any]:
    options = conf.api
    links_to = links.Links(options.public_endpoint)
    answering = calls_responses.CallResponses(
        store, links_to, retry_after_seconds=options.retry_after
    )
    waiting = long_poll.LongPoll(
        store,
        max_seconds=options.max_wait,
        max_waiting=options.max_waiting,
    )
    calling = dispatch.CallDispatcher(
        conductor_api,
        store,
        answers=answering,
        waits=waiting,
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
            calling,
            policy=policy,
            max_depth=options.max_body_depth,
        ),
        'operations': operations.OperationsController(
            store, links_to, policy=policy, answers=answering, waits=waiting
        ),
    }
