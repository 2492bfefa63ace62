# SPDX-License-Identifier: Apache-2.0
"""Samples in the pages, compared with what the service says."""

import re
from collections.abc import Collection
from typing import Any


def stable(
    value: Any, changing: Collection[str], identifier: re.Pattern[str]
) -> Any:
    """Return a JSON value without what differs from run to run.

    :param changing: names of values that are replaced by their types.
    :param identifier: what is replaced in all texts.
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
