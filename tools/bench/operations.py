# SPDX-License-Identifier: Apache-2.0
"""Measure lists of a million operations on PostgreSQL.

Also measure the time to record small calls while large results are written.

Requires PostgreSQL's server (Debian package postgresql).
"""

import argparse
import json
import random
import statistics
import time
import uuid
from collections.abc import Callable
from concurrent import futures
from typing import Any

from ironic_passthru import threads

threads.init()

import fleet  # noqa: E402
import sqlalchemy as sa  # noqa: E402

from ironic_passthru import operation  # noqa: E402
from ironic_passthru.conductor import operation_writer  # noqa: E402
from ironic_passthru.db import conductors  # noqa: E402
from ironic_passthru.db import migration  # noqa: E402
from ironic_passthru.db import models  # noqa: E402
from ironic_passthru.db import operations  # noqa: E402
from ironic_passthru.db import session  # noqa: E402
from ironic_passthru.tests.functional import servers  # noqa: E402

_ROUNDS = 60
_LIMIT = 50
_CONDUCTORS = 50
_BATCH = 8
_INCARNATION = 'bench-incarnation'
_LARGE = 15 * 1024 * 1024
_LARGE_RESULTS = 50
_CONCURRENT = 'record, with large results'

_State = operation.State

# Seven days: few drivers are called frequently, nearly all operations
# succeed, and active operations are new.
_FILL = sa.text("""
INSERT INTO operations (
    id, driver, method, http_method, parameters, user_id, project_id,
    request_id, conductor, incarnation, accepted, attach, state, created_at,
    started_at, finished_at, cancel_requested, error, result_parts)
SELECT
    gen_random_uuid()::text,
    'acme-rack-' || to_char(floor(20 * power(random(), 3)), 'FM00'),
    'set_power_limit_' || to_char(floor(20 * power(random(), 3)), 'FM00'),
    'PUT',
    '{"rack": "r17", "slot": 23, "watts": 450.0, "mode": "soft", "notify": '
        || '["operator@example.org"], "password": "***"}',
    md5('user' || n % 40), md5('project' || n % 20),
    'req-' || gen_random_uuid(),
    'conductor-' || n % :conductors,
    :run, true, false, state, created_at,
    CASE WHEN state NOT IN ('queued', 'cancelled', 'expired')
         THEN created_at + interval '1 second' END,
    CASE WHEN state NOT IN ('queued', 'running')
         THEN created_at + interval '9 seconds' END,
    false,
    CASE WHEN state = 'failed'
         THEN '{"message": "The rack is unavailable.", "status": 503, '
              || '"code": "temporary_failure"}' END,
    CASE WHEN state = 'succeeded' THEN 0 END
FROM (
    SELECT n,
        (clock_timestamp() AT TIME ZONE 'utc')
            - interval '7 days' * ((:rows - n)::float / :rows) AS created_at,
        CASE
            WHEN n > :rows - 40 THEN 'queued'
            WHEN n > :rows - 200 THEN 'running'
            WHEN chance < 0.97 THEN 'succeeded'
            WHEN chance < 0.99 THEN 'failed'
            WHEN chance < 0.995 THEN 'cancelled'
            WHEN chance < 0.999 THEN 'expired'
            ELSE 'unknown'
        END AS state
    FROM (SELECT n, random() AS chance FROM generate_series(1, :rows) AS n)
        AS numbers
) AS drawn
""")

_FREQUENT = fleet.driver_name(0)
_RARE = fleet.driver_name(19)
_UNKNOWN = 'unknown'

# Filters by name, and whether the limit of 20 applies.
_LISTS: dict[str, tuple[bool, dict[str, Any]]] = {
    'succeeded, frequent driver': (
        True,
        {'states': [_State.SUCCEEDED], 'driver': _FREQUENT},
    ),
    'succeeded, rare driver': (
        True,
        {'states': [_State.SUCCEEDED], 'driver': _RARE},
    ),
    'failed, frequent driver': (
        True,
        {'states': [_State.FAILED], 'driver': _FREQUENT},
    ),
    'unknown, frequent driver': (
        True,
        {'states': [_State.UNKNOWN], 'driver': _FREQUENT},
    ),
    'unknown, rare driver': (
        True,
        {'states': [_State.UNKNOWN], 'driver': _RARE},
    ),
    'running, frequent driver': (
        True,
        {'states': [_State.RUNNING], 'driver': _FREQUENT},
    ),
    'failed, no such driver': (
        True,
        {'states': [_State.FAILED], 'driver': _UNKNOWN},
    ),
    'failed or unknown, frequent driver': (
        True,
        {'states': [_State.FAILED, _State.UNKNOWN], 'driver': _FREQUENT},
    ),
    'active, frequent driver': (
        True,
        {'states': operation.ACTIVE, 'driver': _FREQUENT},
    ),
    'all': (False, {}),
    'frequent driver': (False, {'driver': _FREQUENT}),
    'rare driver': (False, {'driver': _RARE}),
    'conductor': (False, {'conductor': 'conductor-7'}),
    'succeeded': (False, {'states': [_State.SUCCEEDED]}),
    'unknown': (False, {'states': [_State.UNKNOWN]}),
    'running': (False, {'states': [_State.RUNNING]}),
    'failed, conductor': (
        False,
        {'states': [_State.FAILED], 'conductor': 'conductor-7'},
    ),
    'frequent method': (False, {'method': fleet.method_name(0)}),
    'rare method': (False, {'method': fleet.method_name(19)}),
    'rare driver, rare method': (
        False,
        {'driver': _RARE, 'method': fleet.method_name(19)},
    ),
    'no such method': (False, {'method': _UNKNOWN}),
}


def fill(url: str, rows: int) -> session.Database:
    """Fill a new registry and return it."""
    # The statement exceeds the timeout of the service.
    unlimited = session.Database(
        fleet.configuration(url), answer_timeout_seconds=None
    )
    migration.upgrade(unlimited)
    with unlimited.writer() as writer:
        writer.execute(
            _FILL,
            {'rows': rows, 'conductors': _CONDUCTORS, 'run': _INCARNATION},
        )
    # As by autovacuum.
    with unlimited.connection() as connection:
        connection = connection.execution_options(isolation_level='AUTOCOMMIT')
        connection.exec_driver_sql('VACUUM ANALYZE')
    unlimited.close()
    database = session.Database(fleet.configuration(url))
    store = conductors.ConductorStore(database)
    for number in range(_CONDUCTORS):
        store.register(
            f'conductor-{number}', _INCARNATION, group='', drivers={}
        )
    return database


def measure(database: session.Database) -> dict[str, float]:
    """Return median times of one operation and of lists, in ms."""
    store = operations.OperationStore(database)
    ids = _sample(database)
    result = {'one': _median_ms(lambda: store.get(random.choice(ids)))}
    for name, (_, filters) in _LISTS.items():
        result[name] = _median_ms(_lister(store, filters))
    deep = store.get(ids[0])
    for name in ('all', 'succeeded, frequent driver', 'frequent driver'):
        filters = _LISTS[name][1] | {'marker': deep}
        result[f'{name}, deep marker'] = _median_ms(_lister(store, filters))
    requests = [store.get(one).request_id for one in ids[:_ROUNDS]]
    result['request id'] = _median_ms(
        lambda: store.page(limit=_LIMIT, request_id=random.choice(requests))
    )
    result |= _housekeeping(store)
    _leave_dead_rows(database)
    result[f'record, claim and finish {_BATCH}'] = _median_ms(
        lambda: _run(store)
    )
    result |= _with_large_results(store)
    # The machine's speed drifts.
    again = _median_ms(lambda: store.get(random.choice(ids)))
    result['one'] = (result['one'] + again) / 2
    return result


def _housekeeping(store: operations.OperationStore) -> dict[str, float]:
    """Measure the periodic work of each conductor."""
    return {
        'active incarnations': _median_ms(store.active_incarnations),
        'cancel requests': _median_ms(
            lambda: store.cancel_requests(_INCARNATION)
        ),
        'purge of 0': _median_ms(
            lambda: store.purge(older_than_seconds=8 * 86400, limit=500)
        ),
        'purge of 500': _median_ms(
            lambda: store.purge(older_than_seconds=3 * 86400, limit=500), 10
        ),
    }


def _with_large_results(
    store: operations.OperationStore,
) -> dict[str, float]:
    """Measure recording small calls without and with large results."""
    writer = operation_writer.OperationWriter(store.change_writer)
    writer.start()

    def record() -> str:
        one = str(uuid.uuid4())
        writer.record(_new(one))
        return one

    def succeed(one: str, result: str) -> futures.Future[bool]:
        writer.claim(one, _INCARNATION)
        return writer.move(
            operation.Transition(
                one,
                _State.RUNNING,
                _State.SUCCEEDED,
                _INCARNATION,
                result=result,
            )
        )

    alone = _median_ms(record)
    text = json.dumps('x' * _LARGE)
    large = [succeed(record(), text) for _ in range(_LARGE_RESULTS)]
    times = []
    while not all(one.done() for one in large):
        start = time.perf_counter()
        record()
        times.append(1000 * (time.perf_counter() - start))
    writer.close(60.0)
    return {
        'record': alone,
        _CONCURRENT: statistics.median(times),
        f'{_CONCURRENT}, longest': max(times),
    }


def _leave_dead_rows(database: session.Database) -> None:
    """Leave outdated statistics and dead rows, as many calls do."""
    table = models.operations
    change = sa.update(table)
    active = table.c.state.in_(operation.ACTIVE)
    some = table.c.request_id < 'req-1'
    with database.writer() as writer:
        writer.execute(change.where(active).values(state=_State.UNKNOWN))
        writer.execute(sa.text('ANALYZE operations'))
    for state in (_State.RUNNING, _State.SUCCEEDED):
        with database.writer() as writer:
            writer.execute(change.where(some).values(state=state))


def _run(store: operations.OperationStore) -> None:
    """Record, claim and finish a batch of operations."""
    ids = [str(uuid.uuid4()) for _ in range(_BATCH)]
    for changes in (
        [_new(one) for one in ids],
        [_transition(one, _State.QUEUED, _State.RUNNING) for one in ids],
        [_transition(one, _State.RUNNING, _State.SUCCEEDED) for one in ids],
    ):
        if not all(store.apply(changes)):
            raise RuntimeError('changes were not applied')


def _transition(
    operation_id: str, source: operation.State, target: operation.State
) -> operation.Transition:
    return operation.Transition(
        operation_id, source, target, owner=_INCARNATION
    )


def _new(operation_id: str) -> operation.NewOperation:
    return operation.NewOperation(
        id=operation_id,
        driver=_FREQUENT,
        method=fleet.method_name(0),
        http_method='PUT',
        parameters={'rack': 'r17'},
        user_id='user',
        project_id='project',
        request_id='bench-request',
        conductor='conductor-7',
        incarnation=_INCARNATION,
        accepted=True,
        attach=False,
    )


def _sample(database: session.Database) -> list[str]:
    """Return ids of operations in the middle of the seven days."""
    table = models.operations.c
    query = sa.select(table.id).order_by(table.created_at.desc(), table.id)
    with database.reader() as reader:
        count = reader.scalar(sa.select(sa.func.count(table.id)))
        return list(reader.scalars(query.offset(count // 2).limit(2000)))


def _lister(
    store: operations.OperationStore, filters: dict[str, Any]
) -> Callable[[], object]:
    return lambda: store.page(limit=_LIMIT, **filters)


def _median_ms(work: Callable[[], object], rounds: int = _ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def ratios(result: dict[str, float]) -> dict[str, str]:
    """Return times relative to the time of one operation."""
    rows = {}
    for name, milliseconds in result.items():
        limit = ' (<= 20)' if _LISTS.get(name, (False,))[0] else ''
        rows[name] = f'{milliseconds / result["one"]:.1f}{limit}'
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rows', type=int, default=1_000_000)
    options = parser.parse_args()
    with servers.PostgreSQL() as server:
        start = time.monotonic()
        database = fill(server.new_database(), options.rows)
        filled = time.monotonic() - start
        result = measure(database)
        database.close()
    print(json.dumps({'filling, s': filled, 'ms': result}, indent=2))
    without = result['record']
    for name in (_CONCURRENT, f'{_CONCURRENT}, longest'):
        print(f'{name} / record: {result[name] / without:.1f}')
    for name, ratio in ratios(result).items():
        print(f'{name} / one: {ratio}')


if __name__ == '__main__':
    main()
