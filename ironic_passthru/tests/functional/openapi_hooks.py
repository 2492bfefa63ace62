# SPDX-License-Identifier: Apache-2.0
"""Hooks of schemathesis, which ``tools/schemathesis.toml`` names."""

from typing import Any

import schemathesis


@schemathesis.hook
def filter_body(_context: Any, body: Any) -> bool:
    """Skip bodies that are documented as equal to none."""
    return body is not None
