# SPDX-License-Identifier: Apache-2.0
"""RPC server of a conductor."""

from typing import Any

import amqp
import oslo_messaging

from ironic_passthru import errors
from ironic_passthru.rpc import log_limit
from ironic_passthru.rpc import message_filter
from ironic_passthru.rpc import monitor
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import rabbit
from ironic_passthru.rpc import reply_retry
from ironic_passthru.rpc import signing
from ironic_passthru.rpc import transport as rpc_transport


class RPCServer:
    """Receives messages at the address of one run of a conductor.

    :param endpoint: object with the RPC methods.
    :param threads: number of messages that are processed at once.
    :param signatures: verifies the messages.
    """

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        address: protocol.ConductorAddress,
        *,
        endpoint: Any,
        threads: int,
        signatures: signing.Signatures,
    ) -> None:
        self._threads = threads
        self._monitor = monitor.CallMonitor()
        self._retrier = reply_retry.ReplyRetrier(threads)
        self._server = rabbit.MessageServer(
            transport,
            rpc_transport.target(address),
            dispatcher=message_filter.MessageFilter(
                self._monitor,
                endpoint,
                address=address,
                signatures=signatures,
            ),
            threads=threads,
            retrier=self._retrier,
        )
        log_limit.apply(message_filter.__name__)

    def start(self) -> None:
        """Start receiving; blocks until the queues exist.

        :raises: ConfigError if the broker rejects login or queue options.
        """
        self._monitor.start()
        try:
            self._listen()
        except BaseException:
            self._server.discard()
            self._monitor.stop()
            raise

    def _listen(self) -> None:
        try:
            self._server.start(override_pool_size=self._threads)
        except amqp.exceptions.AMQPError as error:
            raise errors.ConfigError(
                'Option transport_url in group [DEFAULT]: the broker returned '
                f'{_reason(error)}'
            ) from None
        except oslo_messaging.MessageDeliveryFailure as error:
            cause = error.__context__
            if not isinstance(cause, amqp.exceptions.PreconditionFailed):
                raise
            raise errors.ConfigError(
                'Options of group [oslo_messaging_rabbit], such as '
                'rabbit_quorum_queue, differ from those of the existing '
                f'queues: the broker returned {_reason(cause)}'
            ) from None

    def stop(self) -> None:
        """Stop receiving and wait for the replies of running calls."""
        self._server.stop()
        self._server.wait()
        self._retrier.stop()
        self._monitor.stop()


def _reason(error: amqp.exceptions.AMQPError) -> str:
    """Return the error text of the broker.

    It contains the user, virtual host or queue, but not the password.
    """
    return ' '.join(str(error.reply_text or error).split())
