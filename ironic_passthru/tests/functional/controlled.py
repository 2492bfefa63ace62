# SPDX-License-Identifier: Apache-2.0
"""A driver for tests that control when and how its methods end."""

import collections
import queue
from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base

# A method that a test does not end must not occupy its worker forever.
_LIMIT_SECONDS = 120.0


class ControlledVendor(base.VendorInterface):
    """Methods that wait for orders of the test.

    :ivar runs: number of executions by ``mark``.
    :ivar contexts: contexts of the waiting methods.
    """

    def __init__(self) -> None:
        self.runs: collections.Counter[str] = collections.Counter()
        self.contexts: dict[str, request_context.RequestContext] = {}
        self._orders: dict[str, queue.SimpleQueue[Any]] = (
            collections.defaultdict(queue.SimpleQueue)
        )

    def report(self, mark: str, percent: int, message: str) -> None:
        """Let a waiting method report progress."""
        self._orders[mark].put(('report', (percent, message)))

    def end(self, mark: str, outcome: Any) -> None:
        """Let a waiting method return a value or raise an exception."""
        self._orders[mark].put(('end', outcome))

    @base.driver_passthru(['POST', 'DELETE'])
    def later(
        self,
        context: request_context.RequestContext,
        mark: str,
        note: str = '',
    ) -> Any:
        """Wait for orders."""
        return self._wait(context, mark)

    @base.driver_passthru(['POST', 'DELETE'], async_call=False)
    def now(
        self,
        context: request_context.RequestContext,
        mark: str,
        note: str = '',
    ) -> Any:
        """Wait for orders, synchronously."""
        return self._wait(context, mark)

    @base.driver_passthru(['POST', 'DELETE'], async_call=False)
    def echo(self, mark: str, note: str = '') -> list[str]:
        """Return the argument at once."""
        self.runs[mark] += 1
        if note == 'fail':
            raise errors.DriverOperationError('It was requested to fail.')
        return [mark, note]

    def _wait(self, context: request_context.RequestContext, mark: str) -> Any:
        self.runs[mark] += 1
        self.contexts[mark] = context
        orders = self._orders[mark]
        while True:
            kind, value = orders.get(timeout=_LIMIT_SECONDS)
            if kind == 'report':
                context.report_progress(*value)
            elif isinstance(value, Exception):
                raise value
            else:
                return value
