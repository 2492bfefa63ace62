# SPDX-License-Identifier: Apache-2.0
"""Serialization of results of methods."""

import contextlib
import dataclasses
import json
import re
import types
from typing import Any

import pydantic
import pydantic_core
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.conductor import call as calls
from ironic_passthru.drivers import base
from ironic_passthru.drivers import child_processes
from ironic_passthru.redaction import call_secrets
from ironic_passthru.redaction import masking
from ironic_passthru.redaction import serialization
from ironic_passthru.rpc import protocol

LOG = log.getLogger(__name__)

_TEXT = base.MEDIA_TYPES[str]
_BYTES = base.MEDIA_TYPES[bytes]
# A media type with parameters, in printable ASCII: it becomes a header.
_MEDIA_TYPE = re.compile(r'[\w.+-]+/[\w.+-]+(;[ -~]*)?', re.ASCII)

# Replaces secret attachments in records.
_MASKED_ATTACHMENT = protocol.Attached(
    data=masking.MASK.encode(), media_type=_TEXT
).to_bus()


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a method.

    :param value: JSON, for the caller.
    :param shown: the same with ``***`` for values of secret pydantic types.
    """

    value: Any
    shown: Any


def encode(
    method: spec.MethodSpec,
    value: Any,
    *,
    max_size: int,
    request_id: str | None,
    secrets: call_secrets.CallSecrets = call_secrets.NONE,
) -> Result:
    """Return ``value`` as JSON.

    Tuples, sets, dates, UUIDs, enumerations, dataclasses and pydantic models
    get their usual JSON form.

    :param max_size: in bytes.
    :param secrets: redacts the log.
    :raises: ResultNotSerializable, ResultTooLarge, BadAttachment.
    """
    details = {'method': method.name, 'request_id': request_id}
    if method.attach:
        result, size = _attached(value, details)
    elif value is None:
        return Result(None, None)
    else:
        result, size = _json_value(value, details, secrets=secrets)
    if size > max_size:
        raise errors.ResultTooLarge(limit=max_size, **details)
    return result


def recorded(job: calls.Job, result: Result) -> Any:
    """Return a result for the record: JSON without secrets.

    An attachment that contains a secret is replaced completely.
    """
    masker = job.method.result
    if not job.method.spec.attach:
        return job.secrets.value(masker.masked_result(result.shown))
    if masker.hides_all:
        return _MASKED_ATTACHMENT
    if job.secrets.finds_nothing:
        return result.shown
    attached = protocol.Attached.from_bus(result.shown)
    header = f'{attached.media_type}\n{attached.filename}'
    if job.secrets.are_in(attached.data) or (
        job.secrets.text(header) != header
    ):
        return _MASKED_ATTACHMENT
    return result.shown


def _json_value(
    value: Any, details: dict[str, Any], *, secrets: call_secrets.CallSecrets
) -> tuple[Result, int]:
    try:
        with child_processes.Contained():
            if isinstance(value, types.GeneratorType):
                # It can be iterated once only.
                value = list(value)
            try:
                plain = shown = serialization.to_json(value)
            except pydantic_core.PydanticSerializationError:
                value = serialization.plain_containers(value)
                plain = shown = serialization.to_json(value)
            text = json.dumps(plain, allow_nan=False)
            if serialization.HIDDEN in text or (
                serialization.contains_secret(value)
            ):
                plain, shown = serialization.reveal(value, shown)
                text = json.dumps(plain, allow_nan=False)
            return Result(plain, shown), len(text)
    except (
        pydantic_core.PydanticSerializationError,
        RecursionError,
        TypeError,
        ValueError,
    ):
        # Their texts may contain parts of the value.
        _log_unserializable(value, details, secrets)
        raise errors.ResultNotSerializable(**details) from None
    except BaseException as error:
        # A generator is code of the driver and may raise anything, even
        # errors that otherwise mean that the method did not run.
        LOG.error(
            'The result of method %(method)s failed',
            details,
            exc_info=secrets.error(error),
        )
        raise errors.ResultNotSerializable(**details) from None


def _log_unserializable(
    value: Any, details: dict[str, Any], secrets: call_secrets.CallSecrets
) -> None:
    try:
        with child_processes.Contained():
            path, kind = serialization.unserializable(value)
    except BaseException:
        # The value contains itself, or code of the driver fails.
        path, kind = '$', type(value).__qualname__
    LOG.error(
        'The result of method %s has no JSON form: %s is of type %s; convert '
        'it, or declare the method with attach=True if it is a file',
        details['method'],
        secrets.text(path),
        kind,
    )


def _attached(value: Any, details: dict[str, Any]) -> tuple[Result, int]:
    if not isinstance(value, base.Attachment):
        value = base.Attachment(value)
    data, media_type = value.data, _BYTES
    secret = isinstance(data, pydantic.SecretStr | pydantic.SecretBytes)
    if secret:
        data = data.get_secret_value()
    if isinstance(data, str):
        # A lone surrogate cannot be encoded.
        with contextlib.suppress(UnicodeEncodeError):
            data, media_type = data.encode('utf-8'), _TEXT
    media_type = value.media_type or media_type
    if not (
        isinstance(data, bytes | bytearray | memoryview)
        and isinstance(media_type, str)
        and _MEDIA_TYPE.fullmatch(media_type)
        and isinstance(value.filename, str | None)
    ):
        LOG.error(
            'The attachment of method %s is not valid: the types of data, '
            'media_type and filename are %s, %s and %s',
            details['method'],
            *(type(each).__name__ for each in (data, media_type)),
            type(value.filename).__name__,
        )
        raise errors.BadAttachment(**details)
    attached = protocol.Attached(
        data=bytes(data), media_type=media_type, filename=value.filename
    ).to_bus()
    shown = _MASKED_ATTACHMENT if secret else attached
    return Result(attached, shown), len(attached['data'])
