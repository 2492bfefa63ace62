# SPDX-License-Identifier: Apache-2.0
"""Addresses and messages that RPC clients and conductors share."""

import base64
import dataclasses
import re
import time
import typing
from collections.abc import Mapping
from collections.abc import Set
from typing import Any

import oslo_messaging
from oslo_utils import uuidutils

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation

EXCHANGE = 'ironic_passthru'
TOPIC = 'ironic_passthru.conductor_manager'
# 1.0 - driver_vendor_passthru, get_driver_vendor_passthru_methods,
#       get_driver_properties, locate_driver, ping
VERSION = '1.0'

#: RPC method that runs a driver method; all other RPC methods only read.
CALL = 'driver_vendor_passthru'

#: Member of the reply of :data:`CALL`, and of ``kwargs`` of its errors, that
#: lists reported targets. Optional: not all releases send or read it.
TARGETS = 'targets'

# Call ids become part of URLs. The database stores 64 characters.
_CALL_ID = re.compile(r'[\w.~-]{1,64}', re.ASCII)
# Conductors keep a call id until its deadline. The longest method timeout is
# thirty days; clocks differ by less than an hour.
_MAX_DEADLINE_SECONDS = 30 * 86400 + 3600
_SHA256 = re.compile('[0-9a-f]{64}')

# Visible ASCII only, because the value becomes an HTTP header.
_MEDIA_TYPE = re.compile(r'[\x20-\x7e]+')
# Unrestricted: the code that writes the header encodes the name.
_FILE_NAME = re.compile(r'.*', re.DOTALL)


@dataclasses.dataclass(frozen=True)
class ConductorAddress:
    """The address of one run of a conductor.

    :param hostname: name of the conductor.
    :param incarnation: identifier of the run.
    """

    hostname: str
    incarnation: str

    @property
    def name(self) -> str:
        """Server name of its queue.

        Each run has its own queue: the queue is deleted with the run, and a
        message for an earlier run cannot reach a later one.
        """
        return f'{self.hostname}.{self.incarnation}'


@dataclasses.dataclass(frozen=True)
class CallRequest:
    """Arguments of the RPC method ``driver_vendor_passthru``.

    :param http_method: in upper case.
    :param info: parameters by name; JSON values.
    :param call_id: unique id; 1 to 64 letters, digits or ``-._~``.
    :param incarnation: the only run of a conductor that may run the call.
    :param deadline: seconds since the epoch after which the call must not
        start.
    :param respond_async: whether to run the call as an operation even if the
        method is synchronous.
    :param key: the Idempotency-Key.
    :param routed: whether the conductor was chosen because it serves the
        targets; it refuses the call if it no longer does. Only for conductors
        that publish targets: earlier releases reject the argument.
    """

    driver_name: str
    driver_method: str
    http_method: str
    info: Mapping[str, Any]
    call_id: str = dataclasses.field(default_factory=uuidutils.generate_uuid)
    incarnation: str | None = None
    deadline: int | float | None = None
    respond_async: bool = False
    key: operation.Key | None = None
    routed: bool = False

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.time() > self.deadline

    def to_bus(self) -> dict[str, Any]:
        """Return the JSON form, without unset arguments."""
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
        }
        values['info'] = dict(self.info)
        if self.key is not None:
            values['key'] = dataclasses.asdict(self.key)
        return {
            name: value
            for name, value in values.items()
            if value is not None and value is not False
        }

    @classmethod
    def from_bus(
        cls, values: Mapping[str, Any], *, fenced: bool = False
    ) -> 'CallRequest':
        """Build a request from the arguments of a message.

        :param fenced: whether ``call_id``, ``incarnation`` and ``deadline``
            are required; they prevent that a copy of the message runs.
        :raises: RequestError.
        """
        required = _REQUIRED | _FENCE if fenced else _REQUIRED
        check_arguments(values, _TYPES, required=required)
        given = {name: v for name, v in values.items() if v is not None}
        if 'key' in given:
            given['key'] = _key(given['key'])
        request = cls(**given)
        if not _CALL_ID.fullmatch(request.call_id):
            raise errors.RequestError(
                reason='call_id must be 1 to 64 letters, digits or -._~'
            )
        latest = time.time() + _MAX_DEADLINE_SECONDS
        # The comparison is false for NaN.
        if request.deadline is not None and not request.deadline < latest:
            raise errors.RequestError(
                reason='deadline must be a time within the next thirty days'
            )
        return request


_REQUIRED = frozenset({'driver_name', 'driver_method', 'http_method', 'info'})
_FENCE = frozenset({'call_id', 'incarnation', 'deadline'})
# Types in a message; optional arguments may be null.
_TYPES: dict[str, Any] = {
    **typing.get_type_hints(CallRequest),
    'info': dict,
    'call_id': str | None,
    'key': dict | None,
}


def check_arguments(
    values: Mapping[str, Any],
    types: Mapping[str, Any],
    *,
    required: Set[str] | None = None,
) -> None:
    """Validate names and types of the arguments of a message.

    :param types: type or union of types by name of the argument.
    :param required: names that must be present; by default all.
    :raises: RequestError.
    """
    missing = {
        name
        for name in (types.keys() if required is None else required)
        if values.get(name) is None
    }
    if missing:
        raise errors.RequestError(
            reason=f'missing arguments: {", ".join(sorted(missing))}'
        )
    if values.keys() - types.keys():
        allowed = ', '.join(types) or 'none'
        raise errors.RequestError(
            reason=f'unknown arguments; allowed: {allowed}'
        )
    for name, value in values.items():
        if not isinstance(value, types[name]):
            raise errors.RequestError(
                reason=f'{name} must not be of type {type(value).__name__}'
            )


def _key(values: Mapping[str, Any]) -> operation.Key:
    names = [field.name for field in dataclasses.fields(operation.Key)]
    if sorted(values) != sorted(names) or not all(
        isinstance(digest, str) and _SHA256.fullmatch(digest)
        for digest in values.values()
    ):
        raise errors.RequestError(
            reason=f'key must contain {" and ".join(names)}, each a SHA-256 '
            'in hexadecimal'
        )
    return operation.Key(**values)


class ContextSerializer(oslo_messaging.NoOpSerializer):
    """Serializer of contexts that omits unset fields.

    oslo.messaging copies and encodes the context several times.
    """

    def serialize_context(self, context: Any) -> dict[str, Any]:
        """Return the JSON form of a context."""
        return request_context.to_bus(context)

    def deserialize_context(
        self, context: Any
    ) -> request_context.RequestContext:
        """Return the context of a message."""
        return request_context.RequestContext.from_bus(context)


@dataclasses.dataclass(frozen=True)
class Attached:
    """The result of an ``attach`` method.

    :param data: the bytes.
    :param media_type: value of Content-Type.
    :param filename: suggested name of a file, if the driver returned one.
    """

    data: bytes
    media_type: str
    filename: str | None = None

    def to_bus(self) -> dict[str, Any]:
        """Return the JSON form; bytes as base64 (RFC 4648)."""
        return {
            'data': base64.b64encode(self.data).decode('ascii'),
            'media_type': self.media_type,
            'filename': self.filename,
        }

    @classmethod
    def from_bus(cls, values: Any) -> 'Attached':
        """Build from the JSON form.

        :raises: PassthruError if ``values`` is not a valid JSON form.
        """
        try:
            return cls(
                data=base64.b64decode(values['data'], validate=True),
                media_type=_text(values['media_type'], _MEDIA_TYPE),
                filename=values['filename']
                and _text(values['filename'], _FILE_NAME),
            )
        except (KeyError, TypeError, ValueError):
            raise errors.PassthruError() from None


def _text(value: Any, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError('invalid text')
    return value
