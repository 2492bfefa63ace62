# SPDX-License-Identifier: Apache-2.0
"""Hooks of schemathesis, which ``tools/schemathesis.toml`` names."""

from typing import Any

import schemathesis

# Messages of the errors that methods of fake-hardware raise on purpose, and
# of those by which the conductor replaces their other exceptions.
_DELIBERATE = (
    'is out of paper.',
    'the rack is being serviced',
    'the rack is starting',
    'the rack rejected the request',
    'The driver method failed unexpectedly;',
    'but its result cannot be serialized to JSON.',
)


@schemathesis.hook
def filter_body(_context: Any, body: Any) -> bool:
    """Skip bodies that are documented as equal to none."""
    return body is not None


@schemathesis.check
def deliberate_server_error(_context: Any, response: Any, _case: Any) -> None:
    """Fail for a server error that fake-hardware does not intend.

    It replaces ``not_a_server_error`` for methods that fail on purpose.
    """
    if response.status_code >= 500:
        found = any(text in response.text for text in _DELIBERATE)
        assert found, response.text
