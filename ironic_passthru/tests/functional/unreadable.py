# SPDX-License-Identifier: Apache-2.0
"""A message whose AMQP headers cannot be read."""

import struct

import amqp


class Message(amqp.basic_message.Message):
    """A message that breaks the connection of its consumer."""

    def __init__(self) -> None:
        super().__init__('{}')

    def _serialize_properties(self) -> bytes:
        # The time stamp is out of the range of datetime.
        table = b'\x01xT' + struct.pack('>Q', 2**63)
        return struct.pack('>HI', 1 << 13, len(table)) + table
