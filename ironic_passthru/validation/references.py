# SPDX-License-Identifier: Apache-2.0
"""References within one JSON Schema."""

from collections.abc import Mapping
from typing import Any

import referencing
from referencing import exceptions
from referencing import jsonschema


class References:
    """Resolves references to parts of one schema.

    References to other documents are never resolved.

    :param root: the schema, with the definitions of its references.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        # An identifier would change the base of all references.
        anonymous = {key: root[key] for key in root if key != '$id'}
        self._resolver: Any = referencing.Registry().resolver_with_root(
            jsonschema.DRAFT202012.create_resource(anonymous)
        )
        self._known: dict[str, Any] = {}

    def target(self, reference: Any) -> Any:
        """Return the referenced part of the schema, or None.

        A result that is not a Mapping or bool is not a schema.
        """
        if not isinstance(reference, str):
            return None
        if reference not in self._known:
            self._known[reference] = self._lookup(reference)
        return self._known[reference]

    def _lookup(self, reference: str) -> Any:
        try:
            return self._resolver.lookup(reference).contents
        except (
            exceptions.Unresolvable,
            AttributeError,
            TypeError,
            ValueError,
        ):
            # referencing raises the last three for a pointer into a string
            # or number, and for an anchor in a malformed schema.
            return None
