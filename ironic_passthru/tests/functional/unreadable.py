# SPDX-License-Identifier: Apache-2.0
"""A message whose AMQP headers cannot be read."""

import struct

import amqp


class Message(amqp.basic_message.Message):
    """It ends the connection that it is delivered by."""

    def __init__(self) -> None:
        super().__init__('{}')

    def _serialize_properties(self) -> bytes:
        # Such a time stamp is beyond what Python's library can hold.
        table = b'\x01xT' + struct.pack('>Q', 2**63)
        return struct.pack('>HI', 1 << 13, len(table)) + table
