# SPDX-License-Identifier: Apache-2.0
"""From what a method returned to what crosses the bus."""

import json
import re
from typing import Any

import pydantic_core
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.drivers import base
from ironic_passthru.rpc import protocol

LOG = log.getLogger(__name__)

_TEXT = 'text/plain; charset=utf-8'
_BYTES = 'application/octet-stream'
# A media type with parameters, in printable ASCII: it becomes a header.
_MEDIA_TYPE = re.compile(r'[\w.+-]+/[\w.+-]+(;[ -~]*)?', re.ASCII)


def encode(
    method: spec.MethodSpec,
    value: Any,
    *,
    max_size: int,
    request_id: str | None,
) -> Any:
    """Return ``value`` as a JSON value that can be sent.

    Tuples, sets, dates, UUIDs, enumerations, dataclasses and pydantic models
    get their usual JSON form.

    :param max_size: in bytes.
    :raises: ResultNotSerializable, ResultTooLarge, BadAttachment.
    """
    facts = {'method': method.name, 'request_id': request_id}
    if method.attach:
        result, size = _attached(value, facts)
    elif value is None:
        return None
    else:
        result, size = _json_value(value, facts)
    if size > max_size:
        raise errors.ResultTooLarge(limit=max_size, **facts)
    return result


def _json_value(value: Any, facts: dict[str, Any]) -> tuple[Any, int]:
    try:
        plain = pydantic_core.to_jsonable_python(
            value, inf_nan_mode='constants'
        )
        return plain, len(json.dumps(plain, allow_nan=False))
    except (
        pydantic_core.PydanticSerializationError,
        RecursionError,
        TypeError,
        ValueError,
    ):
        # The text of these may hold parts of the value.
        raise errors.ResultNotSerializable(**facts) from None
    except BaseException:
        # A generator is the driver's own code and may raise anything, even
        # what elsewhere says that the method did not run.
        LOG.exception('The result of method %(method)s failed', facts)
        raise errors.ResultNotSerializable(**facts) from None


def _attached(value: Any, facts: dict[str, Any]) -> tuple[Any, int]:
    if not isinstance(value, base.Attachment):
        value = base.Attachment(value)
    data, media_type = value.data, _BYTES
    if isinstance(data, str):
        try:
            data, media_type = data.encode('utf-8'), _TEXT
        except UnicodeEncodeError:
            raise errors.BadAttachment(**facts) from None
    if not isinstance(data, bytes | bytearray | memoryview):
        raise errors.BadAttachment(**facts)
    media_type = value.media_type or media_type
    if not isinstance(media_type, str) or not (
        _MEDIA_TYPE.fullmatch(media_type)
    ):
        raise errors.BadAttachment(**facts)
    if not isinstance(value.filename, str | None):
        raise errors.BadAttachment(**facts)
    attached = protocol.Attached(
        data=bytes(data),
        media_type=media_type,
        filename=value.filename,
    ).to_bus()
    return attached, len(attached['data'])
