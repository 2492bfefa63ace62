# SPDX-License-Identifier: Apache-2.0
"""RPC methods of a conductor."""

import functools
from collections.abc import Callable
from typing import Any

import oslo_messaging
from oslo_messaging import rpc

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.conductor import call_spans
from ironic_passthru.conductor import runner
from ironic_passthru.conductor import watched
from ironic_passthru.rpc import protocol


def _exposed(function: Callable[..., Any]) -> Any:
    """Make a method callable over RPC and reset the current context after it.

    Client errors are returned to the client but not logged as exceptions.
    """

    @functools.wraps(function)
    def inner(*args: Any, **arguments: Any) -> Any:
        try:
            return function(*args, **arguments)
        finally:
            request_context.clear_current()

    expected = oslo_messaging.expected_exceptions(errors.PassthruError)
    return rpc.expose(expected(inner))


class Endpoint:
    """RPC methods of a conductor.

    The arguments of each method are those of a message, not validated yet;
    all methods raise RequestError for invalid arguments.

    :param runner: runs the calls.
    :param incarnation: identifier of this run of the conductor.
    :param locate: returns (hostname, incarnation) of the live conductors
        that offer a driver, or raises DriverNotFound.
    :param fenced: see :meth:`protocol.CallRequest.from_bus`.
    :param trace: makes the spans of calls.
    """

    target = oslo_messaging.Target(version=protocol.VERSION)

    def __init__(
        self,
        runner: runner.Runner | watched.WatchedRunner,
        *,
        incarnation: str,
        locate: Callable[[str], list[tuple[str, str]]],
        fenced: bool = False,
        trace: call_spans.CallSpans = call_spans.NO_SPANS,
    ) -> None:
        self._runner = runner
        self._incarnation = incarnation
        self._locate = locate
        self._fenced = fenced
        self._trace = trace

    @_exposed
    def driver_vendor_passthru(
        self,
        context: request_context.RequestContext,
        /,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Run a vendor passthru method; see :meth:`runner.Runner.run`."""
        call = protocol.CallRequest.from_bus(arguments, fenced=self._fenced)
        with self._trace.received(context, call):
            return self._runner.run(context, call)

    @_exposed
    def get_driver_vendor_passthru_methods(
        self, _context: request_context.RequestContext, /, **arguments: Any
    ) -> dict[str, dict[str, Any]]:
        """Return the methods of a driver in Ironic's format."""
        methods = self._runner.driver(_driver_name(arguments)).methods
        return {name: m.spec.summary() for name, m in methods.items()}

    @_exposed
    def get_driver_properties(
        self, _context: request_context.RequestContext, /, **arguments: Any
    ) -> dict[str, str]:
        """Return the properties of a driver with their descriptions."""
        driver = self._runner.driver(_driver_name(arguments))
        return dict(driver.spec.properties)

    @_exposed
    def locate_driver(
        self, _context: request_context.RequestContext, /, **arguments: Any
    ) -> list[tuple[str, str]]:
        """Return hostname and incarnation of a driver's live conductors."""
        return self._locate(_driver_name(arguments))

    @_exposed
    def ping(
        self, _context: request_context.RequestContext, /, **arguments: Any
    ) -> str:
        """Return the incarnation."""
        protocol.check_arguments(arguments, {})
        return self._incarnation


def _driver_name(arguments: dict[str, Any]) -> str:
    protocol.check_arguments(arguments, {'driver_name': str})
    name: str = arguments['driver_name']
    return name
