# SPDX-License-Identifier: Apache-2.0
"""Store of operations that several conductors run in parts.

The record of such an operation has no conductor. It is created, with its
parts, before anything is sent; the conductor of a part records the part as an
operation of its own.
"""

import dataclasses
import datetime
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc
from sqlalchemy import orm

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.db import models
from ironic_passthru.db import session
from ironic_passthru.db import transitions

_operations = models.operations
_parts = models.operation_parts
_children = models.operations.alias('children')


@dataclasses.dataclass(frozen=True)
class NewPart:
    """A part that is to be sent.

    :param id: the id of its call.
    :param targets: names of its targets.
    """

    id: str
    targets: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of an operation as far as it is known.

    :param targets: names of its targets.
    :param state: that of its record; None without a record.
    :param started: whether its method has started.
    :param has_result: whether its record has a result.
    :param error: why it failed, or certainly did not run.
    :param overdue: whether a record is no longer expected.
    """

    id: str
    targets: Sequence[str]
    state: operation.State | None
    started: bool
    cancel_requested: bool
    has_result: bool
    conductor: str | None
    progress: operation.Progress
    error: operation.Error | None
    overdue: bool


@dataclasses.dataclass(frozen=True)
class SplitOperation:
    """An active operation with its parts.

    :param parameters: those of the whole call.
    :param progress: as recorded.
    """

    id: str
    parameters: Mapping[str, Any]
    request_id: str | None
    cancel_requested: bool
    progress: operation.Progress
    parts: Sequence[Part]


class SplitOperationStore:
    """Operations with parts; threads may share an object.

    All methods raise ``RegistryUnavailable`` if the database cannot be used.
    """

    def __init__(self, database: session.Database) -> None:
        self._database = database

    def add(
        self,
        new: operation.NewOperation,
        parts: Sequence[NewPart],
        *,
        expected_seconds: float,
    ) -> None:
        """Record an operation as running, before its parts are sent.

        :param new: without a conductor.
        :param expected_seconds: how long the record of a part is expected.
        :raises: DuplicateCall, KeyInUse.
        """
        claim = operation.Transition(
            new.id, operation.State.QUEUED, operation.State.RUNNING
        )

        def work(writer: orm.Session) -> None:
            transitions.apply(writer, [new])
            transitions.apply(writer, [claim])
            writer.execute(
                sa.insert(_parts),
                _part_rows(writer, new.id, parts, expected_seconds),
            )

        def check(writer: orm.Session) -> None:
            first = writer.scalar(
                sa.select(_parts.c.operation_id).where(
                    _parts.c.part_id == parts[0].id
                )
            )
            if first != new.id and not transitions.is_recorded(writer, new):
                raise errors.DuplicateCall()

        try:
            self._database.write(work, repeat_duplicates=False)
        except db_exc.DBDuplicateEntry:
            # Another call; or an earlier attempt of this one, committed
            # without acknowledgement.
            self._database.write(check)

    def refuse(self, part_id: str, error: operation.Error) -> None:
        """Record why a part certainly does not run."""
        statement = (
            sa.update(_parts)
            .where(_parts.c.part_id == part_id)
            .values(error=json.dumps(dataclasses.asdict(error)))
        )
        self._database.write(lambda writer: writer.execute(statement))

    def remove(self, operation_id: str) -> None:
        """Delete an operation of which no part was accepted."""
        statement = sa.delete(_operations).where(
            _operations.c.id == operation_id
        )
        self._database.write(lambda writer: writer.execute(statement))

    def report_progress(
        self, operation_id: str, progress: operation.Progress
    ) -> None:
        """Store the progress of a running operation."""
        statement = (
            sa.update(_operations)
            .where(
                _operations.c.id == operation_id,
                _operations.c.state == operation.State.RUNNING,
            )
            .values(transitions.progress_values(progress))
        )
        self._database.write(lambda writer: writer.execute(statement))

    def active(self) -> list[SplitOperation]:
        """Return the active operations with their parts."""
        table, child = _operations.c, _children.c
        query = (
            sa.select(
                table.id,
                table.parameters,
                table.request_id,
                table.cancel_requested,
                table.progress_percent,
                table.progress_message,
                _parts.c.part_id,
                _parts.c.targets,
                _parts.c.error,
                _parts.c.expected_until,
                child.state,
                child.conductor,
                child.started_at,
                child.cancel_requested.label('part_cancel_requested'),
                child.result_parts,
                child.progress_percent.label('part_percent'),
                child.progress_message.label('part_message'),
                child.error.label('part_error'),
                models.utc_now().label('now'),
            )
            .join(_parts, _parts.c.operation_id == table.id)
            .outerjoin(_children, child.id == _parts.c.part_id)
            .where(
                table.state == operation.State.RUNNING,
                table.incarnation == operation.NO_CONDUCTOR,
            )
            .order_by(table.id, _parts.c.number)
        )
        with self._database.reader() as reader:
            rows = reader.execute(query).all()
        found: dict[str, SplitOperation] = {}
        for row in rows:
            one = found.setdefault(row.id, _operation(row))
            one.parts.append(_part(row))  # type: ignore[attr-defined]
        return list(found.values())


def _part_rows(
    writer: orm.Session,
    operation_id: str,
    parts: Sequence[NewPart],
    expected_seconds: float,
) -> list[dict[str, Any]]:
    now = writer.scalars(sa.select(models.utc_now())).one()
    return [
        {
            'operation_id': operation_id,
            'number': number,
            'part_id': part.id,
            'targets': json.dumps(list(part.targets)),
            'expected_until': now
            + datetime.timedelta(seconds=expected_seconds),
        }
        for number, part in enumerate(parts)
    ]


def _operation(row: Any) -> SplitOperation:
    return SplitOperation(
        id=row.id,
        parameters=json.loads(row.parameters),
        request_id=row.request_id,
        cancel_requested=row.cancel_requested,
        progress=operation.Progress(
            row.progress_percent, row.progress_message
        ),
        parts=[],
    )


def _part(row: Any) -> Part:
    error = row.error if row.state is None else row.part_error
    return Part(
        id=row.part_id,
        targets=json.loads(row.targets),
        state=row.state and operation.State(row.state),
        started=row.started_at is not None,
        cancel_requested=bool(row.part_cancel_requested),
        has_result=bool(row.result_parts),
        conductor=row.conductor,
        progress=operation.Progress(row.part_percent, row.part_message),
        error=operation.Error(**json.loads(error)) if error else None,
        overdue=row.now > row.expected_until,
    )
