# SPDX-License-Identifier: Apache-2.0
"""The request context: who asks, and under which ids it is traced."""

from typing import Any

from oslo_context import context as oslo_context


class RequestContext(oslo_context.RequestContext):
    """Identity and ids of one request, carried from the API to a driver.

    Being the current context of its thread it also gives log lines their
    request id.
    """

    @classmethod
    def from_bus(cls, values: dict[str, Any]) -> 'RequestContext':
        """Rebuild the context that travelled with a message.

        Whatever is not a JSON object of known fields is left out, since
        other services may send contexts of their own kind.
        """
        return cls.from_dict(values if isinstance(values, dict) else {})


def clear_current() -> None:
    """Forget the context of this thread, which a pool will use again."""
    # oslo.context keeps the current context in this thread-local store and
    # offers no function to empty it.
    store = oslo_context._request_store
    if hasattr(store, 'context'):
        del store.context
