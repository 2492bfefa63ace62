# SPDX-License-Identifier: Apache-2.0
"""The request context: who asks, and under which ids it is traced."""

import copy
import time
from typing import Any

from oslo_context import context as oslo_context


class CallState:
    """What a driver can say and learn of the call that it works on.

    This one is of a call that nobody follows: what is said is lost.

    :param deadline: ``time.monotonic()`` by which it should have ended.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.deadline = deadline

    @property
    def cancel_requested(self) -> bool:
        """Whether it should end early."""
        return False

    def report_progress(self, percent: float, message: str) -> None:
        """Note how far it has come."""


_NOBODYS = CallState()


class RequestContext(oslo_context.RequestContext):
    """Identity and ids of one request, carried from the API to a driver.

    Being the current context of its thread it also gives log lines their
    request id.
    """

    _call = _NOBODYS

    @classmethod
    def from_bus(cls, values: dict[str, Any]) -> 'RequestContext':
        """Rebuild the context that travelled with a message.

        Whatever is not a JSON object of known fields is left out, since
        other services may send contexts of their own kind.
        """
        return cls.from_dict(values if isinstance(values, dict) else {})

    def for_call(self, call: CallState) -> 'RequestContext':
        """Return a copy through which a driver sees ``call``."""
        mine = copy.copy(self)
        mine._call = call
        return mine

    def report_progress(self, percent: float, message: str = '') -> None:
        """Tell whoever follows the operation how far it has come.

        It may be called as often as a driver likes: what is written is the
        latest report, at most once in ``[operations] progress_interval``.

        :param percent: 0 to 100; what is beyond is taken for the bound.
        :param message: one line for people, of which 255 characters are
            kept.
        :raises: ValueError if ``percent`` is no number.
        """
        value = float(percent)
        if value != value:
            raise ValueError('percent must be a number')
        bounded = max(0.0, min(100.0, value))
        self._call.report_progress(bounded, str(message))

    @property
    def cancel_requested(self) -> bool:
        """Whether the caller wants the operation to end early.

        A method may look at it where it can stop safely, and raise an error
        to do so; nothing stops it by force.
        """
        return self._call.cancel_requested

    @property
    def seconds_left(self) -> float | None:
        """How long the call may still take; None if nobody said."""
        if self._call.deadline is None:
            return None
        return max(0.0, self._call.deadline - time.monotonic())


def clear_current() -> None:
    """Forget the context of this thread, which a pool will use again."""
    # oslo.context keeps the current context in this thread-local store and
    # offers no function to empty it.
    store = oslo_context._request_store
    if hasattr(store, 'context'):
        del store.context
