# SPDX-License-Identifier: Apache-2.0
"""What both ends of the bus must agree on."""

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any

import oslo_messaging

from ironic_passthru import context as request_context

EXCHANGE = 'ironic_passthru'
TOPIC = 'ironic_passthru.conductor_manager'
# 1.0 - driver_vendor_passthru, get_driver_vendor_passthru_methods,
#       get_driver_properties, locate_driver, ping
VERSION = '1.0'


@dataclasses.dataclass(frozen=True)
class Server:
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
        if isinstance(context, Mapping):
            return dict(context)
        values = context.to_dict()
        # Made up of the others, for log lines.
        values.pop('user_identity', None)
        return {key: value for key, value in values.items() if value}

    def deserialize_context(
        self, context: dict[str, Any]
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
    def from_bus(cls, values: Mapping[str, Any]) -> 'Attached':
        """Build from what :meth:`to_bus` returned."""
        return cls(
            data=base64.b64decode(values['data']),
            media_type=values['media_type'],
            filename=values['filename'],
        )
