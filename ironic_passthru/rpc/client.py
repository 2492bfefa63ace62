# SPDX-License-Identifier: Apache-2.0
"""The client of the conductors, for the API and for other services."""

import dataclasses
import json
import math
import random
import threading
import time
from collections.abc import Iterator
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

# A conductor that answers one of these has not started the call.
_REFUSALS = (
    errors.ConductorBusy,
    errors.ConductorStopping,
    errors.StaleCall,
    errors.CallExpired,
)

# A fleet may have hundreds of conductors; when this many in a row refuse,
# asking further ones would only delay the answer.
_MAX_ATTEMPTS = 8
_LOCATE_ATTEMPTS = 2

# Nesting of arguments; [api] max_body_depth allows no more for parameters.
_MAX_DEPTH = 502

# Bytes that the bus, signatures and the address add to a message at most.
_OVERHEAD_BYTES = 4096
# The most bytes of a message for a byte of its UTF-8 text.
_MAX_GROWTH = 7

# What must not happen twice; all other methods only ask.
_CALL = 'driver_vendor_passthru'


class ConductorAPI:
    """Calls conductors over the bus; one object serves all threads.

    :param transport: from :func:`ironic_passthru.rpc.transport.make`.
    :param timeout_seconds: how long a call may take unless it says so.
    :param monitor_seconds: how long a conductor may show no sign of life
        during a call; at least 2, a whole number.
    :param connect_seconds: how long the first call waits for the bus.
    :param signing_keys: as ``[rpc] signing_keys`` of the conductors; the
        first one signs. By default messages are not signed. With them
        conductors have to prove that a call was not run.
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
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._monitor_seconds = monitor_seconds
        self._connect_seconds = connect_seconds
        self._max_message_size: int = transport.conf.rpc.max_message_size
        self._signatures = signing.make(signing_keys)
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

    def driver_vendor_passthru(
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
    ) -> dict[str, Any]:
        """Call a vendor passthru method of a driver, at most once.

        :param context: the request context.
        :param http_method: the verb, in upper case.
        :param info: the parameters; JSON values.
        :param servers: conductors that offer the method; by default those
            that some conductor names.
        :param call_id: unique id of the call; by default a new one.
        :param timeout_seconds: how long the call may take.
        :param respond_async: whether it is to be accepted before it runs,
            as an operation of this id, even if its method is synchronous.
        :param key: its Idempotency-Key; the call is recorded, and refused
            if another one was recorded with that key.
        :param tried: a list that gets the conductors which the call was
            offered to; the last one is the one that answered, or did not.
        :returns: ``return`` (a JSON value; for ``attach`` what
            :meth:`protocol.Attached.from_bus` reads), ``async`` and
            ``attach``; ``targets`` (a list of str) if the method of a
            synchronous call has reported some.
        :raises: RequestError if an argument has no JSON form or the message
            is larger than ``[rpc] max_message_size``, before anything is
            sent; KeyInUse; NotRun if the call certainly did not run,
            OutcomeUnknown if it may have; whatever the conductor or the
            driver raised, whose ``kwargs`` have reported ``targets``.
        """
        timeout = timeout_seconds or self._timeout_seconds
        if not math.isfinite(timeout):
            raise errors.RequestError(reason='timeout_seconds is not finite')
        deadline = time.monotonic() + timeout
        arguments: dict[str, Any] = {
            'driver_name': driver_name,
            'driver_method': driver_method,
            'http_method': http_method,
            'info': dict(info),
            'call_id': call_id or uuidutils.generate_uuid(),
        }
        if respond_async:
            arguments['respond_async'] = True
        if key is not None:
            arguments['key'] = dataclasses.asdict(key)
        self._check(context, arguments)
        if servers is None:
            servers = self._locate(context, driver_name, timeout)
        return self._call_one(
            context,
            _CALL,
            servers=servers,
            deadline=deadline,
            arguments=arguments,
            tried=tried,
        )

    def get_driver_vendor_passthru_methods(
        self, context: Any, driver_name: str
    ) -> dict[str, dict[str, Any]]:
        """Return the methods of a driver as Ironic describes them.

        :raises: RequestError, DriverNotFound, NotRun, OutcomeUnknown.
        """
        return self._ask(
            context, 'get_driver_vendor_passthru_methods', driver_name
        )

    def get_driver_properties(
        self, context: Any, driver_name: str
    ) -> dict[str, str]:
        """Return the properties of a driver with their descriptions.

        :raises: RequestError, DriverNotFound, NotRun, OutcomeUnknown.
        """
        return self._ask(context, 'get_driver_properties', driver_name)

    def ping(
        self,
        context: Any,
        server: protocol.ConductorAddress,
        *,
        timeout_seconds: float,
    ) -> str:
        """Return the incarnation of a conductor, if it hears the bus.

        :raises: NotRun, OutcomeUnknown.
        """
        return self._send(
            context, 'ping', server=server, timeout=timeout_seconds
        )

    @property
    def connecting(self) -> bool:
        """Whether it tries to reach the bus, which may take any time."""
        return self._connecting.locked()

    def check(self) -> str:
        """Make sure that the bus can be reached.

        :returns: a phrase for people.
        :raises: BusUnavailable.
        """
        self._ensure_connected()
        nobody = protocol.ConductorAddress('nobody', uuidutils.generate_uuid())
        try:
            self.ping({}, nobody, timeout_seconds=self._connect_seconds)
        except errors.CallNotDelivered:
            return 'reachable'
        except errors.PassthruError:
            raise errors.BusUnavailable() from None
        return 'reachable'

    def _check(self, context: Any, arguments: Mapping[str, Any]) -> None:
        """Refuse what conductors would drop without a reply.

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
        largest = self._max_message_size - _OVERHEAD_BYTES
        if len(text.encode('utf-8')) * _MAX_GROWTH <= largest:
            return
        # oslo.messaging sends text within text, both in ASCII.
        if len(json.dumps(json.dumps(content))) > largest:
            raise errors.RequestError(
                reason='the message is larger than [rpc] max_message_size, '
                f'{self._max_message_size} bytes'
            )

    def _ask(self, context: Any, name: str, driver_name: str) -> Any:
        self._check(context, {'driver_name': driver_name})
        timeout = self._timeout_seconds
        deadline = time.monotonic() + timeout
        servers = self._locate(context, driver_name, timeout)
        return self._call_one(
            context,
            name,
            servers=servers,
            deadline=deadline,
            arguments={'driver_name': driver_name},
        )

    def _locate(
        self, context: Any, driver_name: str, timeout: float
    ) -> list[protocol.ConductorAddress]:
        """Ask any conductor which ones offer the driver.

        The one that takes the message may not answer, or not trust it;
        asking once more does no harm, and nothing has run yet.
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
                LOG.debug('No conductor told where %s is', driver_name)
        raise errors.CallNotDelivered()

    def _call_one(
        self,
        context: Any,
        name: str,
        *,
        servers: Sequence[protocol.ConductorAddress],
        deadline: float,
        arguments: dict[str, Any],
        tried: list[protocol.ConductorAddress] | None = None,
    ) -> Any:
        """Offer the call to one server after another until one takes it."""
        refusal: errors.NotRun = errors.CallNotDelivered()
        for server in _in_random_order(servers):
            timeout = deadline - time.monotonic()
            if timeout <= 0:
                break
            if name == _CALL:
                arguments['incarnation'] = server.incarnation
                arguments['deadline'] = time.time() + timeout
            if tried is not None:
                tried.append(server)
            try:
                return self._send(
                    context, name, server=server, timeout=timeout, **arguments
                )
            except (errors.CallNotDelivered, *_REFUSALS) as error:
                LOG.debug('%s did not take a call: %s', server, error.code)
                refusal = error
        raise refusal

    def _send(
        self,
        context: Any,
        name: str,
        *,
        server: protocol.ConductorAddress | None,
        timeout: float,
        **arguments: Any,
    ) -> Any:
        """Send one message and wait for its answer; the one door out.

        Errors of the bus become the project's here: see ``failures``.
        """
        self._ensure_connected()
        server_name = server.name if server else None
        prepared = self._client.prepare(server=server_name, timeout=timeout)
        signed = self._signatures.sign(
            request_context.to_bus(context),
            server=server_name,
            method=name,
            arguments=arguments,
        )
        try:
            return reply_validation.check(
                name, prepared.call(signed, name, **arguments)
            )
        except error_mapping.OF_THE_BUS as error:
            raise error_mapping.of_the_bus(error, context) from None
        except errors.PassthruError as error:
            if self._is_believed(error, name, signed=signed):
                raise
            failure = type(error).__name__
        except Exception as error:
            # Errors of built-in classes are rebuilt under their own names,
            # with the traceback of the conductor as their text.
            failure = str(getattr(error, 'exc_type', type(error).__name__))
        # Not while the exception is handled: oslo.log adds its text.
        if self._needs_proof(name):
            raise error_mapping.unproven(failure, context)
        raise error_mapping.of_a_conductor(failure, context)

    def _needs_proof(self, name: str) -> bool:
        """Tell whether only those who have a key may say "not run".

        Somebody else may say so of a call that is running.
        """
        return name == _CALL and self._signatures.required

    def _is_believed(
        self, error: errors.PassthruError, name: str, *, signed: dict[str, Any]
    ) -> bool:
        """Tell whether an error may be acted upon; take its proof off."""
        if not reply_validation.is_error(error):
            return False
        if not self._needs_proof(name):
            return True
        proof = error.kwargs.pop(signing.PROOF, None)
        return (
            error.status not in errors.RESENT_ON
            or self._signatures.is_proven(signed, proof)
        )

    def _ensure_connected(self) -> None:
        """Wait for the bus before the first message, but not for ever.

        oslo.messaging sets up its reply queue during the first call and,
        while the broker is away, blocks there without limit.  A thread of
        its own takes that risk, with a message that nobody receives.
        """
        if self._connected.is_set():
            return
        if self._connecting.acquire(blocking=False):
            try:
                threading.Thread(
                    target=self._connect, name='bus-connect', daemon=True
                ).start()
            except BaseException as error:
                # Without the thread the next call must be able to try again.
                self._connecting.release()
                LOG.warning('Cannot connect to the message bus: %s', error)
                raise errors.BusUnavailable() from None
        if not self._connected.wait(self._connect_seconds):
            raise errors.BusUnavailable()

    def _connect(self) -> None:
        # Nobody will receive it, so it needs no signature.
        nobody = protocol.ConductorAddress('nobody', uuidutils.generate_uuid())
        try:
            self._client.prepare(server=nobody.name, timeout=1).call(
                {}, 'ping'
            )
        except oslo_messaging.MessageUndeliverable:
            self._connected.set()
        except Exception as error:
            if error_mapping.no_exchange(error):
                self._connected.set()
            else:
                LOG.warning('The message bus cannot be reached: %s', error)
        finally:
            self._connecting.release()


def _in_random_order(
    servers: Sequence[protocol.ConductorAddress],
) -> Iterator[protocol.ConductorAddress]:
    """Yield some of ``servers``, so that they share the load evenly."""
    count = min(len(servers), _MAX_ATTEMPTS)
    # Spreading load needs no secrecy.
    yield from random.sample(servers, count)  # nosec B311
