# SPDX-License-Identifier: Apache-2.0
"""RPC client of the conductors, for the API and for other services."""

import dataclasses
import functools
import json
import math
import random
import threading
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import oslo_messaging
from oslo_log import log
from oslo_utils import uuidutils

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.rpc import error_mapping
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import reply_validation
from ironic_passthru.rpc import signing
from ironic_passthru.rpc import transport as rpc_transport
from ironic_passthru.validation import strict_json

LOG = log.getLogger(__name__)

# A conductor that returns one of these has not started the call.
_REFUSALS = (
    errors.ConductorBusy,
    errors.ConductorStopping,
    errors.StaleCall,
    errors.CallExpired,
    errors.TargetsMoved,
)

# Among hundreds of conductors, further attempts after this many refusals
# would only delay the error.
_MAX_ATTEMPTS = 8
_LOCATE_ATTEMPTS = 2

# Conductors have a valid host name.
_NO_HOST = 'none'

# Nesting of arguments; [api] max_body_depth is lower for parameters.
_MAX_DEPTH = 502

# Upper bound of the bytes that oslo.messaging, signature and address add.
_OVERHEAD_BYTES = 4096
# Upper bound of the bytes of a message for each byte of its UTF-8 text.
_MAX_GROWTH = 7


class ConductorAPI:
    """RPC client of the conductors; one object serves all threads.

    :param transport: from :func:`ironic_passthru.rpc.transport.make`.
    :param timeout_seconds: default timeout of a call.
    :param monitor_seconds: timeout of a call without heartbeats of the
        conductor; a whole number, at least 2.
    :param connect_seconds: timeout of the first connection to the bus.
    :param signing_keys: as ``[rpc] signing_keys`` of the conductors; the
        first key signs. By default messages are not signed. With keys,
        conductors have to prove that a call was not run.
    :param on_bus_error: called with the error of a message that could not be
        delivered, or had no reply in time.
    :raises: ConfigError for a key that is too short.
    """

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        *,
        timeout_seconds: float = 60.0,
        monitor_seconds: int = 6,
        connect_seconds: float = 5.0,
        signing_keys: Sequence[str] = (),
        on_bus_error: Callable[[errors.PassthruError], None] = lambda _: None,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._connect_seconds = connect_seconds
        self._max_message_size: int = transport.conf.rpc.max_message_size
        self._signatures = signing.Signatures(signing_keys)
        self._on_bus_error = on_bus_error
        self._client = oslo_messaging.get_rpc_client(
            transport,
            rpc_transport.target(),
            # A retried publication could run a call twice.
            retry=0,
            call_monitor_timeout=monitor_seconds,
            transport_options=oslo_messaging.TransportOptions(
                at_least_once=True
            ),
        )
        self._connected = threading.Event()
        self._connecting = threading.Lock()

    # Public: Ironic's arguments, and optional ones by keyword.
    def driver_vendor_passthru(  # noqa: PLR0913
        self,
        context: Any,
        driver_name: str,
        driver_method: str,
        *,
        http_method: str,
        info: Mapping[str, Any],
        servers: Sequence[protocol.ConductorAddress] | None = None,
        call_id: str | None = None,
        timeout_seconds: float | None = None,
        respond_async: bool = False,
        key: operation.Key | None = None,
        tried: list[protocol.ConductorAddress] | None = None,
        routed: bool = False,
    ) -> dict[str, Any]:
        """Call a vendor passthru method of a driver, at most once.

        :param context: the request context.
        :param http_method: in upper case.
        :param info: the parameters; JSON values.
        :param servers: conductors that offer the method; by default located
            by any conductor.
        :param call_id: unique id of the call; by default a new one.
        :param timeout_seconds: timeout of the call.
        :param respond_async: whether to run the call as an operation with
            this id even if the method is synchronous.
        :param key: the Idempotency-Key; the call is recorded, and refused
            if another call was recorded with this key.
        :param tried: a list to which each conductor is added before the call
            is sent to it.
        :param routed: whether the servers were chosen because they publish
            the targets of the call; they refuse it if they no longer serve
            one of them.
        :returns: ``return`` (a JSON value; for ``attach`` the argument of
            :meth:`protocol.Attached.from_bus`), ``async`` and ``attach``;
            ``targets`` (a list of str) if the method of a synchronous call
            has reported targets.
        :raises: RequestError if an argument has no JSON form or the message
            is larger than ``[rpc] max_message_size``, before anything is
            sent; KeyInUse; NotRun if the call certainly did not run;
            OutcomeUnknown if it may have run; errors of the conductor or
            the driver, with reported ``targets`` in ``kwargs``.
        """
        timeout = timeout_seconds or self._timeout_seconds
        if not math.isfinite(timeout):
            raise errors.RequestError(reason='timeout_seconds is not finite')
        request = protocol.CallRequest(
            driver_name=driver_name,
            driver_method=driver_method,
            http_method=http_method,
            info=info,
            call_id=call_id or uuidutils.generate_uuid(),
            respond_async=respond_async,
            key=key,
            routed=routed,
        )
        return self._call(
            context,
            protocol.CALL,
            functools.partial(_addressed, request),
            timeout=timeout,
            servers=servers,
            tried=tried,
        )

    def get_driver_vendor_passthru_methods(
        self, context: Any, driver_name: str
    ) -> dict[str, dict[str, Any]]:
        """Return the methods of a driver in Ironic's format.

        :raises: RequestError, DriverNotFound, NotRun, OutcomeUnknown.
        """
        return self._read(
            context, 'get_driver_vendor_passthru_methods', driver_name
        )

    def get_driver_properties(
        self, context: Any, driver_name: str
    ) -> dict[str, str]:
        """Return the properties of a driver with their descriptions.

        :raises: RequestError, DriverNotFound, NotRun, OutcomeUnknown.
        """
        return self._read(context, 'get_driver_properties', driver_name)

    def ping(
        self,
        context: Any,
        server: protocol.ConductorAddress,
        *,
        timeout_seconds: float,
    ) -> str:
        """Return the incarnation of a conductor.

        :raises: NotRun, OutcomeUnknown.
        """
        incarnation: str = self._send(
            context, 'ping', server=server, timeout=timeout_seconds
        )
        return incarnation

    def check(self) -> str:
        """Check the connection to the bus.

        :returns: a description.
        :raises: BusUnavailable.
        """
        self._ensure_connected()
        try:
            self.ping({}, _no_server(), timeout_seconds=self._connect_seconds)
        except errors.CallNotDelivered:
            # The broker has returned the message as undeliverable.
            pass
        except errors.PassthruError:
            raise errors.BusUnavailable() from None
        return 'reachable'

    def _read(
        self, context: Any, method: str, driver_name: str
    ) -> dict[str, Any]:
        return self._call(
            context,
            method,
            lambda *_: {'driver_name': driver_name},
            timeout=self._timeout_seconds,
        )

    def _call(
        self,
        context: Any,
        method: str,
        arguments: Callable[
            [protocol.ConductorAddress | None, float], dict[str, Any]
        ],
        *,
        timeout: float,
        servers: Sequence[protocol.ConductorAddress] | None = None,
        tried: list[protocol.ConductorAddress] | None = None,
    ) -> dict[str, Any]:
        """Send a call to one server after another until one accepts it.

        :param arguments: returns the arguments of a message. Its parameters
            are the server, None for any conductor, and the seconds left.
        """
        sample = arguments(None, timeout)
        self._check_arguments(context, sample)
        deadline = time.monotonic() + timeout
        if servers is None:
            servers = self._locate(context, sample['driver_name'], timeout)
        refusal: errors.NotRun = errors.CallNotDelivered()
        # A random order spreads the load; it needs no secrecy.
        count = min(len(servers), _MAX_ATTEMPTS)
        for server in random.sample(servers, count):  # nosec B311
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                break
            if tried is not None:
                tried.append(server)
            try:
                result: dict[str, Any] = self._send(
                    context,
                    method,
                    server=server,
                    timeout=seconds,
                    **arguments(server, seconds),
                )
                return result
            except (errors.CallNotDelivered, *_REFUSALS) as error:
                LOG.debug('%s refused a call: %s', server, error.code)
                refusal = error
        raise refusal

    def _check_arguments(
        self, context: Any, arguments: Mapping[str, Any]
    ) -> None:
        """Reject arguments that conductors would drop without a reply.

        :raises: RequestError.
        """
        content = {
            'args': arguments,
            'context': request_context.to_bus(context),
        }
        try:
            text = strict_json.dumps(content, max_depth=_MAX_DEPTH)
        except strict_json.InvalidJSON as error:
            raise errors.RequestError(
                reason=f'the arguments are not JSON: {error}'
            ) from None
        limit = self._max_message_size - _OVERHEAD_BYTES
        if len(text.encode('utf-8')) * _MAX_GROWTH <= limit:
            return
        # oslo.messaging encodes the text twice, in ASCII.
        if len(json.dumps(json.dumps(content))) > limit:
            raise errors.RequestError(
                reason='the message is larger than [rpc] max_message_size, '
                f'{self._max_message_size} bytes'
            )

    def _locate(
        self, context: Any, driver_name: str, timeout: float
    ) -> list[protocol.ConductorAddress]:
        """Return the conductors that offer a driver, from any conductor.

        The conductor that receives the message may fail or have other keys;
        a second attempt is safe because nothing runs.
        """
        for _ in range(_LOCATE_ATTEMPTS):
            try:
                found = self._send(
                    context,
                    'locate_driver',
                    server=None,
                    timeout=timeout / _LOCATE_ATTEMPTS,
                    driver_name=driver_name,
                )
                return [
                    protocol.ConductorAddress(*address) for address in found
                ]
            except errors.OutcomeUnknown:
                LOG.debug('No reply to the lookup of driver %s', driver_name)
        raise errors.CallNotDelivered()

    def _send(
        self,
        context: Any,
        method: str,
        *,
        server: protocol.ConductorAddress | None,
        timeout: float,
        **arguments: Any,
    ) -> Any:
        """Send one message, wait for its reply and convert all errors."""
        self._ensure_connected()
        server_name = server.name if server else None
        prepared = self._client.prepare(server=server_name, timeout=timeout)
        signed = self._signatures.sign(
            request_context.to_bus(context),
            server=server_name,
            method=method,
            arguments=arguments,
        )
        request_id = getattr(context, 'request_id', None)
        # A forged error without proof could cause a second run of the call.
        needs_proof = method == protocol.CALL and self._signatures.required
        try:
            return reply_validation.check(
                method, prepared.call(signed, method, **arguments)
            )
        except error_mapping.BUS_ERRORS as error:
            failed = error_mapping.of_bus(error, request_id)
            if not _is_check(server):
                self._on_bus_error(failed)
            raise failed from None
        except errors.PassthruError as error:
            if self._is_trusted(error, signed if needs_proof else None):
                raise
            failure = type(error).__name__
        except Exception as error:
            # oslo.messaging rebuilds exceptions of built-in classes, with the
            # traceback of the conductor as their text.
            failure = str(getattr(error, 'exc_type', type(error).__name__))
        # Outside the exception handler: oslo.log would add the exception.
        if needs_proof:
            raise error_mapping.of_unproven(failure, request_id)
        raise error_mapping.of_conductor(failure, request_id)

    def _is_trusted(
        self, error: errors.PassthruError, signed: dict[str, Any] | None
    ) -> bool:
        """Return whether an error is valid; remove its proof.

        :param signed: the signed context of a message whose errors need a
            proof.
        """
        if not reply_validation.is_valid_error(error):
            return False
        if signed is None:
            return True
        proof = error.kwargs.pop(signing.PROOF, None)
        return (
            error.status not in errors.RESENT_ON
            or self._signatures.is_proven(signed, proof)
        )

    def _ensure_connected(self) -> None:
        """Wait for the first connection to the bus, with a timeout.

        oslo.messaging creates its reply queue during the first call and
        blocks without limit while the broker is unavailable. Therefore a
        separate thread sends the first message, to a server that does not
        exist.

        :raises: BusUnavailable.
        """
        if self._connected.is_set():
            return
        if self._connecting.acquire(blocking=False):
            try:
                threading.Thread(
                    target=self._connect, name='bus-connect', daemon=True
                ).start()
            except BaseException as error:
                # The next call must be able to try again.
                self._connecting.release()
                LOG.warning('Cannot connect to the message bus: %s', error)
                raise errors.BusUnavailable() from None
        if not self._connected.wait(self._connect_seconds):
            failed = errors.BusUnavailable()
            self._on_bus_error(failed)
            raise failed

    def _connect(self) -> None:
        try:
            # No conductor receives this message: it needs no signature.
            self._client.prepare(server=_no_server().name, timeout=1).call(
                {}, 'ping'
            )
        except oslo_messaging.MessageUndeliverable:
            self._connected.set()
        except Exception as error:
            if error_mapping.is_missing_exchange(error):
                self._connected.set()
            else:
                LOG.warning('The message bus cannot be reached: %s', error)
        finally:
            self._connecting.release()


def _addressed(
    request: protocol.CallRequest,
    server: protocol.ConductorAddress | None,
    seconds: float,
) -> dict[str, Any]:
    """Return the arguments for a server; None is any conductor."""
    if server is None:
        return request.to_bus()
    return dataclasses.replace(
        request,
        incarnation=server.incarnation,
        deadline=time.time() + seconds,
    ).to_bus()


def _no_server() -> protocol.ConductorAddress:
    """Return an address that no conductor has."""
    return protocol.ConductorAddress(_NO_HOST, uuidutils.generate_uuid())


def _is_check(server: protocol.ConductorAddress | None) -> bool:
    """Return whether the address is one of :func:`_no_server`."""
    return server is not None and server.hostname == _NO_HOST
