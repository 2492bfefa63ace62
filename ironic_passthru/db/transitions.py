# SPDX-License-Identifier: Apache-2.0
"""Statements that insert operations and change their states.

:func:`transition` alone changes states, by compare-and-set: of concurrent
transitions of one operation exactly one is applied.
"""

import dataclasses
import functools
import itertools
import json
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.db import models

# The default limit of a statement is 16 MiB in MariaDB, 4 MiB in MySQL 5.7.
PART_SIZE = 1024 * 1024

# Number of ids in a statement; SQLite allows 32766 parameters.
_MAX_IDS = 512

_operations = models.operations
_results = models.operation_results
_keys = models.operation_keys
_targets = models.operation_targets
Writer = orm.Session | sa.Connection

_INSERT = sa.insert(_operations).values(created_at=models.utc_now())
_INSERTS = {
    operation.State.QUEUED: _INSERT,
    operation.State.RUNNING: _INSERT.values(started_at=models.utc_now()),
}


def transition(
    writer: Writer, transitions: Sequence[operation.Transition]
) -> set[str]:
    """Apply transitions to operations in their source states.

    :returns: ids of the operations whose transitions were applied.
    """
    ids_by_kind: dict[operation.Transition, list[str]] = {}
    for each in transitions:
        kind = dataclasses.replace(each, id='')
        ids_by_kind.setdefault(kind, []).append(each.id)
    applied: set[str] = set()
    for kind, ids in _batches(ids_by_kind):
        changed = sorted(_apply_kind(writer, kind, ids))
        if changed and kind.result is not None and kind.keeps_result:
            _add_results(writer, kind.result, changed)
        for operation_id in changed:
            record_targets(writer, operation_id, kind.progress)
        if changed and kind.frees_key:
            writer.execute(
                sa.delete(_keys).where(_keys.c.operation_id.in_(changed))
            )
        applied.update(changed)
    return applied


def _batches(
    ids_by_kind: Mapping[operation.Transition, list[str]],
) -> Iterator[tuple[operation.Transition, list[str]]]:
    for kind, ids in ids_by_kind.items():
        # The same order in all transactions prevents deadlocks.
        ids.sort()
        for start in range(0, len(ids), _MAX_IDS):
            yield kind, ids[start : start + _MAX_IDS]


def _apply_kind(
    writer: Writer, kind: operation.Transition, ids: list[str]
) -> set[str]:
    """Apply transitions that differ only in their ids."""
    values = _values(kind)
    bind = writer if isinstance(writer, sa.Connection) else writer.get_bind()
    returns_ids = bind.dialect.update_returning
    parameters: dict[str, Any] = {
        f'new_{name}': value for name, value in values.items()
    }
    parameters['source'] = parameters['or_source'] = kind.source
    if kind.owner is not None:
        parameters['owner'] = kind.owner
        # An earlier attempt may have been committed without acknowledgement.
        parameters['or_source'] = kind.target
    statement = functools.partial(
        _statement,
        frozenset(values),
        starts=kind.target is operation.State.RUNNING,
        owned=kind.owner is not None,
        returns_ids=returns_ids,
    )
    if returns_ids:
        # The last one is repeated: few sizes need few statements.
        size = 1 << (len(ids) - 1).bit_length()
        listed = [*ids, *ids[-1:] * (size - len(ids))]
        return set(
            writer.scalars(statement(size), parameters | _id_values(listed))
        )
    return {
        operation_id
        for operation_id in ids
        if rows_matched(
            writer, statement(1), parameters | _id_values([operation_id])
        )
    }


def _id_values(ids: Sequence[str]) -> dict[str, str]:
    """Return the parameters of the list of ids in a statement."""
    return {f'id_{number}': each for number, each in enumerate(ids)}


# To build a statement takes longer than to execute it.
@functools.cache
def _statement(
    columns: frozenset[str],
    size: int,
    *,
    starts: bool,
    owned: bool,
    returns_ids: bool,
) -> Any:
    """Return the compare-and-set statement that sets ``columns``.

    :param size: number of ids. Lists of variable size are slow: SQLAlchemy
        writes them into the statement at each execution.
    """
    table = _operations.c
    time = table.started_at if starts else table.finished_at
    statement = (
        sa.update(_operations)
        .where(
            table.id.in_(
                [sa.bindparam(f'id_{number}') for number in range(size)]
            ),
            # An expression prevents the use of the index on the state: it
            # contains many dead entries of recently active operations.
            sa.func.coalesce(table.state, '').in_(
                [sa.bindparam('source'), sa.bindparam('or_source')]
            ),
        )
        .values({table[name]: sa.bindparam(f'new_{name}') for name in columns})
        .values({time: models.utc_now()})
    )
    if owned:
        statement = statement.where(table.incarnation == sa.bindparam('owner'))
    return statement.returning(table.id) if returns_ids else statement


def _values(kind: operation.Transition) -> dict[str, Any]:
    """Return the columns that a transition sets, except the time."""
    values: dict[str, Any] = {'state': kind.target}
    if kind.target is operation.State.RUNNING:
        return values
    if kind.error is not None:
        values['error'] = json.dumps(dataclasses.asdict(kind.error))
    values.update(progress_values(kind.progress))
    if kind.target is operation.State.SUCCEEDED or kind.result is not None:
        size = len(kind.result or '')
        values['result_parts'] = -(-size // PART_SIZE)
    return values


def progress_values(progress: operation.Progress) -> dict[str, Any]:
    """Return the columns of reported progress."""
    values: dict[str, Any] = {}
    if progress.percent is not None:
        values['progress_percent'] = progress.percent
    if progress.message is not None:
        values['progress_message'] = _text(
            progress.message, models.MAX_MESSAGE_LENGTH
        )
    if progress.targets is not None:
        values['targets'] = json.dumps(progress.targets)
    return values


def _add_results(writer: Writer, result: str, ids: list[str]) -> None:
    # An earlier attempt may have been committed without acknowledgement.
    writer.execute(sa.delete(_results).where(_results.c.operation_id.in_(ids)))
    for operation_id in ids:
        for part, start in enumerate(range(0, len(result), PART_SIZE)):
            writer.execute(
                sa.insert(_results).values(
                    operation_id=operation_id,
                    part=part,
                    body=result[start : start + PART_SIZE],
                    created_at=models.utc_now(),
                )
            )


def apply(writer: Writer, changes: Sequence[operation.Change]) -> list[bool]:
    """Insert new operations and apply transitions.

    :returns: for each change whether it was applied.
    """
    new = [
        each for each in changes if isinstance(each, operation.NewOperation)
    ]
    if new:
        _insert(writer, new)
    applied = transition(
        writer,
        [each for each in changes if isinstance(each, operation.Transition)],
    )
    applied.update(each.id for each in new)
    return [each.id in applied for each in changes]


def _insert(writer: Writer, new: Sequence[operation.NewOperation]) -> None:
    for state, statement in _INSERTS.items():
        rows = [_row(each) for each in new if each.state is state]
        if rows:
            writer.execute(statement, rows)
    keys = [
        {
            'digest': each.key.digest,
            'fingerprint': each.key.fingerprint,
            'operation_id': each.id,
        }
        for each in new
        if each.key is not None
    ]
    if keys:
        writer.execute(sa.insert(_keys), keys)
    targets = [
        row for each in new for row in _target_rows(each.id, each.targets)
    ]
    if targets:
        writer.execute(sa.insert(_targets), targets)


def record_targets(
    writer: Writer, operation_id: str, progress: operation.Progress
) -> None:
    """Replace the targets that lists are filtered by, if any are reported.

    Reports repeat earlier targets, whose rows are kept.
    """
    if progress.targets is None:
        return
    table = _targets.c
    query = sa.select(table.number, table.target).order_by(table.number)
    mine = table.operation_id == operation_id
    stored = [tuple(row) for row in writer.execute(query.where(mine))]
    rows = _target_rows(operation_id, progress.targets)
    wanted = [(row['number'], row['target']) for row in rows]
    pairs = zip(stored, wanted, strict=False)
    equal = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
    same = len(list(equal))
    if stored[same:]:
        writer.execute(sa.delete(_targets).where(mine, table.number >= same))
    if rows[same:]:
        writer.execute(sa.insert(_targets), rows[same:])


def _target_rows(
    operation_id: str, targets: Sequence[str]
) -> list[dict[str, Any]]:
    return [
        {
            'operation_id': operation_id,
            'number': number,
            'target': _text(target, models.MAX_NAME_LENGTH),
        }
        for number, target in enumerate(targets)
    ]


def _row(new: operation.NewOperation) -> dict[str, Any]:
    values = {
        field.name: getattr(new, field.name)
        for field in dataclasses.fields(new)
        if field.name not in ('key', 'parameters', 'targets')
    }
    for name in ('user_id', 'project_id', 'request_id'):
        # Other services may send any value over the message bus.
        values[name] = _text(values[name], models.MAX_NAME_LENGTH)
    # Escapes all characters outside ASCII, also NUL and lone surrogates.
    values['parameters'] = json.dumps(new.parameters)
    values['targets'] = json.dumps(new.targets)
    values['cancel_requested'] = False
    return values


def is_recorded(writer: Writer, new: operation.NewOperation) -> bool:
    """Return whether an earlier attempt has inserted an operation.

    :raises DuplicateCall: the id belongs to another call.
    :raises KeyInUse: the key belongs to another operation.
    """
    row = writer.execute(
        sa.select(_operations.c.incarnation, _operations.c.state).where(
            _operations.c.id == new.id
        )
    ).one_or_none()
    if row is not None:
        # A conductor inserts an id once: an operation of the same
        # incarnation in this state was committed without acknowledgement.
        if tuple(row) != (new.incarnation, new.state):
            raise errors.DuplicateCall()
        return True
    if new.key is not None:
        key = _keys.c.digest == new.key.digest
        other = writer.scalar(sa.select(_keys.c.operation_id).where(key))
        if other is not None:
            raise errors.KeyInUse(operation=other)
    return False


def _text(value: str | None, length: int) -> str | None:
    """Return text that every database can store."""
    if value is None:
        return None
    plain = str(value).replace('\x00', ' ')
    return plain.encode('utf-8', 'replace').decode('utf-8')[:length]


def rows_matched(
    writer: Writer,
    statement: sa.Update | sa.Delete,
    parameters: dict[str, Any] | None = None,
) -> int:
    """Execute a statement and return the number of matching rows."""
    result = writer.execute(statement, parameters)
    count: int = result.rowcount  # type: ignore[attr-defined]
    return count
