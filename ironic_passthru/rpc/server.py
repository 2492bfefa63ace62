# SPDX-License-Identifier: Apache-2.0
"""The conductor's end of the bus: what can be called, and the server."""

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import oslo_messaging
from oslo_messaging import rpc
from oslo_messaging.rpc import server as rpc_server
from oslo_utils import uuidutils

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import admission
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import runner
from ironic_passthru.db import models
from ironic_passthru.rpc import monitor
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import transport as rpc_transport

# Threads beyond those that run synchronous calls: for asynchronous ones that
# are being accepted, and so that a full conductor can still refuse and answer
# a ping at once.
_SPARE_THREADS = admission.MAX_ADMISSIONS + 8


# What the arguments of a message must be, whoever sent it.
_TYPES: dict[str, Any] = {
    'driver_name': str,
    'driver_method': str,
    'http_method': str,
    'info': dict,
    'call_id': str | None,
    'incarnation': str | None,
    'deadline': int | float | None,
    'respond_async': bool,
    'key': dict | None,
}


# Ids become part of URLs.
_WORD = re.compile(r'[\w.~-]+', re.ASCII)


def exposed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let the bus reach a method; log no traceback of a user's mistake.

    :raises: RequestError for arguments that the method does not have, or
        that are of a wrong type.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        try:
            _check_arguments(signature, args, kwargs)
            return function(*args, **kwargs)
        finally:
            request_context.clear_current()

    expected = oslo_messaging.expected_exceptions(errors.PassthruError)
    return rpc.expose(expected(inner))


def _check_arguments(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise errors.RequestError(reason=str(error)) from None
    for name, value in kwargs.items():
        if not isinstance(value, _TYPES[name]):
            raise errors.RequestError(
                reason=f'{name} must not be a {type(value).__name__}'
            )


class Endpoint:
    """What conductors offer over the bus.

    :param runner: runs the calls.
    :param incarnation: identifier of this run of the conductor.
    :param locate: returns (hostname, incarnation) of the live conductors
        that offer a driver, or raises DriverNotFound.
    """

    target = oslo_messaging.Target(version=protocol.VERSION)

    def __init__(
        self,
        runner: runner.Runner,
        *,
        incarnation: str,
        locate: Callable[[str], list[tuple[str, str]]],
    ) -> None:
        self._runner = runner
        self._incarnation = incarnation
        self._locate = locate

    @exposed
    def driver_vendor_passthru(
        self,
        context: request_context.RequestContext,
        driver_name: str,
        driver_method: str,
        http_method: str,
        info: dict[str, Any],
        call_id: str | None = None,
        incarnation: str | None = None,
        deadline: float | None = None,
        respond_async: bool = False,
        key: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Run a vendor passthru method; see :meth:`runner.Runner.run`."""
        _check_id(call_id)
        call = calls.Call(
            driver=driver_name,
            method=driver_method,
            verb=http_method,
            parameters=info,
            call_id=call_id or uuidutils.generate_uuid(),
            incarnation=incarnation,
            deadline=deadline,
            respond_async=respond_async,
            key=_key(key),
        )
        return self._runner.run(context, call)

    @exposed
    def get_driver_vendor_passthru_methods(
        self, context: request_context.RequestContext, driver_name: str
    ) -> dict[str, dict[str, Any]]:
        """Return the methods of a driver as Ironic describes them."""
        methods = self._runner.driver(driver_name).methods
        return {name: m.spec.summary() for name, m in methods.items()}

    @exposed
    def get_driver_properties(
        self, context: request_context.RequestContext, driver_name: str
    ) -> dict[str, str]:
        """Return the properties of a driver with their descriptions."""
        return dict(self._runner.driver(driver_name).spec.properties)

    @exposed
    def locate_driver(
        self, context: request_context.RequestContext, driver_name: str
    ) -> list[tuple[str, str]]:
        """Return hostname and incarnation of a driver's live conductors."""
        return self._locate(driver_name)

    @exposed
    def ping(self, context: request_context.RequestContext) -> str:
        """Return the incarnation."""
        return self._incarnation


def _check_id(call_id: str | None) -> None:
    longest = models.MAX_CALL_ID_LENGTH
    if call_id is not None and not (
        _WORD.fullmatch(call_id) and len(call_id) <= longest
    ):
        raise errors.RequestError(
            reason=f'call_id must be 1 to {longest} letters, digits or -._~'
        )


def _key(values: dict[str, Any] | None) -> operation.Key | None:
    if values is None:
        return None
    names = [field.name for field in dataclasses.fields(operation.Key)]
    if sorted(values) != sorted(names) or not all(
        isinstance(one, str) and re.fullmatch('[0-9a-f]{64}', one)
        for one in values.values()
    ):
        raise errors.RequestError(
            reason=f'key must hold {" and ".join(names)}, each a SHA-256 in '
            'hexadecimal'
        )
    return operation.Key(**values)


class Server:
    """Listens for calls under the address of one run of a conductor."""

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        address: protocol.Server,
        *,
        endpoint: Endpoint,
        workers: int,
    ) -> None:
        self._workers = workers
        self._monitor = monitor.CallMonitor()
        dispatcher = monitor.Dispatcher(
            self._monitor,
            endpoints=[endpoint],
            serializer=protocol.ContextSerializer(),
            access_policy=oslo_messaging.ExplicitRPCAccessPolicy,
        )
        self._server = rpc_server.RPCServer(
            transport, rpc_transport.target(address), dispatcher
        )

    def start(self) -> None:
        """Begin to listen; returns when the queues exist."""
        self._server.start(override_pool_size=self._workers + _SPARE_THREADS)

    def stop(self) -> None:
        """Stop listening and wait for the answers that are under way."""
        self._server.stop()
        self._server.wait()
        self._monitor.stop()
