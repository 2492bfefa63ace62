# SPDX-License-Identifier: Apache-2.0
"""The Idempotency-Key header, by which a client sends a call only once.

What is kept of a key tells nobody who reads the database the key, nor the
parameters of its request, as long as the key cannot be guessed: a digest
finds the key again, and a fingerprint of the request that is made with the
key shows whether another request has the same parameters.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from ironic_passthru import errors
from ironic_passthru import operation

HEADER = 'Idempotency-Key'
# To read twice is to read once.
VERBS = ('POST', 'PUT', 'DELETE', 'PATCH')

_MAX_LENGTH = 255
_VISIBLE = re.compile(r'[!-~]+')
# A string of RFC 8941.
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')


def read(header: str) -> str:
    """Return the key that a header holds, bare or as a quoted string.

    :raises: InvalidKey.
    """
    key = header.strip()
    if key.startswith('"'):
        quoted = _STRING.fullmatch(key)
        if quoted is None:
            raise errors.InvalidKey(reason='its quotes do not match')
        key = re.sub(r'\\(.)', r'\1', quoted[1])
    if len(key) > _MAX_LENGTH or not _VISIBLE.fullmatch(key):
        raise errors.InvalidKey(
            reason=f'it must be 1 to {_MAX_LENGTH} visible ASCII characters'
        )
    return key


def record(
    key: str,
    owner: operation.Owner,
    *,
    driver: str,
    method: str,
    http_method: str,
    parameters: Mapping[str, Any],
) -> operation.Key:
    """Return what is kept of a key and its request.

    :param owner: whose key it is: those of others are others.
    """
    # A user who is called like a project is somebody else.
    user = owner.user_id
    whose = owner.project_id if user is None else {'user': user}
    owned = _canonical([whose, key]).encode('ascii')
    request = _canonical([driver, method, http_method, parameters]).encode(
        'ascii'
    )
    return operation.Key(
        digest=hashlib.sha256(owned).hexdigest(),
        fingerprint=hmac.new(
            key.encode('ascii'), request, 'sha256'
        ).hexdigest(),
    )


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(',', ':'))
