# SPDX-License-Identifier: Apache-2.0
"""Rejections of messages by the broker."""

import amqp
import oslo_messaging

from ironic_passthru import errors
from ironic_passthru.rpc import error_mapping
from ironic_passthru.rpc import rejections
from ironic_passthru.tests import base

PUBLISH = amqp.spec.Basic.Publish
TOO_LARGE = 'message size 20000 is larger than'


def raised(
    text: str, kind: type[amqp.AMQPError], method: tuple[int, int]
) -> Exception:
    """Return the error of oslo.messaging for an error of the broker."""
    error = oslo_messaging.MessageDeliveryFailure('no')
    error.__context__ = kind(text, method)
    return error


class TestSizeLimit(base.TestCase):
    def test_texts_of_rabbitmq(self) -> None:
        for text in ('configured max size', 'the max size'):
            error = raised(
                f'PRECONDITION_FAILED - {TOO_LARGE} {text} 16384',
                amqp.PreconditionFailed,
                PUBLISH,
            )
            self.assertEqual(16384, rejections.size_limit(error))
            refusal = error_mapping.of_bus(error, 'req-1')
            # Nothing ran, and a repetition fails again.
            self.assertIs(errors.RequestError, type(refusal))
            self.assertIn('16384 bytes', str(refusal))

    def test_other_errors(self) -> None:
        text = f'{TOO_LARGE} configured max size 16384'
        for error in (
            raised(text, amqp.AccessRefused, PUBLISH),
            raised(text, amqp.PreconditionFailed, amqp.spec.Queue.Declare),
            raised('invalid expiration', amqp.PreconditionFailed, PUBLISH),
            oslo_messaging.MessageDeliveryFailure('no'),
        ):
            self.assertIsNone(rejections.size_limit(error))
