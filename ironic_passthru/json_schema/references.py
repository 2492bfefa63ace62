# SPDX-License-Identifier: Apache-2.0
"""References within one JSON Schema."""

import functools
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
        self._root = root
        self._known: dict[str, Any] = {}

    @functools.cached_property
    def _resolver(self) -> Any:
        # An identifier would change the base of all references.
        root = {key: self._root[key] for key in self._root if key != '$id'}
        return referencing.Registry().resolver_with_root(
            jsonschema.DRAFT202012.create_resource(root)
        )

    def target(self, reference: str) -> Any:
        """Return the referenced part of the schema, or None.

        A result that is not a Mapping or bool is not a schema.
        """
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
