# SPDX-License-Identifier: Apache-2.0
"""Queries for lists of operations."""

import dataclasses
import datetime
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ironic_passthru import operation
from ironic_passthru.db import models

#: Columns by which lists can be sorted. Their values never change, so that a
#: page neither repeats nor skips an operation, and each has an index.
SORT_KEYS = ('created_at', 'driver', 'method', 'conductor', 'id')

#: Largest number of targets of one operation in a list.
MAX_TARGETS = 10
#: Last entry of a list that lacks some targets, as in records.
MORE = '... more'

_table = models.operations.c
_parts = models.operation_parts.c
_targets = models.operation_targets.c

# Lists contain the parts of an operation only on request.
_IS_WHOLE = ~sa.exists().where(_parts.part_id == _table.id)


@dataclasses.dataclass(frozen=True)
class Order:
    """Order of a list; equal values are ordered by time, then by id.

    :param key: one of ``SORT_KEYS``.
    """

    key: str = 'created_at'
    ascending: bool = False

    def columns(self) -> list[sa.Column[Any]]:
        """Return the columns, the last of which is unique."""
        names = dict.fromkeys((self.key, 'created_at', 'id'))
        return [_table[name] for name in names]


def _of_target(target: str) -> sa.ColumnElement[bool]:
    found = sa.select(_targets.operation_id).where(_targets.target == target)
    return _table.id.in_(found)


def _part_of(operation_id: str) -> sa.ColumnElement[bool]:
    found = sa.select(_parts.part_id).where(
        _parts.operation_id == operation_id
    )
    return _table.id.in_(found)


def _naive(time: datetime.datetime) -> datetime.datetime:
    return time.astimezone(datetime.UTC).replace(tzinfo=None)


# Filters that do not compare one column with the value.
_CONDITIONS: dict[str, Callable[[Any], sa.ColumnElement[bool]]] = {
    'part_of': _part_of,
    'target': _of_target,
    'created_after': lambda time: _table.created_at > _naive(time),
    'created_before': lambda time: _table.created_at < _naive(time),
}


def select(
    columns: Iterable[sa.Column[Any]],
    *,
    states: Collection[operation.State],
    owner: operation.Owner | None,
    filters: Mapping[str, Any],
    order: Order,
    marker: operation.Operation | None,
) -> sa.Select[Any]:
    """Return the query of a page; see :meth:`OperationStore.page`."""
    query = sa.select(*columns)
    if 'part_of' not in filters:
        query = query.where(_IS_WHOLE)
    if owner is not None:
        query = query.where(_table.project_id == owner.project_id)
        if owner.user_id is not None:
            query = query.where(_table.user_id == owner.user_id)
    for name, value in filters.items():
        condition = _CONDITIONS.get(name)
        query = query.where(
            _table[name] == value if condition is None else condition(value)
        )
    if states:
        query = query.where(_table.state.in_(sorted(states)))
    keys = order.columns()
    if marker is not None:
        last = sa.tuple_(*(_value(marker, key.name) for key in keys))
        row = sa.tuple_(*keys)
        query = query.where(row > last if order.ascending else row < last)
    return query.order_by(
        *(key.asc() if order.ascending else key.desc() for key in keys)
    )


def _value(marker: operation.Operation, name: str) -> Any:
    value = getattr(marker, name)
    return _naive(value) if isinstance(value, datetime.datetime) else value


def first_targets(
    reader: orm.Session, operation_ids: Collection[str]
) -> dict[str, list[str]]:
    """Return the targets of operations by id, up to ``MAX_TARGETS``.

    A list that lacks some ends with ``MORE``.
    """
    if not operation_ids:
        return {}
    query = (
        sa.select(_targets.operation_id, _targets.target)
        .where(
            _targets.operation_id.in_(operation_ids),
            _targets.number <= MAX_TARGETS,
        )
        .order_by(_targets.operation_id, _targets.number)
    )
    found: dict[str, list[str]] = {each: [] for each in operation_ids}
    for operation_id, target in reader.execute(query):
        names = found[operation_id]
        names.append(target if len(names) < MAX_TARGETS else MORE)
    return found
