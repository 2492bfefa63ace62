# SPDX-License-Identifier: Apache-2.0
"""What a message must be before a method of the conductor sees it.

oslo.messaging hands everything that it can read to its dispatcher. There it
would fail in ways of its own, each with a traceback in the log, and some of
them without end.
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

# Changes things, so it must be addressed to one conductor.
_CALL = 'driver_vendor_passthru'

_MAX_SHOWN = 64


class MessageFilter(monitor.Dispatcher):
    """Dispatches messages that are in order, and answers all others.

    :param monitor: sends signs of life.
    :param endpoint: has the methods.
    :param address: of the conductor.
    :param signatures: checks who a message is from.
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
            monitor,
            endpoints=[endpoint],
            serializer=protocol.ContextSerializer(),
            access_policy=oslo_messaging.ExplicitRPCAccessPolicy,
        )
        self._methods = {
            name
            for name, _ in inspect.getmembers(type(endpoint))
            if self.access_policy.is_allowed(endpoint, name)
        }
        self._address = address
        self._signatures = signatures

    def dispatch(self, incoming: Any) -> Any:
        """Run the method that a message names and return its result."""
        try:
            self._check(incoming.message)
        except (
            errors.RequestError,
            rpc.NoSuchMethod,
            rpc.UnsupportedVersion,
        ):
            # One that is expected is answered, but not logged once more.
            raise rpc.ExpectedException() from None
        try:
            return super().dispatch(incoming)
        except rpc.ExpectedException as expected:
            if incoming.message['method'] == _CALL:
                self._prove(incoming.ctxt, expected.exc_info[1])
            raise

    def _prove(self, context: Any, error: errors.PassthruError) -> None:
        """Let the sender of a call know for sure that it was not run.

        Only here: the gate itself refuses by more than what is signed, so
        that it might refuse a copy of a message that is running.
        """
        if error.status not in errors.RESENT_ON:
            return
        proof = self._signatures.prove(context)
        if proof is not None:
            error.kwargs = {**error.kwargs, signing.PROOF: proof}

    def is_authentic(self, incoming: Any) -> bool:
        """Return whether a message is signed as agreed; log why it is not.

        To be called before :meth:`dispatch`, and before the message takes
        anything that calls need.
        """
        if not self._signatures.required:
            return True
        method = incoming.message.get('method')
        arguments = incoming.message.get('args', {})
        if not isinstance(method, str) or not isinstance(arguments, dict):
            LOG.warning('Refused a message that calls no method')
            return False
        name = self._address.name
        try:
            self._signatures.check(
                incoming.ctxt,
                # Whoever takes it may answer a question, but what changes
                # things is addressed to one conductor.
                servers=[name] if method == _CALL else [name, None],
                method=method,
                arguments=arguments,
            )
            return True
        except signing.NotSigned as error:
            reason = str(error)
        # Not while the exception is handled: oslo.log adds its text.
        LOG.warning(
            'Refused a message for the method %s: %s', _shown(method), reason
        )
        return False

    def _check(self, message: Mapping[str, Any]) -> None:
        """Refuse a message that is not in order, and log why.

        :raises: RequestError; NoSuchMethod and UnsupportedVersion, as
            clients of oslo.messaging know them.
        """
        method = message.get('method')
        arguments = message.get('args', {})
        if not isinstance(method, str) or not isinstance(arguments, dict):
            LOG.warning('Refused a message that calls no method')
            raise errors.RequestError(reason='the message calls no method')
        version = message.get('version', '1.0')
        if message.get('namespace') is not None or not _is_served(version):
            LOG.warning('Refused a message of another version')
            raise rpc.UnsupportedVersion(_shown(version), _shown(method))
        if method not in self._methods:
            LOG.warning('Refused a message for the method %s', _shown(method))
            raise rpc.NoSuchMethod(_shown(method))


def _is_served(version: Any) -> bool:
    """Tell whether a version is the one served here, or an older one."""
    found = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if found is None:
        return False
    major, minor = protocol.VERSION.split('.')
    return int(found[1]) == int(major) and int(found[2]) <= int(minor)


def _shown(value: Any) -> str:
    """Return what a log line can show of a value from a message."""
    return ascii(value)[:_MAX_SHOWN] if isinstance(value, str) else '?'
