# SPDX-License-Identifier: Apache-2.0
"""Signatures of RPC messages by shared keys.

With ``[rpc] signing_keys`` a login to the broker is not sufficient to call
methods. The signature is the HMAC-SHA256 of the whole message::

    {"args": ..., "context": ..., "method": ..., "server": ...}

as JSON without white space and with sorted keys. Messages are not encrypted.

Replies are not signed, except the statement that a call was not run, because
clients send such a call again. Its proof is the HMAC of the signature of the
rejected message.
"""

import hmac
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from oslo_serialization import jsonutils

from ironic_passthru import context as request_context
from ironic_passthru import errors

#: Minimum length of a key; a SHA-256 has as many bytes.
MIN_KEY_LENGTH = 32

#: Field of the context that contains the signature.
FIELD = 'signature'

#: Name of the proof in ``kwargs`` of an error.
PROOF = 'proof'

_HASH = 'sha256'
# The id only distinguishes keys.
_KEY_ID_LENGTH = 8
# Signed messages never start with this text.
_NOT_RUN = b'not run '

# Converts values that are not JSON as oslo.messaging does.
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(',', ':'), default=jsonutils.to_primitive
)


class NotSigned(Exception):
    """A message has no valid signature; the text is the reason."""


class Signatures:
    """Signs messages with the first key and verifies them with all keys.

    Without keys, messages are sent unsigned and are not verified.

    :param keys: secrets of at least :data:`MIN_KEY_LENGTH` characters.
    :ivar required: whether messages have to be signed.
    :raises: ConfigError for a key that is too short.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if any(len(key) < MIN_KEY_LENGTH for key in keys):
            raise errors.ConfigError(
                'Option signing_keys in group [rpc] must contain keys of at '
                f'least {MIN_KEY_LENGTH} characters each, separated by commas'
            )
        self._keys = {key_id(key): key.encode('utf-8') for key in keys}
        self.required = bool(keys)

    def sign(
        self,
        context: dict[str, Any],
        *,
        server: str | None,
        method: str,
        arguments: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return the context to send, with the signature of the message.

        :param context: from :func:`ironic_passthru.context.to_bus`.
        :param server: name of the receiving server; None if any server may
            process the message.
        :raises: RequestError for arguments that have no JSON form.
        """
        if not self.required:
            return context
        text = canonical(
            context,
            server=server,
            method=method,
            arguments=_as_sent(arguments),
        )
        name, key = next(iter(self._keys.items()))
        return {**context, FIELD: f'{name}:{_mac(key, text)}'}

    def check(
        self,
        context: Any,
        *,
        servers: Sequence[str | None],
        method: str,
        arguments: Mapping[str, Any],
    ) -> None:
        """Verify the signature of a message.

        :param context: context of the message, of any type.
        :param servers: accepted values of ``server`` in :meth:`sign`.
        :raises: NotSigned.
        """
        if not self.required:
            return
        signature = context.get(FIELD) if isinstance(context, dict) else None
        if not isinstance(signature, str):
            raise NotSigned('it is not signed')
        name, _, mac = signature.partition(':')
        key = self._keys.get(name)
        if key is None:
            raise NotSigned('the signing key is unknown')
        signed = {
            name: context[name]
            for name in request_context.BUS_FIELDS
            if name in context
        }
        for server in servers:
            try:
                text = canonical(
                    signed, server=server, method=method, arguments=arguments
                )
            except (ValueError, RecursionError):
                # A client could not have encoded this message.
                break
            if _is_equal(_mac(key, text), mac):
                return
        raise NotSigned('the signature does not match')

    def prove(self, context: Any) -> str:
        """Return the proof that a message was not run and never will be.

        The proof is made with the key of the message, which the client has.

        :param context: context of a message that :meth:`check` accepted.
        """
        signature: str = context[FIELD]
        key = self._keys[signature.partition(':')[0]]
        return _mac(key, _NOT_RUN + signature.encode('ascii'))

    def is_proven(self, context: Mapping[str, Any], proof: Any) -> bool:
        """Return whether the proof that a message was not run is valid.

        :param context: from :meth:`sign`, with keys.
        :param proof: received value, of any type.
        """
        return isinstance(proof, str) and _is_equal(self.prove(context), proof)


def _mac(key: bytes, text: bytes) -> str:
    return hmac.digest(key, text, _HASH).hex()


def _is_equal(expected: str, received: str) -> bool:
    return hmac.compare_digest(
        expected.encode('ascii'), received.encode('ascii', 'replace')
    )


def _as_sent(arguments: Mapping[str, Any]) -> Any:
    """Return the arguments as the conductor will read them.

    JSON converts keys that are numbers to text, which is sorted differently.

    :raises: RequestError.
    """
    try:
        return json.loads(
            json.dumps(arguments, default=jsonutils.to_primitive)
        )
    except (TypeError, ValueError, RecursionError):
        raise errors.RequestError(
            reason='the parameters have no JSON form'
        ) from None


def key_id(key: str) -> str:
    """Return the id of a key in signatures."""
    return _mac(key.encode('utf-8'), b'key id')[:_KEY_ID_LENGTH]


def canonical(
    context: Mapping[str, Any],
    *,
    server: str | None,
    method: str,
    arguments: Mapping[str, Any],
) -> bytes:
    """Return the bytes to sign."""
    return _CANONICAL.encode(
        {
            'args': arguments,
            'context': context,
            'method': method,
            'server': server,
        }
    ).encode('ascii')
