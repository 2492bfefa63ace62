# SPDX-License-Identifier: Apache-2.0
"""Validation and authentication of RPC messages before dispatch.

The dispatcher of oslo.messaging fails on invalid messages with a traceback in
the log.
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any

import oslo_messaging
from oslo_log import log
from oslo_messaging import rpc

from ironic_passthru import errors
from ironic_passthru.rpc import monitor
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import signing

LOG = log.getLogger(__name__)

_VERSION = re.compile('([0-9]{1,4})[.]([0-9]{1,4})', re.ASCII)

_MAX_SHOWN = 64


class MessageFilter(oslo_messaging.RPCDispatcher):
    """Dispatcher that rejects invalid messages.

    :param monitor: sends heartbeats to the clients of running calls.
    :param endpoint: object with the exposed methods.
    :param address: address of the conductor.
    :param signatures: verifies the messages.
    """

    def __init__(
        self,
        monitor: monitor.CallMonitor,
        endpoint: Any,
        *,
        address: protocol.ConductorAddress,
        signatures: signing.Signatures,
    ) -> None:
        super().__init__(
            endpoints=[endpoint],
            serializer=protocol.ContextSerializer(),
            access_policy=oslo_messaging.ExplicitRPCAccessPolicy,
        )
        self._monitor = monitor
        self._endpoint = endpoint
        self._methods = {
            name
            for name, _ in inspect.getmembers(type(endpoint))
            if self.access_policy.is_allowed(endpoint, name)
        }
        self._address = address
        self._signatures = signatures

    def dispatch(self, incoming: Any) -> Any:
        """Run the method that a message names and return its result.

        :raises: ExpectedException for an invalid message, and for errors that
            the method returns to its client.
        """
        try:
            self._check(incoming.message)
        except (
            errors.RequestError,
            rpc.NoSuchMethod,
            rpc.UnsupportedVersion,
        ):
            # oslo.messaging returns this one to the client without logging.
            raise rpc.ExpectedException() from None
        try:
            with self._monitor.watch(incoming):
                return self._run(incoming)
        except rpc.ExpectedException as expected:
            if incoming.message['method'] == protocol.CALL:
                self._prove(incoming.ctxt, expected.exc_info[1])
            raise

    def _run(self, incoming: Any) -> Any:
        # The base class would look for the method among several endpoints,
        # and make the thread that the monitor replaces.
        message = incoming.message
        context = self.serializer.deserialize_context(incoming.ctxt)
        method = getattr(self._endpoint, message['method'])
        return method(context, **message.get('args', {}))

    def _prove(self, context: Any, error: errors.PassthruError) -> None:
        """Add the proof that a call was not run to its error.

        :meth:`_check` must not prove a rejection: it validates fields that
        are not signed, so it may reject a copy of a running message.
        """
        if error.status in errors.RESENT_ON and self._signatures.required:
            proof = self._signatures.prove(context)
            error.kwargs = {**error.kwargs, signing.PROOF: proof}

    def is_authentic(self, incoming: Any) -> bool:
        """Return whether the signature is valid; log why it is not.

        To be called before :meth:`dispatch`, and before the message occupies
        a thread.
        """
        if not self._signatures.required:
            return True
        name = self._address.name
        try:
            method, arguments = _method(incoming.message)
        except errors.RequestError:
            return False
        try:
            self._signatures.check(
                incoming.ctxt,
                # Calls must be addressed to one conductor.
                servers=[name] if method == protocol.CALL else [name, None],
                method=method,
                arguments=arguments,
            )
            return True
        except signing.NotSigned as error:
            reason = str(error)
        # Outside the exception handler: oslo.log would add the exception.
        LOG.warning(
            'Rejected a message for the method %s: %s', _shown(method), reason
        )
        return False

    def _check(self, message: Mapping[str, Any]) -> None:
        """Reject and log an invalid message.

        :raises: RequestError, NoSuchMethod, UnsupportedVersion.
        """
        method, _ = _method(message)
        version = message.get('version', '1.0')
        if message.get('namespace') is not None or not _is_served(version):
            LOG.warning('Rejected a message with an unsupported version')
            raise rpc.UnsupportedVersion(_shown(version), _shown(method))
        if method not in self._methods:
            LOG.warning(
                'Rejected a message for the unknown method %s', _shown(method)
            )
            raise rpc.NoSuchMethod(_shown(method))


def _method(message: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return method and arguments of a message; log their absence.

    :raises: RequestError.
    """
    method, arguments = message.get('method'), message.get('args', {})
    if not isinstance(method, str) or not isinstance(arguments, dict):
        LOG.warning('Rejected a message without a method')
        raise errors.RequestError(reason='the message has no method')
    return method, arguments


def _is_served(version: Any) -> bool:
    """Return whether the minor version is not later than the local one."""
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if match is None:
        return False
    major, minor = protocol.VERSION.split('.')
    return int(match[1]) == int(major) and int(match[2]) <= int(minor)


def _shown(value: Any) -> str:
    """Return a printable, short form of a value of a message."""
    return ascii(value)[:_MAX_SHOWN] if isinstance(value, str) else '?'
