# SPDX-License-Identifier: Apache-2.0
"""What the references of a JSON Schema lead to."""

from collections.abc import Mapping
from typing import Any

from ironic_passthru.validation import json_pointer


class References:
    """Finds parts of one schema.

    :param root: the schema, with the definitions that its parts refer to.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def target(self, reference: str) -> Mapping[str, Any] | bool | None:
        """Return the schema that a reference names, or None.

        What stands in other documents is not sought.
        """
        if reference.partition('/')[0] != '#':
            return None
        found: Any = self._root
        try:
            for part in json_pointer.parts(reference):
                found = found[int(part) if isinstance(found, list) else part]
        except (LookupError, TypeError, ValueError):
            return None
        return found if isinstance(found, Mapping | bool) else None

    def resolved(self, schema: Any) -> Mapping[str, Any]:
        """Return a schema with all that it refers to.

        A ``$ref`` is left in it only if it leads nowhere, which is said of
        one that leads back to itself, too.
        """
        found: dict[str, Any] = {}
        seen: set[str] = set()
        while isinstance(schema, Mapping):
            # What stands beside a reference is said last.
            found = {**schema, **found}
            if '$ref' not in schema:
                found.pop('$ref', None)
                break
            if schema['$ref'] in seen:
                break
            seen.add(schema['$ref'])
            schema = self.target(schema['$ref'])
        if isinstance(schema, bool):
            found.pop('$ref', None)
        return found
