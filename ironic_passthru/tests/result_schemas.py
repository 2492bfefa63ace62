# SPDX-License-Identifier: Apache-2.0
"""Check of results against the published schema of their method."""

from collections.abc import Mapping
from typing import Any

import jsonschema

# A target that failed may have any member of the method.
_OPEN = 'FailedItem'


def check(schema: Mapping[str, Any], result: object) -> None:
    """Check a result, and that the schema declares all of its members.

    :raises: jsonschema.ValidationError.
    """
    closed = {
        name: each
        if name == _OPEN
        else {'additionalProperties': False, **each}
        for name, each in schema['$defs'].items()
    }
    jsonschema.Draft202012Validator({**schema, '$defs': closed}).validate(
        result
    )
