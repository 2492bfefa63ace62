# SPDX-License-Identifier: Apache-2.0
"""Rows for the parameters of a method and for the fields of objects."""

import dataclasses
import typing
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ironic_passthru import spec
from ironic_passthru.redaction import masking
from ironic_passthru.sphinxext import markup
from ironic_passthru.sphinxext import types

if typing.TYPE_CHECKING:
    # It is installed with Sphinx.
    from docutils import nodes


@dataclasses.dataclass(frozen=True)
class Row:
    """One parameter, or one field of it. Texts contain marks.

    :param name: the place of the value, such as ``curve.celsius``.
    :param type: its type and constraints.
    :param required: whether it is required.
    :param default: its default; empty if unset or secret.
    :param description: paragraphs as text with marks, or the nodes of
        documented parameters.
    """

    name: str
    type: str
    required: bool
    default: str
    description: 'list[str | nodes.Node]'


class Parameters:
    """The parameters of one method.

    :param method: the method.
    :param documented: paragraphs for parameters without a description in
        the schema, by name.
    """

    def __init__(
        self,
        method: spec.MethodSpec,
        documented: 'Mapping[str, Sequence[str | nodes.Node]] | None' = None,
    ) -> None:
        self._method = method
        self._documented = documented or {}
        self._types = types.Types(method.schema)

    def rows(self) -> list[Row]:
        """Return all parameters, each followed by its fields."""
        schema = self._method.schema
        rows = list(self._fields(schema, types.Place('', ())))
        others = schema.get('additionalProperties', True)
        if others is not False:
            place = types.Place('*', ('*',))
            first, *fields = self._row(place, others, required=False)
            first.description.insert(0, 'Any other parameter.')
            rows += [first, *fields]
        return rows

    def _fields(
        self, schema: Mapping[str, Any], place: types.Place, title: str = ''
    ) -> Iterator[Row]:
        dot = '.' if place.shown else ''
        required = schema.get('required', ())
        for name, declared in schema.get('properties', {}).items():
            yield from self._row(
                place.of(f'{dot}{name}', name),
                declared,
                required=name in required,
                title=title,
            )

    def _row(
        self,
        place: types.Place,
        schema: Any,
        *,
        required: bool,
        title: str = '',
    ) -> Iterator[Row]:
        text, objects = self._types.describe(schema, place)
        resolved = self._types.resolved(schema)
        defaults = [resolved['default']] if 'default' in resolved else []
        yield Row(
            name=markup.literal(place.shown),
            type=text,
            required=required,
            default=''.join(self._shown(place, defaults)),
            description=self._description(place, resolved, title),
        )
        for each in objects:
            yield from self._fields(each.schema, each.place, each.title)

    def _description(
        self, place: types.Place, schema: Mapping[str, Any], title: str
    ) -> 'list[str | nodes.Node]':
        notes: list[str] = []
        if examples := list(self._shown(place, schema.get('examples', []))):
            notes.append(f'Examples: {", ".join(examples)}.')
        if schema.get('deprecated'):
            notes.append('Deprecated.')
        if self._is_secret(place):
            mask = markup.literal(masking.MASK)
            notes.append(f'Secret: shown as {mask} in records and logs.')
        only = f'Only for {markup.literal(title)}.'
        return [
            *([only] if title else []),
            *(
                markup.paragraphs(schema.get('description', ''))
                or self._documented.get(place.shown, [])
            ),
            *notes,
        ]

    def _shown(self, place: types.Place, values: list[Any]) -> Iterator[str]:
        """Yield values as records show them; skip secret ones except null."""
        secret = self._is_secret(place)
        for value in values:
            if value is None:
                yield markup.json_literal(value)
            elif not secret:
                shown = self._masked(place.keys, value)
                if shown != masking.MASK:
                    yield markup.json_literal(shown)

    def _is_secret(self, place: types.Place) -> bool:
        """Return whether a string in this place is masked."""
        # A string that contains the value as JSON is masked as a whole.
        ends = range(1, len(place.keys) + 1)
        return any(
            self._masked(place.keys[:end], 'x') == masking.MASK for end in ends
        )

    def _masked(self, keys: tuple[str | int, ...], value: Any) -> Any:
        """Return a value of a place as it is masked."""
        for key in reversed(keys):
            value = (
                {key: value}
                if isinstance(key, str)
                else [*(None,) * key, value]
            )
        shown: Any = self._method.masked(value)
        for key in keys:
            if shown == masking.MASK:
                break
            shown = shown[key]
        return shown
