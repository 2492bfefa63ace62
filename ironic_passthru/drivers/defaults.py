# SPDX-License-Identifier: Apache-2.0
"""Mutable defaults of parameters, which calls must not share."""

import copy
from typing import Any


def is_mutable(default: Any) -> bool:
    """Return whether a default must be copied for each call.

    By Python's convention, objects that are compared by value and can be
    changed have no hash.
    """
    try:
        hash(default)
    except Exception:
        # The class of a driver may fail in any way.
        return True
    return False


def is_shared(default: Any) -> bool:
    """Return whether a default has state, but must not be copied.

    An object that is compared by identity may be the sentinel of an omitted
    argument.
    """
    kind: Any = type(default)
    by_identity = kind.__eq__ is object.__eq__
    has_state = bool(getattr(default, '__dict__', None))
    return by_identity and has_state and copied(default) is not default


def copied(default: Any) -> Any:
    """Return a deep copy, or the default itself if it cannot be copied."""
    try:
        return copy.deepcopy(default)
    except Exception:
        # The class of a driver may fail in any way.
        return default
