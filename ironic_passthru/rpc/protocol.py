# SPDX-License-Identifier: Apache-2.0
"""What both ends of the bus must agree on."""

import base64
import dataclasses
import re
from typing import Any

import oslo_messaging

from ironic_passthru import context as request_context
from ironic_passthru import errors

EXCHANGE = 'ironic_passthru'
TOPIC = 'ironic_passthru.conductor_manager'
# 1.0 - driver_vendor_passthru, get_driver_vendor_passthru_methods,
#       get_driver_properties, locate_driver, ping
VERSION = '1.0'

#: Member of the reply of driver_vendor_passthru, and fact of its errors, that
#: lists reported targets. It is optional: not all releases send or read it.
TARGETS = 'targets'

# What becomes a header must not become two.
_MEDIA_TYPE = re.compile(r'[\x20-\x7e]+')
# Whoever makes a header of it leaves out what cannot stand there.
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
        """The server part of its queue's name.

        A queue for each run means that it goes when the run ends, and that
        a message for an earlier run cannot reach a later one.
        """
        return f'{self.hostname}.{self.incarnation}'


class ContextSerializer(oslo_messaging.NoOpSerializer):
    """Carries what a request context says, and nothing that it leaves open.

    oslo.messaging copies and encodes the context several times on its way.
    """

    def serialize_context(self, context: Any) -> dict[str, Any]:
        return request_context.to_bus(context)

    def deserialize_context(
        self, context: Any
    ) -> request_context.RequestContext:
        return request_context.RequestContext.from_bus(context)


@dataclasses.dataclass(frozen=True)
class Attached:
    """The body that an ``attach`` method answered.

    :param data: the bytes.
    :param media_type: value for Content-Type.
    :param filename: name to save it under, if the driver gave one.
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
        """Build from what :meth:`to_bus` returned.

        :raises: PassthruError for anything else.
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
        raise ValueError('not such a text')
    return value
