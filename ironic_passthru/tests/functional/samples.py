# SPDX-License-Identifier: Apache-2.0
"""Comparison of samples in the pages with real output."""

import re
from collections.abc import Collection
from typing import Any


def stable(
    value: Any, changing: Collection[str], identifier: re.Pattern[str]
) -> Any:
    """Return a JSON value without values that differ in each run.

    :param changing: names of values that are replaced by their types.
    :param identifier: pattern that is replaced in all strings.
    """
    if isinstance(value, dict):
        return {
            key: type(item).__name__
            if key in changing
            else stable(item, changing, identifier)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [stable(item, changing, identifier) for item in value]
    if isinstance(value, str):
        return identifier.sub('ID', value)
    return value
