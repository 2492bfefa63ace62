# SPDX-License-Identifier: Apache-2.0
"""Store of operations, their results and keys."""

import dataclasses
import datetime
import json
import math
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc
from oslo_log import log
from sqlalchemy import orm

from ironic_passthru import operation
from ironic_passthru.db import models
from ironic_passthru.db import operation_queries
from ironic_passthru.db import session
from ironic_passthru.db import split_operations
from ironic_passthru.db import transitions
from ironic_passthru.validation import strict_json

LOG = log.getLogger(__name__)

_REAP_BATCH = 500

_operations = models.operations
_results = models.operation_results
_keys = models.operation_keys
_NEWEST_FIRST = operation_queries.Order()


def _ignore(operation_ids: Collection[str]) -> None:
    """Do nothing."""


@dataclasses.dataclass(frozen=True)
class ActiveIncarnation:
    """An incarnation that has active operations.

    Two objects of one incarnation are equal until its next liveness update.

    :param conductor: host name.
    :param liveness_at: time of the last liveness update; None if another
        incarnation has registered with the host name.
    """

    conductor: str
    incarnation: str
    liveness_at: datetime.datetime | None


class ChangeWriter:
    """Applies changes to operations.

    :param connection: runs the transactions.
    """

    def __init__(
        self, connection: session.Database | session.DedicatedConnection
    ) -> None:
        self._connection = connection

    def apply(self, changes: Sequence[operation.Change]) -> list[bool]:
        """Apply all changes in one transaction.

        :returns: for each change whether it was applied: true for a new
            operation, false for one that was not in the source state.
        :raises DuplicateCall: another call has the id of a single change.
        :raises KeyInUse: another operation has the key of a single change.
        :raises DBDuplicateEntry: an id or a key in several changes exists;
            each change must be applied alone.
        :raises RegistryUnavailable: the changes may have been applied.
        """
        try:
            return self._connection.write(
                lambda writer: transitions.apply(writer, changes),
                repeat_duplicates=False,
            )
        except db_exc.DBDuplicateEntry:
            if len(changes) > 1:
                raise
        (change,) = changes

        def work(writer: transitions.Writer) -> list[bool]:
            if isinstance(change, operation.NewOperation) and (
                transitions.is_recorded(writer, change)
            ):
                return [True]
            return transitions.apply(writer, [change])

        return self._connection.write(work)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class OperationStore:
    """Operations, their results and keys; threads may share an object.

    All methods raise ``RegistryUnavailable`` if the database cannot be used.
    """

    def __init__(self, database: session.Database) -> None:
        self._database = database
        #: Operations that several conductors run in parts.
        self.split = split_operations.SplitOperationStore(database)

    def change_writer(self) -> ChangeWriter:
        """Return a writer with a connection of its own, for one thread."""
        return ChangeWriter(self._database.dedicated_connection())

    def apply(self, changes: Sequence[operation.Change]) -> list[bool]:
        """Apply all changes; see :meth:`ChangeWriter.apply`."""
        return ChangeWriter(self._database).apply(changes)

    def get(self, operation_id: str) -> operation.Operation | None:
        """Return an operation, or None if the id is unknown."""
        query = sa.select(_operations).where(_operations.c.id == operation_id)
        with self._database.reader() as reader:
            row = reader.execute(query).one_or_none()
        return None if row is None else _whole(row)

    def owner(self, operation_id: str) -> operation.Owner | None:
        """Return the owner of an operation, or None if the id is unknown.

        In both cases the database returns one small row, so that the response
        time does not reveal whether the operation exists.
        """
        row_of = _operations.c.id == operation_id
        query = sa.select(
            *(
                sa.select(column).where(row_of).scalar_subquery().label(name)
                for name, column in (
                    ('id', _operations.c.id),
                    ('project_id', _operations.c.project_id),
                    ('user_id', _operations.c.user_id),
                )
            )
        )
        with self._database.reader() as reader:
            row = reader.execute(query).one()
        owner = operation.Owner.of(row.project_id, row.user_id)
        return None if row.id is None else owner

    def state(self, operation_id: str) -> operation.State | None:
        """Return the state of an operation, or None if the id is unknown."""
        query = sa.select(_operations.c.state)
        with self._database.reader() as reader:
            found = reader.scalar(
                query.where(_operations.c.id == operation_id)
            )
        return None if found is None else _state(found)

    def summary(self, operation_id: str) -> operation.Operation | None:
        """Return an operation without details, None if the id is unknown."""
        query = sa.select(*_BRIEF).where(_operations.c.id == operation_id)
        with self._database.reader() as reader:
            row = reader.execute(query).one_or_none()
        return None if row is None else _brief(row)

    def find_key(self, digest: str) -> tuple[str, str] | None:
        """Return the operation id and the fingerprint of a key."""
        query = sa.select(_keys.c.operation_id, _keys.c.fingerprint)
        with self._database.reader() as reader:
            row = reader.execute(
                query.where(_keys.c.digest == digest)
            ).one_or_none()
        return None if row is None else (row.operation_id, row.fingerprint)

    def result(self, operation_id: str) -> str | None:
        """Return the JSON text of a result, or None."""
        query = (
            sa.select(_results.c.body)
            .where(_results.c.operation_id == operation_id)
            .order_by(_results.c.part)
        )
        with self._database.reader() as reader:
            parts = reader.scalars(query).all()
        return ''.join(parts) if parts else None

    def page(
        self,
        *,
        limit: int,
        marker: operation.Operation | None = None,
        states: Collection[operation.State] = (),
        owner: operation.Owner | None = None,
        order: operation_queries.Order = _NEWEST_FIRST,
        details: Collection[str] = (),
        **filters: Any,
    ) -> list[operation.Operation]:
        """Return operations in an order, newest first by default.

        :param marker: last operation of the previous page.
        :param states: accepted states; any state by default.
        :param owner: owner; any owner by default.
        :param details: those of ``parameters``, ``error`` and ``targets``
            that are read; a list contains the first targets only.
        :param filters: values of columns, a ``target``, and the times
            ``created_after`` and ``created_before``, both exclusive.
        """
        if owner is not None and not owner:
            # An empty owner matches no operation.
            return []
        query = operation_queries.select(
            [
                *_BRIEF,
                *(_operations.c[each] for each in set(details) & _READ.keys()),
            ],
            states=states,
            owner=owner,
            filters=filters,
            order=order,
            marker=marker,
        )
        with self._database.reader() as reader:
            rows = reader.execute(query.limit(limit)).all()
            targets = operation_queries.first_targets(
                reader, [row.id for row in rows if 'targets' in details]
            )
        return [
            _brief(row, targets=targets.get(row.id), **_details(row, details))
            for row in rows
        ]

    def cancel(self, operation_id: str) -> bool:
        """Cancel a queued operation or request it for a running one.

        The same is done for the parts of an operation.

        :returns: whether the operation was active.
        """
        parts = sa.select(models.operation_parts.c.part_id).where(
            models.operation_parts.c.operation_id == operation_id
        )

        def work(writer: orm.Session) -> bool:
            # The whole first: a part that is recorded later is cancelled by
            # the conductors.
            was_active = _cancel(writer, operation_id)
            if was_active:
                for part_id in writer.scalars(parts).all():
                    _cancel(writer, part_id)
            return was_active

        return self._database.write(work)

    def cancel_requests(self, incarnation: str) -> set[str]:
        """Return ids of running operations with a request to cancel."""
        query = sa.select(_operations.c.id).where(
            _operations.c.state == operation.State.RUNNING,
            _operations.c.incarnation == incarnation,
            _operations.c.cancel_requested,
        )
        with self._database.reader() as reader:
            return set(reader.scalars(query))

    def report_progress(
        self,
        incarnation: str,
        progress: Mapping[str, operation.Progress],
    ) -> None:
        """Store the progress of running operations, by id."""
        table = _operations.c

        def work(writer: orm.Session) -> None:
            for operation_id, each in sorted(progress.items()):
                statement = (
                    sa.update(_operations)
                    .where(
                        table.id == operation_id,
                        table.incarnation == incarnation,
                        table.state == operation.State.RUNNING,
                    )
                    .values(transitions.progress_values(each))
                )
                if transitions.rows_matched(writer, statement):
                    transitions.record_targets(writer, operation_id, each)

        self._database.write(work)

    def active_incarnations(self) -> set[ActiveIncarnation]:
        """Return the incarnations that have active operations."""
        table, owners = _operations.c, models.conductors.c
        query = (
            sa.select(table.conductor, table.incarnation, owners.liveness_at)
            .outerjoin(
                models.conductors,
                sa.and_(
                    owners.hostname == table.conductor,
                    owners.incarnation == table.incarnation,
                ),
            )
            .where(
                table.state.in_(operation.ACTIVE),
                table.incarnation != operation.NO_CONDUCTOR,
            )
            .distinct()
        )
        with self._database.reader() as reader:
            return {ActiveIncarnation(*row) for row in reader.execute(query)}

    def reap(
        self,
        lost: Collection[ActiveIncarnation],
        *,
        reaped: Callable[[Collection[str]], object] = _ignore,
    ) -> int:
        """Finish the active operations of lost incarnations.

        Running operations become ``unknown``, queued ones ``expired``. An
        incarnation with a later liveness update is skipped.

        :param reaped: called with the ids of each batch after its commit.
        :returns: number of operations that were finished.
        """
        count = 0
        for incarnation in lost:
            while orphans := self._orphans(incarnation):
                count += self._finish(orphans, reaped)
                if len(orphans) < _REAP_BATCH:
                    break
        return count

    def active(self, incarnation: str) -> dict[str, operation.State]:
        """Return the states of the active operations, by id."""
        query = sa.select(_operations.c.id, _operations.c.state).where(
            _operations.c.state.in_(operation.ACTIVE),
            _operations.c.incarnation == incarnation,
        )
        with self._database.reader() as reader:
            return _states(reader.execute(query))

    def reap_own(
        self,
        incarnation: str,
        reaped: Callable[[Collection[str]], object] = _ignore,
    ) -> int:
        """Finish the active operations of an incarnation that stops.

        :param reaped: called with the ids of each batch after its commit.
        :returns: number of operations that were finished.
        """
        # Repeated for operations that start between the two transactions.
        return sum(
            self._finish(self.active(incarnation), reaped) for _ in range(3)
        )

    def _finish(
        self,
        orphans: Mapping[str, operation.State],
        reaped: Callable[[Collection[str]], object],
    ) -> int:
        if not orphans:
            return 0
        ends = [operation.end(*orphan) for orphan in orphans.items()]
        applied = self._database.write(
            lambda writer: transitions.transition(writer, ends)
        )
        reaped(applied)
        return len(applied)

    def _orphans(
        self, incarnation: ActiveIncarnation
    ) -> dict[str, operation.State]:
        """Return active operations unless the incarnation has an update."""
        table, owners = _operations.c, models.conductors.c
        owner = sa.exists().where(
            owners.hostname == incarnation.conductor,
            owners.incarnation == incarnation.incarnation,
        )
        query = sa.select(table.id, table.state).where(
            table.state.in_(operation.ACTIVE),
            table.conductor == incarnation.conductor,
            table.incarnation == incarnation.incarnation,
            ~owner
            if incarnation.liveness_at is None
            else owner.where(owners.liveness_at == incarnation.liveness_at),
        )
        with self._database.reader() as reader:
            return _states(reader.execute(query.limit(_REAP_BATCH)))

    def purge(self, *, older_than_seconds: float, limit: int) -> int:
        """Delete finished operations with their results and keys.

        :param limit: largest number of operations.
        :returns: number of deleted operations.
        """
        # The condition on created_at follows from that on finished_at; it
        # lets the database use the index on created_at.
        table = _operations.c

        def work(writer: orm.Session) -> int:
            cutoff = _ago(writer, older_than_seconds)
            finished = (
                table.state.in_(operation.FINAL),
                table.created_at < cutoff,
                table.finished_at < cutoff,
            )
            ids = writer.scalars(
                sa.select(table.id)
                .where(*finished)
                .order_by(table.created_at)
                .limit(limit)
            ).all()
            return _delete(writer, sa.delete(_operations), table.id, ids)

        return self._database.write(work)

    def purge_results(self, *, older_than_seconds: float, limit: int) -> int:
        """Delete results, but not their operations.

        :param limit: largest number of parts that are looked up.
        :returns: number of deleted parts.
        """
        table = _results.c

        def work(writer: orm.Session) -> int:
            ids = writer.scalars(
                sa.select(table.operation_id)
                .where(table.created_at < _ago(writer, older_than_seconds))
                .order_by(table.created_at)
                .limit(limit)
            ).all()
            return _delete(
                writer, sa.delete(_results), table.operation_id, ids
            )

        return self._database.write(work)


def _delete(
    writer: orm.Session,
    statement: sa.Delete,
    column: sa.Column[str],
    ids: Sequence[str],
) -> int:
    if not ids:
        return 0
    return transitions.rows_matched(
        writer, statement.where(column.in_(sorted(set(ids))))
    )


def _cancel(writer: orm.Session, operation_id: str) -> bool:
    cancelled = operation.Transition(
        operation_id, operation.State.QUEUED, operation.State.CANCELLED
    )
    request = (
        sa.update(_operations)
        .where(
            _operations.c.id == operation_id,
            _operations.c.state == operation.State.RUNNING,
        )
        .values(cancel_requested=True)
    )
    return bool(
        transitions.transition(writer, [cancelled])
        or transitions.rows_matched(writer, request)
    )


def _ago(reader: orm.Session, seconds: float) -> datetime.datetime:
    """Return an earlier time of the clock of the database."""
    now: datetime.datetime = reader.execute(
        sa.select(models.utc_now())
    ).scalar_one()
    return now - datetime.timedelta(seconds=seconds)


def _states(rows: Iterable[Any]) -> dict[str, operation.State]:
    return {row.id: operation.State(row.state) for row in rows}


_BRIEF = [
    column
    for column in _operations.c
    if column.name not in ('parameters', 'error', 'targets')
]


def _brief(row: Any, **details: Any) -> operation.Operation:
    return operation.Operation(
        id=row.id,
        driver=row.driver,
        method=row.method,
        http_method=row.http_method,
        user_id=row.user_id,
        project_id=row.project_id,
        request_id=row.request_id,
        conductor=row.conductor,
        incarnation=row.incarnation,
        accepted=row.accepted,
        attach=row.attach,
        state=_state(row.state),
        created_at=_aware(row.created_at),
        started_at=_aware(row.started_at),
        finished_at=_aware(row.finished_at),
        progress=operation.Progress(
            _finite(row.progress_percent), row.progress_message
        ),
        cancel_requested=row.cancel_requested,
        result_parts=_finite(row.result_parts),
        **details,
    )


def _whole(row: Any) -> operation.Operation:
    return _brief(
        row,
        targets=_decoded(row, 'targets', _strings) if row.targets else [],
        **_details(row, _READ),
    )


def _details(row: Any, names: Collection[str]) -> dict[str, Any]:
    """Return some of the details of a row that are stored as JSON."""
    return {
        name: _decoded(row, name, read)
        for name, read in _READ.items()
        if name in names and getattr(row, name)
    }


# Another release, or another program, may have written a row: values that
# cannot be read are left out, so that the others can be shown.


def _state(name: str) -> operation.State:
    """Return a state; ``unknown`` for a state of another release."""
    try:
        return operation.State(name)
    except ValueError:
        return operation.State.UNKNOWN


def _finite(value: Any) -> Any:
    # JSON has no NaN and infinity, and SQLite stores any text.
    is_number = isinstance(value, int | float)
    return value if is_number and math.isfinite(value) else None


def _decoded(row: Any, column: str, read: Callable[[Any], Any]) -> Any:
    """Return the value of a column, or None if it cannot be read."""
    try:
        return read(
            json.loads(
                getattr(row, column),
                parse_constant=strict_json.no_constant,
                parse_float=strict_json.finite,
            )
        )
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        LOG.error(
            'Operation %s: its %s in the registry cannot be read and is left '
            'out: %s',
            row.id,
            column,
            type(error).__name__,
        )
        return None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return value


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(
        isinstance(each, str) for each in value
    ):
        raise TypeError(value)
    return value


def _error(value: Any) -> operation.Error:
    error = operation.Error(
        message=value['message'], status=value['status'], code=value['code']
    )
    texts = isinstance(error.message, str) and isinstance(error.code, str)
    number = isinstance(error.status, int)
    if not (texts and number and 400 <= error.status < 600):
        raise ValueError(value)
    return error


_READ: dict[str, Callable[[Any], Any]] = {
    'parameters': _object,
    'error': _error,
}


def _aware(time: Any) -> Any:
    return time and time.replace(tzinfo=datetime.UTC)
