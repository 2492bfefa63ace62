# SPDX-License-Identifier: Apache-2.0
"""Recording operations and moving them from state to state.

:func:`move` alone changes a state, by comparing it with the one that it
expects; so of several that want to move one operation one succeeds, and the
others learn that they did not.
"""

import dataclasses
import functools
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.db import models

# MariaDB refuses a statement of more than 16 MiB, MySQL 5.7 one of 4 MiB.
PART_SIZE = 1024 * 1024

_operations = models.operations
_results = models.operation_results
_keys = models.operation_keys
Writer = orm.Session | sa.Connection

_INSERT = sa.insert(_operations).values(created_at=models.utc_now())


def move(writer: Writer, moves: Sequence[operation.Transition]) -> set[str]:
    """Move operations, each only from the state that it must have.

    This is the one place that writes a state.

    :returns: ids of those that were moved.
    """
    alike: dict[operation.Transition, list[str]] = {}
    for one in moves:
        alike.setdefault(dataclasses.replace(one, id=''), []).append(one.id)
    moved: set[str] = set()
    for kind, ids in alike.items():
        # In one order everywhere, so that two writers queue up.
        done = _move_alike(writer, kind, sorted(ids))
        if done and kind.result is not None and kind.keeps_result:
            _add_results(writer, kind.result, sorted(done))
        if done and kind.frees_key:
            writer.execute(
                sa.delete(_keys).where(_keys.c.operation_id.in_(sorted(done)))
            )
        moved |= done
    return moved


def _move_alike(
    writer: Writer, kind: operation.Transition, ids: list[str]
) -> set[str]:
    values = _move_values(kind)
    statement = _statement(
        frozenset(values),
        begins=kind.target is operation.State.RUNNING,
        owned=kind.owner is not None,
    )
    parameters: dict[str, Any] = {
        f'new_{name}': value for name, value in values.items()
    }
    parameters['sources'] = [kind.source]
    if kind.owner is not None:
        parameters['owner'] = kind.owner
        parameters['sources'].append(kind.target)
    bind = writer if isinstance(writer, sa.Connection) else writer.get_bind()
    if bind.dialect.update_returning:
        returning = statement.returning(_operations.c.id)
        return set(writer.scalars(returning, parameters | {'ids': ids}))
    return {
        one
        for one in ids
        if rows_matched(writer, statement, parameters | {'ids': [one]})
    }


# To build one costs more than to execute it.
@functools.cache
def _statement(
    columns: frozenset[str], *, begins: bool, owned: bool
) -> sa.Update:
    """Return the statement that moves operations and sets ``columns``."""
    table = _operations.c
    moment = table.started_at if begins else table.finished_at
    statement = (
        sa.update(_operations)
        .where(
            table.id.in_(sa.bindparam('ids', expanding=True)),
            # Not the bare column: where few operations are active, as usual,
            # PostgreSQL would look for these states in their index, and walk
            # through the dead entries of all that were active lately.
            sa.func.coalesce(table.state, '').in_(
                sa.bindparam('sources', expanding=True)
            ),
        )
        .values({table[name]: sa.bindparam(f'new_{name}') for name in columns})
        .values({moment: models.utc_now()})
    )
    if owned:
        return statement.where(table.incarnation == sa.bindparam('owner'))
    return statement


def _move_values(kind: operation.Transition) -> dict[str, Any]:
    """Return what a move sets, apart from the moment."""
    values: dict[str, Any] = {'state': kind.target}
    if kind.target is operation.State.RUNNING:
        return values
    if kind.error is not None:
        values['error'] = json.dumps(dataclasses.asdict(kind.error))
    values.update(progress_values(kind.progress))
    if kind.target is operation.State.SUCCEEDED:
        size = len(kind.result or '')
        values['result_parts'] = -(-size // PART_SIZE)
    return values


def progress_values(progress: operation.Progress) -> dict[str, Any]:
    """Return the columns that a report of progress sets."""
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
    # An earlier attempt whose acknowledgement was lost may have added them.
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


def apply(
    writer: Writer, changes: Sequence[operation.Change]
) -> list[bool | errors.PassthruError]:
    """Record and move operations; tell for each whether it was done."""
    new = [one for one in changes if isinstance(one, operation.NewOperation)]
    moves = [one for one in changes if isinstance(one, operation.Transition)]
    if new:
        _add(writer, new)
    moved = move(writer, moves)
    return [
        isinstance(one, operation.NewOperation) or one.id in moved
        for one in changes
    ]


def _add(writer: Writer, new: Sequence[operation.NewOperation]) -> None:
    writer.execute(_INSERT, [_row(one) for one in new])
    keys = [
        {
            'digest': one.key.digest,
            'fingerprint': one.key.fingerprint,
            'operation_id': one.id,
        }
        for one in new
        if one.key is not None
    ]
    if keys:
        writer.execute(sa.insert(_keys), keys)


def _row(new: operation.NewOperation) -> dict[str, Any]:
    values = {
        field.name: getattr(new, field.name)
        for field in dataclasses.fields(new)
        if field.name not in ('key', 'parameters', 'targets')
    }
    for name in ('user_id', 'project_id', 'request_id'):
        # Whoever calls over the bus may put anything there.
        values[name] = _text(values[name], models.MAX_NAME_LENGTH)
    # Escapes all that is not ASCII, NUL and lone surrogates included.
    values['parameters'] = json.dumps(new.parameters)
    values['targets'] = json.dumps(new.targets)
    values['state'] = operation.State.QUEUED
    values['cancel_requested'] = False
    return values


def taken(
    writer: Writer, new: operation.NewOperation
) -> bool | errors.PassthruError | None:
    """Return what is known of an id or key, or None if both are free."""
    found = writer.execute(
        sa.select(_operations.c.incarnation, _operations.c.state).where(
            _operations.c.id == new.id
        )
    ).one_or_none()
    if found is not None:
        mine = (new.incarnation, operation.State.QUEUED)
        # One conductor records an id once: so this is that record, of which
        # the acknowledgement was lost, unless it has moved on.
        return True if tuple(found) == mine else errors.DuplicateCall()
    if new.key is None:
        return None
    holder = writer.scalar(
        sa.select(_keys.c.operation_id).where(_keys.c.digest == new.key.digest)
    )
    return None if holder is None else errors.KeyInUse(operation=holder)


def _text(value: str | None, longest: int) -> str | None:
    """Return text that every database can store."""
    if value is None:
        return None
    plain = str(value).replace('\x00', ' ')
    return plain.encode('utf-8', 'replace').decode('utf-8')[:longest]


def rows_matched(
    writer: Writer,
    statement: sa.Update | sa.Delete,
    parameters: dict[str, Any] | None = None,
) -> int:
    """Execute a statement and return how many rows it was for."""
    result = writer.execute(statement, parameters)
    return result.rowcount  # type: ignore[attr-defined]
