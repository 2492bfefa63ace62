# SPDX-License-Identifier: Apache-2.0
"""Model-based test of the operations API with random sequences."""

import concurrent.futures
import dataclasses
import itertools
import os
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib import parse

import fixtures
import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st

from ironic_passthru import errors
from ironic_passthru.db import operations
from ironic_passthru.db import session
from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import controlled
from ironic_passthru.tests.functional import web

# Number of sequences; ``tox -e long`` sets more.
_EXAMPLES = int(os.environ.get('PASSTHRU_MODEL_EXAMPLES', '10'))
_STEPS = 50

# A single worker, so that operations are queued.
_WORKERS = 1
_MAX_ACTIVE = 12
_SECONDS = 10.0
_ACTIVE = ('queued', 'running')
_PATH = '/v1/drivers/controlled/vendor_passthru'
_PROBLEM = {'Accept': 'application/problem+json'}


@dataclasses.dataclass
class Record:
    """The expected state of an operation.

    :ivar accepted: whether the response was 202.
    :ivar gone: whether the result was purged.
    """

    id: str
    mark: str
    method: str
    accepted: bool
    state: str = 'queued'
    result: Any = None
    error: tuple[int, str] | None = None
    progress: tuple[int | None, str | None] = (None, None)
    cancel_requested: bool = False
    gone: bool = False

    @property
    def active(self) -> bool:
        return self.state in _ACTIVE


@dataclasses.dataclass(frozen=True)
class Request:
    """The request of an idempotency key."""

    method: str
    http_method: str
    mark: str
    note: str


class Machine(stateful.RuleBasedStateMachine):
    """Requests, and actions of drivers and conductors.

    :cvar url: URL of the service.
    :cvar vendor: the driver.
    :cvar store: the operations in its registry.
    """

    url: str
    vendor: controlled.ControlledVendor
    store: operations.OperationStore

    def __init__(self) -> None:
        super().__init__()
        self.client = web.Client(self.url)
        # In the order of acceptance.
        self.records: list[Record] = []
        self.purged: list[Record] = []
        self.keys: dict[str, tuple[Request, Record]] = {}
        # The registry contains keys of earlier sequences.
        self.prefix = uuid.uuid4().hex

    # Actions

    def send(self, request: Request, **headers: str) -> web.Answer:
        """Send a call."""
        return self.client.request(
            request.http_method,
            f'{_PATH}?method={request.method}',
            {'mark': request.mark, 'note': request.note},
            _PROBLEM
            | {name.replace('_', '-'): text for name, text in headers.items()},
        )

    def make(self, method: str, http_method: str, note: str) -> Request:
        return Request(method, http_method, uuid.uuid4().hex, note)

    def advance(self) -> None:
        """Let free workers start queued operations."""
        running = sum(one.state == 'running' for one in self.records)
        for one in self.records:
            if running < _WORKERS and one.state == 'queued':
                one.state = 'running'
                running += 1

    def room(self) -> bool:
        return sum(one.active for one in self.records) < _MAX_ACTIVE

    def having(self, *states: str) -> list[Record]:
        """Return the operations, optionally filtered by state."""
        return [
            one for one in self.records if one.state in states or not states
        ]

    def pick(self, data: st.DataObject, *states: str) -> Record:
        """Choose an operation."""
        return data.draw(st.sampled_from(self.having(*states)))

    def accept(self, answer: web.Answer, request: Request) -> Record:
        """Add a new operation."""
        assert answer.status == 202, answer.body
        assert answer.body == b''
        assert answer.headers['Content-Type'] is None
        assert answer.headers['Retry-After'] == '2'
        place = parse.urlsplit(answer.headers['Location']).path
        record = Record(
            place.rpartition('/')[2], request.mark, request.method, True
        )
        self.records.append(record)
        self.advance()
        return record

    @stateful.precondition(room)
    @stateful.rule(
        method=st.sampled_from(['later', 'now']),
        http_method=st.sampled_from(['POST', 'DELETE']),
        prefer=st.booleans(),
    )
    def start(self, method: str, http_method: str, prefer: bool) -> None:
        """Start an operation without a key."""
        request = self.make(method, http_method, '')
        prefer = prefer or method == 'now'
        headers = {'Prefer': 'respond-async'} if prefer else {}
        answer = self.send(request, **headers)
        applied = answer.headers['Preference-Applied']
        assert applied == ('respond-async' if prefer else None)
        self.accept(answer, request)

    @stateful.precondition(room)
    @stateful.rule(
        key=st.sampled_from('ab'),
        method=st.sampled_from(['later', 'echo']),
        note=st.sampled_from(['', 'fail']),
        quoted=st.booleans(),
        again=st.integers(0, 3),
        wait=st.booleans(),
    )
    def start_with_key(
        self,
        key: str,
        method: str,
        note: str,
        quoted: bool,
        again: int,
        wait: bool,
    ) -> None:
        """Send a request with a new or a used key."""
        earlier = self.keys.get(key)
        request = self.make(method, 'POST', note)
        if earlier and again:
            request = earlier[0]
        text = f'{self.prefix}-{key}'
        headers = {'Idempotency-Key': f'"{text}"' if quoted else text}
        if wait and earlier and not earlier[1].active:
            headers['Prefer'] = 'wait=5'
        answer = self.send(request, **headers)
        if earlier is None:
            self.keys[key] = request, self.first(answer, request)
        elif request != earlier[0]:
            assert answer.status == 422, answer.body
            assert answer.json['code'] == 'idempotency_key_reused'
        else:
            self.repeated(answer, earlier[1], wait='Prefer' in headers)

    def first(self, answer: web.Answer, request: Request) -> Record:
        if request.method != 'echo':
            return self.accept(answer, request)
        # A synchronous response does not contain the id.
        listed = self.client.get('/v1/operations?limit=1&method=echo').json
        record = Record(
            listed['operations'][0]['id'], request.mark, 'echo', False
        )
        self.records.append(record)
        self.end(
            record,
            errors.DriverOperationError('It was requested to fail.')
            if request.note == 'fail'
            else [request.mark, request.note],
        )
        self.check_outcome(answer, record)
        return record

    def repeated(
        self, answer: web.Answer, record: Record, *, wait: bool
    ) -> None:
        if record.active:
            assert answer.status == 409, answer.body
            assert answer.json['code'] == 'operation_active'
        elif record.accepted and not wait:
            assert answer.status == 202, answer.body
        else:
            self.check_outcome(answer, record)
            return
        assert answer.headers['Location'] == self.place(record)

    @stateful.precondition(lambda self: self.having('running'))
    @stateful.rule(
        data=st.data(),
        value=st.one_of(
            st.none(), st.booleans(), st.text(max_size=5), st.just([{'a': 1}])
        ),
    )
    def succeed(self, data: st.DataObject, value: Any) -> None:
        """Let a method return."""
        record = self.pick(data, 'running')
        self.vendor.end(record.mark, value)
        self.end(record, value)

    @stateful.precondition(lambda self: self.having('running'))
    @stateful.rule(
        data=st.data(),
        error=st.sampled_from(
            [
                errors.InvalidParameterValue('there is no such slot'),
                errors.Conflict('the rack is being serviced'),
                RuntimeError('password=hunter2'),
            ]
        ),
    )
    def fail(self, data: st.DataObject, error: Exception) -> None:
        """Let a method fail."""
        record = self.pick(data, 'running')
        self.vendor.end(record.mark, error)
        self.end(record, error)

    @stateful.precondition(lambda self: self.having('running'))
    @stateful.rule(data=st.data(), whole=st.booleans())
    def succeed_during_a_long_poll(
        self, data: st.DataObject, whole: bool
    ) -> None:
        """Let a method return during a long poll."""
        record = self.pick(data, 'running')
        path = self.path(record) + ('' if whole else '/result')
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.client.get, path, Prefer='wait=30')
            self.vendor.end(record.mark, 7)
            answer = waiting.result(_SECONDS)
        self.end(record, 7)
        assert answer.headers['Preference-Applied'] == 'wait=30'
        if whole:
            assert answer.json['state'] == 'succeeded'
        else:
            self.check_outcome(answer, record)

    def end(self, record: Record, outcome: Any) -> None:
        """Record the end of an operation."""
        if isinstance(outcome, errors.Conflict):
            # Clients would retry the call after 409.
            record.error = 500, 'conflict'
        elif isinstance(outcome, errors.PassthruError):
            record.error = outcome.status, outcome.code
        elif isinstance(outcome, Exception):
            record.error = 500, 'driver_failed'
        else:
            record.result = outcome
        record.state = 'failed' if record.error else 'succeeded'
        self.advance()

    @stateful.precondition(lambda self: self.having('running'))
    @stateful.rule(
        data=st.data(),
        percent=st.integers(0, 100),
        message=st.text('ab ä', max_size=8),
    )
    def report(self, data: st.DataObject, percent: int, message: str) -> None:
        """Let a method report progress."""
        record = self.pick(data, 'running')
        self.vendor.report(record.mark, percent, message)
        record.progress = percent, message

    @stateful.precondition(lambda self: self.having())
    @stateful.rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Cancel an operation in any state."""
        record = self.pick(data)
        answer = self.client.request(
            'DELETE', self.path(record), headers=_PROBLEM
        )
        if not record.active:
            assert answer.status == 409, answer.body
            assert answer.json['code'] == 'operation_final'
            return
        if record.state == 'queued':
            record.state = 'cancelled'
            assert answer.status == 200, answer.body
        else:
            record.cancel_requested = True
            assert answer.status == 202, answer.body
            context = self.vendor.contexts[record.mark]
            self.wait_for(
                lambda: context.cancel_requested, 'the method is notified'
            )
        self.check_shown(answer.json, record)

    @stateful.precondition(lambda self: self.having(*_ACTIVE))
    @stateful.rule()
    def lose_conductor(self) -> None:
        """Let the heartbeat of a live conductor expire."""
        keys = [
            key
            for key, (_, holder) in self.keys.items()
            if holder.state == 'queued'
        ]
        # Nothing is reaped if a liveness update was written meanwhile.
        while active := self.store.active_incarnations():
            self.store.reap(active)
        for record in self.records:
            if record.state == 'queued':
                record.state = 'expired'
                self.free_key(record)
            elif record.state == 'running':
                record.state = 'unknown'
                # Its later results are ignored.
                self.vendor.end(record.mark, 'late')
        for key in keys:
            # The method has not run, so the key is free.
            request = self.make('later', 'POST', '')
            answer = self.send(request, Idempotency_Key=f'{self.prefix}-{key}')
            self.keys[key] = request, self.accept(answer, request)

    @stateful.precondition(lambda self: self.having('succeeded'))
    @stateful.rule()
    def purge_results(self) -> None:
        """Delete all results."""

        def purged() -> bool:
            self.store.purge_results(older_than_seconds=0.0, limit=1000)
            return all(
                self.store.result(one.id) is None for one in self.records
            )

        self.wait_for(purged, 'results are purged')
        for record in self.records:
            if record.state == 'succeeded' and record.result is not None:
                record.gone = True

    @stateful.precondition(lambda self: len(self.records) > 5)
    @stateful.rule()
    def purge(self) -> None:
        """Delete all operations that have ended."""
        final = [one for one in self.records if not one.active]

        def purged() -> bool:
            self.store.purge(older_than_seconds=0.0, limit=1000)
            return all(self.store.state(one.id) is None for one in final)

        self.wait_for(purged, 'operations are purged')
        for record in final:
            self.records.remove(record)
            self.purged.append(record)
            self.free_key(record)

    def free_key(self, record: Record) -> None:
        for key, (_, holder) in list(self.keys.items()):
            if holder is record:
                del self.keys[key]

    # Checks

    @stateful.rule(
        states=st.sets(
            st.sampled_from(
                [*_ACTIVE, 'succeeded', 'failed', 'unknown', 'expired']
            ),
            max_size=3,
        ),
        method=st.sampled_from(['', 'later', 'now', 'echo']),
        limit=st.integers(1, 4),
    )
    def list_pages(self, states: set[str], method: str, limit: int) -> None:
        """List some operations, page by page."""
        query = {'limit': str(limit), 'driver': 'controlled'}
        if states:
            query['state'] = ','.join(sorted(states))
        if method:
            query['method'] = method
        expected = {
            one.id
            for one in self.records
            if (not states or one.state in states)
            and (not method or one.method == method)
        }
        url = f'/v1/operations?{parse.urlencode(query)}'
        found: list[dict[str, Any]] = []
        while url and len(found) < len(expected):
            page = self.client.get(url).json
            assert len(page['operations']) <= limit
            found += page['operations']
            url = page.get('next', '').removeprefix(self.url)
        # Older operations belong to earlier sequences.
        mine = found[: len(expected)]
        assert {one['id'] for one in mine} == expected
        order = [(one['created_at'], one['id']) for one in found]
        assert order == sorted(order, reverse=True)

    @stateful.precondition(lambda self: self.having())
    @stateful.rule(data=st.data())
    def show_result(self, data: st.DataObject) -> None:
        """Request the result of an operation."""
        record = self.pick(data)
        answer = self.client.get(f'{self.path(record)}/result', **_PROBLEM)
        if record.active:
            assert answer.status == 202, answer.body
            assert answer.body == b''
            assert answer.headers['Location'] == self.place(record)
            assert answer.headers['Retry-After'] == '2'
        else:
            self.check_outcome(answer, record)

    @stateful.precondition(lambda self: self.purged)
    @stateful.rule(data=st.data())
    def show_purged(self, data: st.DataObject) -> None:
        """Request a purged operation."""
        record = data.draw(st.sampled_from(self.purged))
        for http_method, path in (
            ('GET', self.path(record)),
            ('DELETE', self.path(record)),
            ('GET', f'{self.path(record)}/result'),
        ):
            assert self.client.request(http_method, path).status == 404

    @stateful.invariant()
    def all_is_as_it_should_be(self) -> None:
        """Every operation has its state and number of executions."""
        expected = {one.id: one.state for one in self.records}
        states: dict[str, str] = {}
        # Operations of earlier sequences are older.
        url = f'/v1/operations?limit={len(expected) + 1}'

        def settled() -> bool:
            listed = self.client.get(url).json
            states.update(
                (one['id'], one['state']) for one in listed['operations']
            )
            return expected.items() <= states.items()

        try:
            self.wait_for(settled, 'states')
        except AssertionError:
            found = {key: states.get(key) for key in expected}
            assert found == expected, (found, expected)
        for record in (*self.records, *self.purged):
            began = record.state not in ('queued', 'cancelled', 'expired')
            self.wait_for(
                lambda record=record, began=began: (
                    self.vendor.runs[record.mark] == began
                ),
                f'{record} ran {began}',
            )

    @stateful.invariant()
    def each_is_shown_as_it_should_be(self) -> None:
        """The representations of the two newest operations."""
        for record in self.records[-2:]:
            self.wait_for(
                lambda record=record: self.is_shown(record),
                f'{record} is shown',
            )

    def is_shown(self, record: Record) -> bool:
        shown = self.client.get(self.path(record))
        assert shown.status == 200
        assert ('Retry-After' in shown.headers) == record.active
        self.check_shown(shown.json, record)
        progress = shown.json['progress']
        # A late report may be lost or stored.
        return (
            record.state == 'unknown'
            or (
                progress['percent'],
                progress['message'],
            )
            == record.progress
        )

    def check_shown(self, shown: dict[str, Any], record: Record) -> None:
        assert shown['id'] == record.id
        assert shown['state'] == record.state
        assert shown['method'] == record.method
        assert shown['cancel_requested'] == record.cancel_requested
        assert shown['parameters']['mark'] == record.mark
        assert shown['links'][0]['href'] == self.place(record)
        began = record.state not in ('queued', 'cancelled', 'expired')
        assert (shown['started_at'] is not None) == began
        assert (shown['finished_at'] is None) == record.active
        error = shown['error']
        assert (error and (error['status'], error['code'])) == record.error
        assert 'hunter2' not in str(shown)

    def check_outcome(self, answer: web.Answer, record: Record) -> None:
        """Check the response to a synchronous caller."""
        expected = {
            'unknown': (504, 'outcome_unknown'),
            'expired': (503, 'operation_expired'),
            'cancelled': (409, 'operation_cancelled'),
            'failed': record.error,
        }.get(record.state)
        if record.gone:
            expected = 410, 'result_gone'
        if expected is None:
            assert answer.status == 200, answer.body
            assert answer.json == record.result
            return
        assert answer.status == expected[0], answer.body
        if answer.headers['Content-Type'] == _PROBLEM['Accept']:
            assert answer.json['code'] == expected[1]
        assert b'hunter2' not in answer.body

    def path(self, record: Record) -> str:
        return f'/v1/operations/{record.id}'

    def place(self, record: Record) -> str:
        return self.url + self.path(record)

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + _SECONDS
        for pause in itertools.chain([0.001, 0.01], itertools.repeat(0.02)):
            if condition():
                return
            assert time.monotonic() < deadline, f'not within time: {what}'
            time.sleep(pause)

    def teardown(self) -> None:
        for record in self.records:
            if record.state == 'queued':
                self.store.cancel(record.id)
        for record in self.records:
            self.vendor.end(record.mark, None)
        self.wait_for(
            lambda: (
                not any(
                    self.store.state(one.id) in _ACTIVE for one in self.records
                )
            ),
            'everything ends',
        )


class TestOperations(base.TestCase):
    """One service for all sequences."""

    def test_any_sequence_of_requests(self) -> None:
        vendor = controlled.ControlledVendor()
        service = self.useFixture(
            embedded.Embedded(
                drivers={'controlled': vendor},
                conductor__async_workers=_WORKERS,
                conductor__driver_limit=1000,
                operations__progress_interval=0.05,
            )
        )
        database = session.Database(service.conf)
        self.addCleanup(database.close)
        machine = type(
            'BoundMachine',
            (Machine,),
            {
                'url': service.url,
                'vendor': vendor,
                'store': operations.OperationStore(database),
            },
        )
        # The log of thousands of calls needs too much memory.
        self.useFixture(fixtures.FakeLogger(level=100, nuke_handlers=True))
        stateful.run_state_machine_as_test(
            machine,
            settings=hypothesis.settings(
                max_examples=_EXAMPLES,
                stateful_step_count=_STEPS,
                deadline=None,
                # A failure must not depend on an earlier run.
                database=None,
                # Failing sequences may take long: they are not shrunk.
                phases=[hypothesis.Phase.generate],
                suppress_health_check=list(hypothesis.HealthCheck),
            ),
        )
