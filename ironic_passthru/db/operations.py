# SPDX-License-Identifier: Apache-2.0
"""The store of operations."""

import dataclasses
import datetime
import json
import math
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc
from oslo_log import log
from sqlalchemy import orm

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.db import models
from ironic_passthru.db import session
from ironic_passthru.db import transitions
from ironic_passthru.validation import strict_json

LOG = log.getLogger(__name__)

_SETTLE_BATCH = 500

_operations = models.operations
_results = models.operation_results
_keys = models.operation_keys


def _ignore(operation_ids: Collection[str]) -> None:
    """Do nothing."""


@dataclasses.dataclass(frozen=True)
class Holder:
    """A run of a conductor that has active operations, and its sign of life.

    Two of one run are equal as long as the sign has not changed.

    :param conductor: its host name.
    :param seen_at: when the sign was written; None if another run has taken
        the name of the conductor.
    """

    conductor: str
    incarnation: str
    seen_at: datetime.datetime | None


class Recorder:
    """Records operations and moves them.

    :param writes: what transactions are made with.
    """

    def __init__(
        self, writes: session.Database | session.KeptConnection
    ) -> None:
        self._writes = writes

    def apply(
        self, changes: Sequence[operation.Change]
    ) -> list[bool | errors.PassthruError]:
        """Record and move operations in one transaction.

        :returns: for each change whether it was made, or why it was not:
            DuplicateCall for an id that another conductor has recorded,
            KeyInUse for a key.
        :raises: RegistryUnavailable.
        """
        try:
            return self._writes.write(
                lambda writer: transitions.apply(writer, changes),
                repeat_duplicates=False,
            )
        except db_exc.DBDuplicateEntry:
            # Whose id or key was taken is found one by one.
            return [self._apply_alone(change) for change in changes]

    def _apply_alone(
        self, change: operation.Change
    ) -> bool | errors.PassthruError:
        def work(writer: transitions.Writer) -> bool | errors.PassthruError:
            if isinstance(change, operation.NewOperation):
                taken = transitions.taken(writer, change)
                if taken is not None:
                    return taken
            return transitions.apply(writer, [change])[0]

        return self._writes.write(work)

    def close(self) -> None:
        """Give back what it holds of the database."""
        self._writes.close()


class OperationStore:
    """Reads and writes operations; threads may share one.

    Every method raises ``RegistryUnavailable`` while the database is away.
    """

    def __init__(self, database: session.Database) -> None:
        self._database = database

    def recorder(self) -> 'Recorder':
        """Return a recorder for one thread, which keeps its connection."""
        return Recorder(self._database.kept())

    def apply(
        self, changes: Sequence[operation.Change]
    ) -> list[bool | errors.PassthruError]:
        """Record and move operations; see :meth:`Recorder.apply`."""
        return Recorder(self._database).apply(changes)

    def get(self, operation_id: str) -> operation.Operation | None:
        """Return an operation, if there is one of this id."""
        query = sa.select(_operations).where(_operations.c.id == operation_id)
        with self._database.reader() as reader:
            row = reader.execute(query).one_or_none()
        return None if row is None else _whole(row)

    def owner(self, operation_id: str) -> operation.Owner | None:
        """Return the owner of an operation, if there is one of this id.

        The database returns one row in either case, and nothing large, so
        that the time of an answer does not show which case it is.
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
        """Return the state of an operation, if there is one of this id."""
        query = sa.select(_operations.c.state)
        with self._database.reader() as reader:
            found = reader.scalar(
                query.where(_operations.c.id == operation_id)
            )
        return None if found is None else _state(found)

    def find_key(self, digest: str) -> tuple[str, str] | None:
        """Return id of the operation and fingerprint that belong to a key."""
        query = sa.select(_keys.c.operation_id, _keys.c.fingerprint)
        with self._database.reader() as reader:
            row = reader.execute(
                query.where(_keys.c.digest == digest)
            ).one_or_none()
        return None if row is None else (row.operation_id, row.fingerprint)

    def result(self, operation_id: str) -> str | None:
        """Return the JSON text of a result, if it is (still) there."""
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
        **filters: str,
    ) -> list[operation.Operation]:
        """Return operations without parameters and errors, newest first.

        :param marker: the last one of the page before.
        :param states: those wanted; by default all.
        :param owner: whose; by default everybody's.
        :param filters: values of ``driver``, ``method``, ``request_id`` and
            ``conductor`` that they must have.
        """
        table = _operations.c
        query = sa.select(*_BRIEF)
        if owner is not None:
            if not owner:
                # What is nobody's is not everybody's.
                return []
            query = query.where(table.project_id == owner.project_id)
            if owner.user_id is not None:
                query = query.where(table.user_id == owner.user_id)
        for name, value in filters.items():
            query = query.where(table[name] == value)
        if states:
            query = query.where(table.state.in_(sorted(states)))
        if marker is not None:
            before = (marker.created_at.replace(tzinfo=None), marker.id)
            query = query.where(
                sa.tuple_(table.created_at, table.id) < sa.tuple_(*before)
            )
        query = query.order_by(table.created_at.desc(), table.id.desc())
        with self._database.reader() as reader:
            rows = reader.execute(query.limit(limit)).all()
        return [_brief(row) for row in rows]

    def cancel(self, operation_id: str) -> bool:
        """Cancel a queued operation for certain, ask a running one to end.

        :returns: whether it was active.
        """
        cancelled = operation.Transition(
            operation_id, operation.State.QUEUED, operation.State.CANCELLED
        )
        asked = (
            sa.update(_operations)
            .where(
                _operations.c.id == operation_id,
                _operations.c.state == operation.State.RUNNING,
            )
            .values(cancel_requested=True)
        )

        def work(writer: orm.Session) -> bool:
            if transitions.move(writer, [cancelled]):
                return True
            return transitions.rows_matched(writer, asked) == 1

        return self._database.write(work)

    def cancel_requests(self, incarnation: str) -> set[str]:
        """Return ids of running operations that are asked to end."""
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
        """Note how far running operations have come, by their ids."""
        statements = [
            sa.update(_operations)
            .where(
                _operations.c.id == operation_id,
                _operations.c.incarnation == incarnation,
                _operations.c.state == operation.State.RUNNING,
            )
            .values(transitions.progress_values(one))
            for operation_id, one in sorted(progress.items())
        ]

        def work(writer: orm.Session) -> None:
            for statement in statements:
                writer.execute(statement)

        self._database.write(work)

    def holders(self) -> set[Holder]:
        """Return the runs of conductors that have active operations."""
        table, owners = _operations.c, models.conductors.c
        query = (
            sa.select(table.conductor, table.incarnation, owners.seen_at)
            .outerjoin(
                models.conductors,
                sa.and_(
                    owners.hostname == table.conductor,
                    owners.incarnation == table.incarnation,
                ),
            )
            .where(table.state.in_(operation.ACTIVE))
            .distinct()
        )
        with self._database.reader() as reader:
            return {Holder(*row) for row in reader.execute(query)}

    def settle(
        self,
        gone: Collection[Holder],
        *,
        ended: Callable[[Collection[str]], object] = _ignore,
    ) -> int:
        """End what belongs to conductors that are gone.

        What had begun becomes ``unknown``, what had not ``expired``.

        :param gone: runs that still have the sign of life that is named are
            settled; others have been seen again, and are left alone.
        :param ended: called with the ids of those that were ended.
        :returns: how many operations were ended.
        """
        settled = 0
        for holder in gone:
            while orphans := self._orphans(holder):
                settled += self._end(orphans, ended)
                if len(orphans) < _SETTLE_BATCH:
                    break
        return settled

    def active(self, incarnation: str) -> dict[str, operation.State]:
        """Return states of what a conductor has not finished, by id."""
        query = sa.select(_operations.c.id, _operations.c.state).where(
            _operations.c.state.in_(operation.ACTIVE),
            _operations.c.incarnation == incarnation,
        )
        with self._database.reader() as reader:
            rows = reader.execute(query).all()
        return {row.id: operation.State(row.state) for row in rows}

    def settle_own(
        self,
        incarnation: str,
        ended: Callable[[Collection[str]], object] = _ignore,
    ) -> int:
        """End all that a conductor has not finished, by its own will.

        :param ended: called with the ids of those that were ended.
        :returns: how many they are.
        """
        count = 0
        # Again, for what moved on between the two steps.
        for _ in range(3):
            active = list(self.active(incarnation).items())
            count += self._end(active, ended)
        return count

    def _end(
        self,
        orphans: Sequence[tuple[str, operation.State]],
        ended: Callable[[Collection[str]], object],
    ) -> int:
        if not orphans:
            return 0
        ends = [operation.end(one, state) for one, state in orphans]
        moved = self._database.write(
            lambda writer: transitions.move(writer, ends)
        )
        ended(moved)
        return len(moved)

    def _orphans(self, holder: Holder) -> list[tuple[str, operation.State]]:
        """Return active operations of a conductor with this sign of life."""
        table, owners = _operations.c, models.conductors.c
        owner = sa.exists().where(
            owners.hostname == holder.conductor,
            owners.incarnation == holder.incarnation,
        )
        query = sa.select(table.id, table.state).where(
            table.state.in_(operation.ACTIVE),
            table.conductor == holder.conductor,
            table.incarnation == holder.incarnation,
            ~owner
            if holder.seen_at is None
            else owner.where(owners.seen_at == holder.seen_at),
        )
        with self._database.reader() as reader:
            rows = reader.execute(query.limit(_SETTLE_BATCH)).all()
        return [(row.id, operation.State(row.state)) for row in rows]

    def purge(self, *, older_than_seconds: float, limit: int) -> int:
        """Delete finished operations with their results and keys.

        :param limit: how many at most.
        :returns: how many were deleted.
        """
        # It was created before it finished: so one index finds the oldest.
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
        """Delete results; their operations stay.

        :param limit: how many at most.
        :returns: how many parts were deleted.
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


def _ago(reader: orm.Session, seconds: float) -> datetime.datetime:
    """Return the moment that is so long ago on the database's clock."""
    now = reader.execute(sa.select(models.utc_now())).scalar_one()
    return now - datetime.timedelta(seconds=seconds)


_BRIEF = [
    column
    for column in _operations.c
    if column.name not in ('parameters', 'error', 'targets')
]


def _brief(row: Any, **more: Any) -> operation.Operation:
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
            _percent(row.progress_percent), row.progress_message
        ),
        cancel_requested=row.cancel_requested,
        result_parts=row.result_parts,
        **more,
    )


def _whole(row: Any) -> operation.Operation:
    return _brief(
        row,
        parameters=_decoded(row, 'parameters', _object),
        error=_decoded(row, 'error', _error) if row.error else None,
        targets=_decoded(row, 'targets', _texts) if row.targets else [],
    )


# A record may come from another release or from anyone with access to the
# database: what cannot be read is left out, so that the rest can be shown.


def _state(name: str) -> operation.State:
    """Return a state; ``unknown`` for one that this release does not have."""
    try:
        return operation.State(name)
    except ValueError:
        return operation.State.UNKNOWN


def _percent(value: Any) -> float | None:
    # NaN and infinity have no form in JSON, and SQLite stores any text.
    is_number = isinstance(value, int | float)
    return value if is_number and math.isfinite(value) else None


def _decoded(row: Any, column: str, read: Callable[[Any], Any]) -> Any:
    """Return what a column contains, or None if it cannot be read."""
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


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(
        isinstance(one, str) for one in value
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


def _aware(moment: Any) -> Any:
    return moment and moment.replace(tzinfo=datetime.UTC)
