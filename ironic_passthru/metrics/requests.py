# SPDX-License-Identifier: Apache-2.0
"""Record of the requests to the API, a layer of the application."""

import dataclasses
import time
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from wsgiref import types as wsgi_types

from ironic_passthru.api import audit_data
from ironic_passthru.api.http import routes
from ironic_passthru.api.middleware import audit
from ironic_passthru.metrics import codes
from ironic_passthru.metrics import definitions
from ironic_passthru.metrics import instrument

_HTTP_METHODS = frozenset(
    ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
)
_CALL = 'call'


@dataclasses.dataclass(frozen=True)
class RequestInstruments:
    """Instruments for requests.

    :param requests: of :data:`.definitions.HTTP_REQUESTS`; the others
        likewise.
    """

    requests: instrument.Instrument
    seconds: instrument.Instrument
    calls: instrument.Instrument
    call_seconds: instrument.Instrument
    call_errors: instrument.Instrument


class RequestMetrics:
    """Record each request with its route.

    It is within the audit layer, which provides the data of calls, and
    outside of the layer that renders errors.

    :param on_request: called at each request.
    """

    def __init__(
        self,
        application: wsgi_types.WSGIApplication,
        instruments: RequestInstruments,
        on_request: Callable[[], None],
    ) -> None:
        self._application = application
        self._to = instruments
        self._on_request = on_request

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        """Pass a request on and record it."""
        self._on_request()
        match = routes.match(environ)
        # Layers change it.
        http_method = environ.get('REQUEST_METHOD', '')
        status = '500'

        def start(line: str, headers: Any, *args: Any) -> Any:
            nonlocal status
            status = line[:3]
            return start_response(line, headers, *args)

        if match.route is not None and match.route.audit_event == _CALL:
            # The audit layer may be absent.
            audit_data.of(environ)
        started = time.perf_counter()
        try:
            return self._application(environ, start)
        finally:
            seconds = time.perf_counter() - started
            self._record(match, http_method, status, seconds)
            if match.route is not None and match.route.audit_event == _CALL:
                self._record_call(
                    match.variables['driver'],
                    audit_data.of(environ),
                    status=int(status),
                    seconds=seconds,
                )

    def _record(
        self,
        match: routes.RouteMatch,
        http_method: str,
        status: str,
        seconds: float,
    ) -> None:
        if http_method not in _HTTP_METHODS:
            http_method = definitions.OTHER
        route = match.path or definitions.OTHER
        self._to.requests.inc(route, http_method, status)
        self._to.seconds.observe(seconds, route, http_method)

    def _record_call(
        self,
        driver: str,
        data: audit_data.AuditData,
        *,
        status: int,
        seconds: float,
    ) -> None:
        # Before the method is found, both names are text of the client.
        name = definitions.OTHER
        if data.method is None:
            driver = definitions.OTHER
        else:
            name = data.method.name
        outcome = audit.outcome(data, status)
        self._to.calls.inc(driver, name, outcome)
        self._to.call_seconds.observe(seconds, driver, name)
        if data.error is not None:
            self._to.call_errors.inc(outcome, codes.code_of(data.error))
