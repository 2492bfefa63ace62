# SPDX-License-Identifier: Apache-2.0
"""The Idempotency-Key header.

The database contains neither keys nor parameters: a digest identifies a key,
and an HMAC of the request with the key detects other parameters. Both are
safe as long as the key cannot be guessed.
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
#: HTTP methods that use the header; GET is idempotent by itself.
HTTP_METHODS = ('POST', 'PUT', 'DELETE', 'PATCH')

MAX_LENGTH = 255
_VISIBLE = re.compile(r'[!-~]+')
# A string of RFC 8941.
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')


def parse(header: str) -> str:
    """Return the key of a header, which may be a quoted string.

    :raises: InvalidKey.
    """
    key = header.strip()
    if key.startswith('"'):
        quoted = _STRING.fullmatch(key)
        if quoted is None:
            raise errors.InvalidKey(reason='its quotes do not match')
        key = re.sub(r'\\(.)', r'\1', quoted[1])
    if len(key) > MAX_LENGTH or not _VISIBLE.fullmatch(key):
        raise errors.InvalidKey(
            reason=f'it must be 1 to {MAX_LENGTH} visible ASCII characters'
        )
    return key


def stored_key(
    key: str,
    owner: operation.Owner,
    *,
    driver: str,
    method: str,
    http_method: str,
    parameters: Mapping[str, Any],
    conductor_group: str | None = None,
) -> operation.Key:
    """Return the stored form of a key and its request.

    :param owner: keys of different owners are different.
    :param conductor_group: the group that the request names, if any.
    """
    # The id of a user may equal the id of a project.
    user = owner.user_id
    owner_id = owner.project_id if user is None else {'user': user}
    request = [driver, method, http_method, parameters]
    if conductor_group is not None:
        # Other requests keep the fingerprints of earlier releases.
        request.append(conductor_group)
    return operation.Key(
        digest=hashlib.sha256(_canonical([owner_id, key])).hexdigest(),
        fingerprint=hmac.new(
            key.encode('ascii'), _canonical(request), 'sha256'
        ).hexdigest(),
    )


def _canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(',', ':'))
    return text.encode('ascii')
