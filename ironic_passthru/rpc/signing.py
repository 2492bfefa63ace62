# SPDX-License-Identifier: Apache-2.0
"""Signatures that prove that a message comes from one who has a key.

A broker's login lets anybody send messages; with ``[rpc] signing_keys`` that
alone calls nothing. What is signed is the whole message as it is acted upon::

    {"args": ..., "context": ..., "method": ..., "server": ...}

as JSON without white space and with sorted keys, by HMAC-SHA256. Signing does
not hide anything.

Answers are not signed, but for one thing: that a call was not run. Whoever
hears that sends it again, so it comes with a proof, which is the HMAC of the
signature of the call that was refused.
"""

import hmac
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Protocol

from oslo_serialization import jsonutils

from ironic_passthru import context as request_context
from ironic_passthru import errors

#: Fewest characters of a key; as many bytes as a SHA-256 has.
MIN_KEY_LENGTH = 32

#: The field of the context that holds the signature.
FIELD = 'signature'

#: The fact of an error that holds the proof.
PROOF = 'proof'

_HASH = 'sha256'
# Tells keys apart; it need not be hard to guess.
_KEY_ID_LENGTH = 8
# No message that is signed begins like this.
_NOT_RUN = b'not run '

# What has no JSON form is converted as oslo.messaging will.
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(',', ':'), default=jsonutils.to_primitive
)


class NotSigned(Exception):
    """A message is not signed as agreed; the text says how not."""


class Signatures(Protocol):
    """Signs messages and checks the signatures of others.

    :ivar required: whether a message without one is refused.
    """

    required: bool

    def sign(
        self,
        context: dict[str, Any],
        *,
        server: str | None,
        method: str,
        arguments: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return the context that a message has to be sent with.

        :param context: as :func:`ironic_passthru.context.to_bus` made it.
        :param server: name of the server that it is sent to; None if any
            may take it.
        """

    def check(
        self,
        context: Any,
        *,
        servers: Sequence[str | None],
        method: str,
        arguments: Mapping[str, Any],
    ) -> None:
        """Make sure that a message came as it was signed.

        :param context: as it came.
        :param servers: those that it may have been signed for.
        :raises: NotSigned.
        """

    def prove(self, context: Any) -> str | None:
        """Return what proves to its sender that a message was not run.

        It must never be run either, not even a copy of it.

        :param context: of a message that :meth:`check` has accepted.
        :returns: None if nobody asks for a proof.
        """

    def is_proven(self, context: Mapping[str, Any], proof: Any) -> bool:
        """Tell whether a message was not run.

        :param context: as :meth:`sign` returned it.
        :param proof: what came, of whatever type.
        """


class NoSignatures:
    """Signs nothing, and takes messages whether they are signed or not."""

    required = False

    def sign(self, context: dict[str, Any], **message: Any) -> dict[str, Any]:
        """Return the context as it is."""
        return context

    def check(self, context: Any, **message: Any) -> None:
        """Accept any message."""

    def prove(self, context: Any) -> str | None:
        """Return None."""
        return None

    def is_proven(self, context: Mapping[str, Any], proof: Any) -> bool:
        """Believe whoever says so."""
        return True


class KeySignatures:
    """Signs with the first of some keys and accepts all of them.

    :param keys: secrets of at least :data:`MIN_KEY_LENGTH` characters.
    :raises: ConfigError for one that is shorter.
    """

    required = True

    def __init__(self, keys: Sequence[str]) -> None:
        if any(len(key) < MIN_KEY_LENGTH for key in keys):
            raise errors.ConfigError(
                'Option signing_keys in group [rpc] must hold keys of at '
                f'least {MIN_KEY_LENGTH} characters each, separated by commas'
            )
        self._keys = {key_id(key): key.encode('utf-8') for key in keys}
        self._id, self._key = next(iter(self._keys.items()))

    def sign(
        self,
        context: dict[str, Any],
        *,
        server: str | None,
        method: str,
        arguments: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return the context with a signature by the first key.

        :raises: RequestError for arguments that have no JSON form.
        """
        text = canonical(
            context,
            server=server,
            method=method,
            arguments=_as_sent(arguments),
        )
        mac = hmac.digest(self._key, text, _HASH).hex()
        return {**context, FIELD: f'{self._id}:{mac}'}

    def check(
        self,
        context: Any,
        *,
        servers: Sequence[str | None],
        method: str,
        arguments: Mapping[str, Any],
    ) -> None:
        """Make sure that one of the keys signed this very message.

        :raises: NotSigned.
        """
        signature = context.get(FIELD) if isinstance(context, dict) else None
        if not isinstance(signature, str):
            raise NotSigned('it is not signed')
        name, _, stated = signature.partition(':')
        key = self._keys.get(name)
        if key is None:
            raise NotSigned('its signing key is not known here')
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
                # Whoever signed this could not have written it down.
                break
            mac = hmac.digest(key, text, _HASH).hex().encode('ascii')
            if hmac.compare_digest(mac, stated.encode('ascii', 'replace')):
                return
        raise NotSigned('its signature does not fit it')

    def prove(self, context: Any) -> str | None:
        """Return a proof by the key that the message was signed with.

        Its sender has that key, whichever is the first one here.
        """
        signature: str = context[FIELD]
        key = self._keys[signature.partition(':')[0]]
        text = _NOT_RUN + signature.encode('ascii')
        return hmac.digest(key, text, _HASH).hex()

    def is_proven(self, context: Mapping[str, Any], proof: Any) -> bool:
        """Tell whether one who has the key says that a message was not run."""
        expected = self.prove(context) or ''
        return isinstance(proof, str) and hmac.compare_digest(
            expected.encode('ascii'), proof.encode('ascii', 'replace')
        )


def make(keys: Sequence[str]) -> Signatures:
    """Return what signs and checks with some keys, or without any.

    :raises: ConfigError for a key that is too short.
    """
    return KeySignatures(keys) if keys else NoSignatures()


def _as_sent(arguments: Mapping[str, Any]) -> Any:
    """Return what the conductor will read.

    JSON makes text of keys that are numbers, and text sorts otherwise.

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
    """Return the name by which a signature tells its key."""
    mac = hmac.digest(key.encode('utf-8'), b'key id', _HASH)
    return mac.hex()[:_KEY_ID_LENGTH]


def canonical(
    context: Mapping[str, Any],
    *,
    server: str | None,
    method: str,
    arguments: Mapping[str, Any],
) -> bytes:
    """Return the bytes that are signed."""
    return _CANONICAL.encode(
        {
            'args': arguments,
            'context': context,
            'method': method,
            'server': server,
        }
    ).encode('ascii')
