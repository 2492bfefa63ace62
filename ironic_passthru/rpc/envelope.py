# SPDX-License-Identifier: Apache-2.0
"""Validation and decoding of the messages of oslo.messaging."""

import bz2
import json
import zlib
from typing import Any

import kombu.serialization

from ironic_passthru.validation import strict_json

# common._RPC_ENVELOPE_VERSION of oslo.messaging.
_VERSION = '2.0'

# oslo.messaging stores and logs these ids; its own have 32 characters.
_IDS = ('_msg_id', '_unique_id')
_MAX_ID_LENGTH = 255

# By value of [oslo_messaging_rabbit] kombu_compression.
_DECOMPRESSORS: dict[Any, Any] = {
    'application/x-gzip': zlib.decompressobj,
    'application/x-bz2': bz2.BZ2Decompressor,
}


class InvalidMessage(ValueError):
    """A message was not sent by oslo.messaging."""


class TooLarge(InvalidMessage):
    """A message exceeds ``[rpc] max_message_size``."""


def decode(
    body: bytes, *, content_type: Any, compression: Any, max_size: int
) -> dict[str, Any]:
    """Return the content of a message.

    :param content_type: Content-Type of the message, of any type.
    :param compression: value of the compression header, of any type.
    :param max_size: bytes of the body, before and after decompression.
    :raises: InvalidMessage; any Exception for malformed data.
    """
    if len(body) > max_size:
        raise TooLarge('too large')
    if compression is not None:
        decompressor = _DECOMPRESSORS[compression]()
        body = decompressor.decompress(body, max_size + 1)
        if len(body) > max_size:
            raise TooLarge('too large')
        if not decompressor.eof:
            raise InvalidMessage('incomplete')
    # Ignore the encoding of the message: some codecs decompress.
    return unpack(
        kombu.serialization.loads(
            body, content_type, 'utf-8', accept={'application/json'}
        )
    )


def unpack(envelope: Any) -> dict[str, Any]:
    """Return the content of an envelope.

    :raises: InvalidMessage; any Exception for malformed data.
    """
    if envelope['oslo.version'] != _VERSION:
        raise InvalidMessage('another version of the envelope')
    content = json.loads(
        envelope['oslo.message'],
        parse_constant=strict_json.no_constant,
        parse_float=strict_json.finite,
    )
    if not isinstance(content, dict):
        raise InvalidMessage('not an object')
    for name in _IDS:
        value = content.get(name)
        if value is not None and not (
            isinstance(value, str)
            and len(value) <= _MAX_ID_LENGTH
            and value.isprintable()
        ):
            raise InvalidMessage('not an identifier')
    return content
