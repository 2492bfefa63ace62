# SPDX-License-Identifier: Apache-2.0
"""The parameters of a method, and all fields of those that are objects."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from docutils import nodes

from ironic_passthru import spec
from ironic_passthru.redaction import masking
from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import phrases
from ironic_passthru.sphinxext import wording


@dataclasses.dataclass(frozen=True)
class Row:
    """One parameter, or one field of it.

    :param name: where the value stands, as ``curve.celsius``; a text with
        marks.
    :param takes: what it may be, a text with marks.
    :param required: whether it must be given.
    :param default: what it is if it is not given, a text with marks; empty
        if that is not told.
    :param about: what is said of it, as paragraphs.
    """

    name: str
    takes: str
    required: bool
    default: str
    about: list[nodes.Node]


class Parameters:
    """What one method takes.

    :param method: whose schema it is.
    :param told: paragraphs about parameters that the schema does not
        describe, by name.
    """

    def __init__(
        self,
        method: spec.MethodSpec,
        told: Mapping[str, list[nodes.Node]] | None = None,
    ) -> None:
        self._method = method
        self._told = told or {}
        self._phrases = phrases.Phrases(method.schema)

    def rows(self) -> list[Row]:
        """Return all parameters, each followed by its fields."""
        schema = self._method.schema
        rows = list(self._fields(schema, phrases.Place('', ())))
        others = schema.get('additionalProperties', True)
        if others is not False:
            place = phrases.Place('*', ('*',))
            first, *fields = self._row(place, others, required=False)
            first.about.insert(0, inline.paragraph('Any other parameter.'))
            rows += [first, *fields]
        return rows

    def _fields(
        self, schema: Mapping[str, Any], place: phrases.Place, title: str = ''
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
        place: phrases.Place,
        schema: Any,
        *,
        required: bool,
        title: str = '',
    ) -> Iterator[Row]:
        takes, objects = self._phrases.say(schema, place)
        yield Row(
            name=inline.literal(place.shown),
            takes=takes,
            required=required,
            default=self._default(place, schema),
            about=self._about(place, schema, title),
        )
        for each in objects:
            yield from self._fields(each.schema, each.place, each.title)

    def _about(
        self, place: phrases.Place, schema: Any, title: str
    ) -> list[nodes.Node]:
        about: list[nodes.Node] = []
        if title:
            about.append(inline.paragraph(f'Of {inline.literal(title)} only.'))
        full = self._phrases.resolved(schema)
        described = inline.plain_paragraphs(full.get('description', ''))
        told = self._told.get(place.shown, []) if not described else []
        about += [*described, *told]
        examples = full.get('examples', [])
        if values := list(self._shown(place, examples)):
            about.append(
                inline.paragraph(f'For example {wording.listing(values)}.')
            )
        if full.get('deprecated'):
            about.append(inline.paragraph('Deprecated.'))
        if self._is_secret(place):
            mask = inline.literal(masking.MASK)
            about.append(
                inline.paragraph(f'Secret: records and logs show {mask}.')
            )
        return about

    def _default(self, place: phrases.Place, schema: Any) -> str:
        full = self._phrases.resolved(schema)
        defaults = [full['default']] if 'default' in full else []
        return ''.join(self._shown(place, defaults))

    def _shown(self, place: phrases.Place, values: list[Any]) -> Iterator[str]:
        """Yield values as records would show them, but none that is secret.

        That there is none may be told: it is no secret.
        """
        secret = self._is_secret(place)
        for value in values:
            if value is None:
                yield inline.json_literal(value)
            elif not secret:
                shown = self._masked(place.keys, value)
                if shown != masking.MASK:
                    yield inline.json_literal(shown)

    def _is_secret(self, place: phrases.Place) -> bool:
        """Tell whether a text in this place would be masked."""
        # A text around it may hold it as JSON, and would be masked as one.
        ends = range(1, len(place.keys) + 1)
        return any(
            self._masked(place.keys[:end], 'x') == masking.MASK for end in ends
        )

    def _masked(self, keys: tuple[str | int, ...], value: Any) -> Any:
        """Return a value as it would be shown in a place."""
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
