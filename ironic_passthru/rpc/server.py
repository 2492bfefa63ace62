# SPDX-License-Identifier: Apache-2.0
"""The conductor's end of the bus: what can be called, and the server."""

import dataclasses
import functools
import inspect
import re
import threading
import time
from collections.abc import Callable
from collections.abc import Set
from typing import Any

import amqp
import oslo_messaging
from oslo_log import log
from oslo_messaging import rpc
from oslo_messaging.rpc import server as rpc_server
from oslo_utils import uuidutils

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru import threads as passthru_threads
from ironic_passthru.conductor import admission
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import runner
from ironic_passthru.db import models
from ironic_passthru.drivers import base
from ironic_passthru.rpc import log_limit
from ironic_passthru.rpc import message_filter
from ironic_passthru.rpc import monitor
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import rabbit
from ironic_passthru.rpc import reply_retry
from ironic_passthru.rpc import signing
from ironic_passthru.rpc import transport as rpc_transport

LOG = log.getLogger(__name__)

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

# The id of a call is remembered until its deadline. Nobody waits longer than
# the longest method may take, and clocks differ by less than an hour.
_MAX_SECONDS = base.MAX_TIMEOUT_SECONDS + 3600

# Queue names of AMQP are no longer.
_MAX_ROUTE_LENGTH = 255

# Between heartbeats to the broker while no thread is free.
_HEARTBEAT_SECONDS = 2.0

# How oslo.messaging begins the names of queues for answers.
_REPLIES = 'reply_'


def exposed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let the bus reach a method; log no traceback of a user's mistake.

    :raises: RequestError for arguments that the method does not have, or
        that are of a wrong type.
    """
    # The first two parameters are the endpoint and the context.
    parameters = dict(list(inspect.signature(function).parameters.items())[2:])
    needed = {n for n, p in parameters.items() if p.default is p.empty}

    @functools.wraps(function)
    def inner(endpoint: Any, context: Any, /, **kwargs: Any) -> Any:
        try:
            _check_arguments(kwargs, needed=needed, known=parameters.keys())
            return function(endpoint, context, **kwargs)
        finally:
            request_context.clear_current()

    expected = oslo_messaging.expected_exceptions(errors.PassthruError)
    return rpc.expose(expected(inner))


def _check_arguments(
    values: dict[str, Any], *, needed: Set[str], known: Set[str]
) -> None:
    missing = needed - values.keys()
    if missing:
        raise errors.RequestError(
            reason=f'these arguments are missing: {", ".join(sorted(missing))}'
        )
    if values.keys() - known:
        raise errors.RequestError(
            reason=f'the arguments are {", ".join(known) or "none"}, and '
            'there are others'
        )
    for name, value in values.items():
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
    :param fenced: whether a call must say to which run of which conductor
        and until when it was sent, so that nobody can send it once more.
    """

    target = oslo_messaging.Target(version=protocol.VERSION)

    def __init__(
        self,
        runner: runner.Runner,
        *,
        incarnation: str,
        locate: Callable[[str], list[tuple[str, str]]],
        fenced: bool = False,
    ) -> None:
        self._runner = runner
        self._incarnation = incarnation
        self._locate = locate
        self._fenced = fenced

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
        if self._fenced and None in (call_id, incarnation, deadline):
            raise errors.RequestError(
                reason='where messages are signed, a call needs call_id, '
                'incarnation and deadline'
            )
        _check_id(call_id)
        _check_deadline(deadline)
        call = calls.Call(
            driver=driver_name,
            method=driver_method,
            http_method=http_method,
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


def _check_deadline(deadline: float | None) -> None:
    # Neither is NaN below anything.
    if deadline is not None and not deadline < time.time() + _MAX_SECONDS:
        raise errors.RequestError(
            reason='deadline must be a time within the next thirty days'
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


def _reason(error: amqp.exceptions.AMQPError) -> str:
    """Return what the broker says.

    It names the user, the virtual host or a queue, and no password.
    """
    return ' '.join(str(error.reply_text or error).split())


class _RPCServer(rpc_server.RPCServer):
    """Accepts only authentic messages that can be answered.

    All others are dropped in the thread that reads messages: they take no
    thread of the pool and get no reply.

    :param threads: size of the pool. While all threads are occupied no
        further message is read, and those that wait stay in the broker.
    :param retrier: sends replies whose queues are missing.
    """

    dispatcher: message_filter.MessageFilter

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        target: oslo_messaging.Target,
        *,
        dispatcher: message_filter.MessageFilter,
        threads: int,
        retrier: reply_retry.ReplyRetrier,
    ) -> None:
        super().__init__(transport, target, dispatcher)
        # A pool of futurist never recovers from threads that were refused.
        self._executor_cls = passthru_threads.ThreadPool
        self._free_threads = threading.Semaphore(threads)
        self._retrier = retrier

    def _create_listener(self) -> Any:
        listener = super()._create_listener()
        rabbit.defer_replies(listener, self._retrier)
        return listener

    def discard(self) -> None:
        """End the pool of a server whose start failed."""
        if self._work_executor is not None:
            self._work_executor.shutdown(wait=False)

    def _on_incoming(self, incoming: list[Any]) -> None:
        # This server reads messages one by one.
        (message,) = incoming
        if not self._is_accepted(message):
            message.acknowledge()
            return
        while not self._free_threads.acquire(timeout=_HEARTBEAT_SECONDS):
            rabbit.send_heartbeat(message)
        super()._on_incoming(incoming)

    def _is_accepted(self, message: Any) -> bool:
        if _can_be_answered(message):
            return self.dispatcher.is_authentic(message)
        LOG.warning('A message was dropped, for it cannot be answered')
        return False

    def _process_incoming(self, incoming: list[Any]) -> None:
        try:
            super()._process_incoming(incoming)
        finally:
            self._free_threads.release()


def _can_be_answered(incoming: Any) -> bool:
    """Tell whether a message says where its answer shall go.

    It would be the next message in any other queue, be it one of a conductor
    or of another service of the same broker.
    """
    if not hasattr(incoming, 'reply_q'):
        # Not a message of AMQP, which alone lets the sender name a queue.
        return True
    route = (incoming.reply_q, incoming.orig_msg_id)
    return all(
        isinstance(name, str)
        and 0 < len(name) <= _MAX_ROUTE_LENGTH
        and name.isascii()
        and name.isprintable()
        for name in route
    ) and incoming.reply_q.startswith(_REPLIES)


class RPCServer:
    """Listens for calls under the address of one run of a conductor.

    :param signatures: checks who messages are from; by default nobody asks.
    """

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        address: protocol.ConductorAddress,
        *,
        endpoint: Endpoint,
        workers: int,
        signatures: signing.Signatures | None = None,
    ) -> None:
        self._threads = workers + _SPARE_THREADS
        self._monitor = monitor.CallMonitor()
        self._retrier = reply_retry.ReplyRetrier(self._threads)
        dispatcher = message_filter.MessageFilter(
            self._monitor,
            endpoint,
            address=address,
            signatures=signatures or signing.NoSignatures(),
        )
        self._server = _RPCServer(
            transport,
            rpc_transport.target(address),
            dispatcher=dispatcher,
            threads=self._threads,
            retrier=self._retrier,
        )
        log_limit.apply(__name__, message_filter.__name__)

    def start(self) -> None:
        """Begin to listen; returns when the queues exist.

        While the broker is away, that is when it has come.

        :raises: ConfigError if the broker refuses it.
        """
        self._monitor.start()
        try:
            self._listen()
        except BaseException:
            self._server.discard()
            self._monitor.stop()
            raise

    def _listen(self) -> None:
        try:
            self._server.start(override_pool_size=self._threads)
        except amqp.exceptions.AMQPError as error:
            raise errors.ConfigError(
                'Option transport_url in group [DEFAULT]: the broker says '
                f'{_reason(error)}'
            ) from None
        except oslo_messaging.MessageDeliveryFailure as error:
            cause = error.__context__
            if not isinstance(cause, amqp.exceptions.PreconditionFailed):
                raise
            raise errors.ConfigError(
                'Options of group [oslo_messaging_rabbit], such as '
                'rabbit_quorum_queue, are not those that queues were made '
                f'with: the broker says {_reason(cause)}'
            ) from None

    def stop(self) -> None:
        """Stop listening and wait for the answers that are under way."""
        self._server.stop()
        self._server.wait()
        self._retrier.stop()
        self._monitor.stop()
