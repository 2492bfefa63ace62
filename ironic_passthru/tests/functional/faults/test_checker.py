# SPDX-License-Identifier: Apache-2.0
"""Each violation is found, and no false ones."""

import inspect
import pathlib

import fixtures

from ironic_passthru import operation
from ironic_passthru.tests import base
from ironic_passthru.tests.functional.faults import checker
from ironic_passthru.tests.functional.faults import driver
from ironic_passthru.tests.functional.faults import history

_SYNC, _ASYNC, _RESPOND = history.Kind


class CheckerTestCase(base.TestCase):
    """A test with artificial attempts, executions and operations."""

    def setUp(self) -> None:
        super().setUp()
        self.history = history.History()
        self.executions: list[driver.Execution] = []
        self.operations: list[checker.Operation] = []

    def attempt(
        self,
        answer: int | str | None = 200,
        kind: history.Kind = _SYNC,
        *,
        key: str = 'k',
        operation: str = '',
        **options: bool,
    ) -> None:
        """Make an attempt with a status or an exception."""
        begun = self.history.begin(key, kind, **options)
        if answer is None:
            return
        if isinstance(answer, int):
            self.history.end(begun, status=answer, operation=operation)
        else:
            self.history.end(begun, error=answer)

    def execute(self, times: int = 1, key: str = 'k') -> None:
        self.executions += [driver.Execution(key, 'c1', 1)] * times

    def record(self, state: str, name: str = 'o', key: str = 'k') -> None:
        self.operations.append(checker.Operation(name, key, state))

    def setUpAgain(self) -> None:
        self.history = history.History()
        self.executions.clear()
        self.operations.clear()

    def rules(self) -> list[str]:
        """Return the names of the violated rules."""
        found = checker.check(
            self.history.attempts(),
            executions=self.executions,
            operations=self.operations,
        )
        return [violation.rule for violation in found]


class TestSynchronous(CheckerTestCase):
    """Synchronous calls."""

    def test_how_often_each_answer_lets_a_call_run(self) -> None:
        admitted = {
            200: {1},
            400: {0},
            404: {0},
            503: {0},
            504: {0, 1},
            None: {0, 1},
            'RemoteDisconnected': {0, 1},
            'TimeoutError': {0, 1},
            'ConnectionRefusedError': {0},
        }
        for answer, counts in admitted.items():
            for count in (0, 1):
                self.setUpAgain()
                self.attempt(answer)
                self.execute(count)
                broken = 'as_answered' in self.rules()
                self.assertEqual(count not in counts, broken, (answer, count))

    def test_twice_is_once_too_often_whatever_the_answer(self) -> None:
        for answer in (200, 504, None):
            self.setUpAgain()
            self.attempt(answer)
            self.execute(2)
            self.assertEqual(['at_most_once'], self.rules())

    def test_a_method_that_fails(self) -> None:
        self.attempt(500, fails=True)
        self.assertEqual(['as_answered'], self.rules())
        self.execute()
        self.assertEqual([], self.rules())

    def test_a_method_that_fails_and_is_called_a_success(self) -> None:
        self.attempt(200, fails=True)
        self.execute()
        self.assertEqual(['fitting_answer'], self.rules())

    def test_an_error_that_was_not_raised(self) -> None:
        for answer in (202, 400, 404, 409, 500, 502):
            self.setUpAgain()
            self.attempt(answer, operation='o')
            self.record('succeeded')
            self.assertIn('fitting_answer', self.rules())

    def test_calls_are_kept_apart(self) -> None:
        self.attempt(key='a')
        self.attempt(key='b')
        self.execute(2, key='a')
        self.assertEqual(['at_most_once', 'as_answered'], self.rules())

    def test_an_execution_without_a_request(self) -> None:
        self.execute()
        self.assertEqual(['asked_for'], self.rules())

    def test_a_record_without_a_request(self) -> None:
        self.record('succeeded')
        self.assertIn('asked_for', self.rules())


class TestAsynchronous(CheckerTestCase):
    """Calls that are answered 202, and their operations."""

    def test_how_often_each_state_lets_a_call_run(self) -> None:
        admitted = {
            'succeeded': {1},
            'unknown': {0, 1},
            'expired': {0},
            'cancelled': {0},
        }
        for kind in (_ASYNC, _RESPOND):
            for state, counts in admitted.items():
                for count in (0, 1):
                    self.operations.clear()
                    self.executions.clear()
                    self.history = history.History()
                    self.attempt(202, kind, operation='o')
                    self.record(state)
                    self.execute(count)
                    expected = [] if count in counts else ['as_recorded']
                    self.assertEqual(expected, self.rules(), (state, count))

    def test_a_method_that_fails(self) -> None:
        self.attempt(202, _ASYNC, operation='o', fails=True)
        self.record('failed')
        self.assertEqual(['as_recorded'], self.rules())
        self.execute()
        self.assertEqual([], self.rules())

    def test_the_wrong_outcome(self) -> None:
        for fails, state in ((True, 'succeeded'), (False, 'failed')):
            self.operations.clear()
            self.history = history.History()
            self.executions.clear()
            self.attempt(202, _ASYNC, operation='o', fails=fails)
            self.record(state)
            self.execute()
            self.assertEqual(['true_outcome'], self.rules())

    def test_every_state_of_the_service_is_known(self) -> None:
        for state in operation.State:
            self.operations.clear()
            self.record(str(state))
            broken = 'final' in self.rules()
            self.assertEqual(state in operation.ACTIVE, broken, state)

    def test_an_operation_that_does_not_end(self) -> None:
        for state in ('queued', 'running'):
            self.operations.clear()
            self.history = history.History()
            self.attempt(202, _ASYNC, operation='o')
            self.record(state)
            self.assertEqual(['final'], self.rules())

    def test_an_answer_without_location(self) -> None:
        self.attempt(202, _ASYNC)
        self.record('succeeded')
        self.execute()
        self.assertEqual(['record_of_the_answer'], self.rules())

    def test_an_answer_without_record(self) -> None:
        for answer in (202, 504):
            self.history = history.History()
            self.attempt(answer, _ASYNC, operation='elsewhere')
            self.assertEqual(['record_of_the_answer'], self.rules())

    def test_the_record_of_another_call(self) -> None:
        self.attempt(202, _ASYNC, operation='b', key='a')
        self.attempt(504, _ASYNC, key='b')
        self.record('unknown', 'b', key='b')
        self.assertEqual(['record_of_the_answer'], self.rules())

    def test_an_execution_without_record(self) -> None:
        self.attempt(504, _ASYNC)
        self.execute()
        self.assertEqual(['as_recorded'], self.rules())

    def test_a_lost_answer_whose_call_has_run(self) -> None:
        self.attempt(504, _ASYNC)
        self.record('succeeded')
        self.execute()
        self.assertEqual([], self.rules())

    def test_a_refusal_of_what_has_run(self) -> None:
        self.attempt(503, _ASYNC)
        self.record('succeeded')
        self.execute()
        self.assertEqual(['as_answered'], self.rules())

    def test_two_records_of_one_attempt(self) -> None:
        self.attempt(202, _ASYNC, operation='o')
        self.record('succeeded')
        self.record('expired', 'other')
        self.execute()
        self.assertEqual(['one_record'], self.rules())


class TestTargets(CheckerTestCase):
    """Calls with targets: each has an item of its own."""

    def test_items(self) -> None:
        for code, counts in (
            ('', {1}),
            ('not_attempted', {0}),
            ('outcome_unknown', {0, 1}),
            (None, set()),
        ):
            items = {'a': ''} | ({} if code is None else {'b': code})
            for count in (0, 1, 2):
                self.setUpAgain()
                begun = self.history.begin(
                    'k', _RESPOND, targets=('a', 'b'), idempotent=True
                )
                self.history.end(begun, status=202, operation='o')
                self.operations = [
                    checker.Operation('o', 'k', 'succeeded', items)
                ]
                self.execute(key='k/a')
                self.execute(count, key='k/b')
                self.assertEqual(count in counts, self.rules() == [], code)
                self.history.end(begun, status=200, codes=items)
                self.operations.clear()
                self.assertNotEqual([], self.rules())

    def test_a_cancelled_method_that_would_have_failed(self) -> None:
        begun = self.history.begin('k', _ASYNC, targets=('a',), fails=True)
        self.history.end(begun, status=202, operation='o')
        self.operations = [checker.Operation('o', 'k', 'cancelled', {'a': ''})]
        self.assertEqual(['as_recorded'], self.rules())
        self.execute(key='k/a')
        self.assertEqual([], self.rules())


class TestSentAgain(CheckerTestCase):
    """Several attempts for one call."""

    def test_refusals_and_then_an_answer(self) -> None:
        self.attempt(503)
        self.attempt('ConnectionRefusedError')
        self.attempt(200)
        self.execute()
        self.assertEqual([], self.rules())

    def test_refusals_alone(self) -> None:
        self.attempt(503)
        self.attempt(503)
        self.execute()
        self.assertEqual(['as_answered'], self.rules())

    def test_a_record_for_each_attempt(self) -> None:
        self.attempt(503, _ASYNC)
        self.attempt(202, _ASYNC, operation='second')
        self.record('expired', 'first')
        self.record('succeeded', 'second')
        self.execute()
        self.assertEqual([], self.rules())

    def test_a_client_that_sends_again_what_may_have_run(self) -> None:
        for answer in (200, 504, None):
            self.history = history.History()
            self.executions.clear()
            self.attempt(answer)
            self.attempt(200)
            self.execute()
            self.assertEqual(['sent_again_for_cause'], self.rules())

    def test_with_an_idempotency_key_it_may(self) -> None:
        for answer in (504, None):
            self.history = history.History()
            self.operations.clear()
            self.executions.clear()
            self.attempt(answer, idempotent=True)
            self.attempt(409, idempotent=True)
            self.attempt(200, idempotent=True)
            self.record('succeeded')
            self.execute()
            self.assertEqual([], self.rules())
            self.execute()
            self.assertEqual(['at_most_once'], self.rules())

    def test_an_idempotency_key_belongs_to_one_record(self) -> None:
        self.attempt(None, _ASYNC, idempotent=True)
        self.attempt(202, _ASYNC, idempotent=True, operation='second')
        self.record('expired', 'first')
        self.record('succeeded', 'second')
        self.execute()
        self.assertEqual([], self.rules())
        self.record('unknown', 'third')
        self.assertEqual(['one_record'], self.rules())

    def test_a_conflict_without_idempotency_key(self) -> None:
        self.attempt(409)
        self.assertEqual(['fitting_answer'], self.rules())


class TestRules(base.TestCase):
    """The tests above and the list of rules."""

    def test_each_rule_is_seen_broken(self) -> None:
        tests = ''.join(
            inspect.getsource(case)
            for case in (TestSynchronous, TestAsynchronous, TestSentAgain)
        )
        for rule in (*checker.RULES, checker.record_of_the_answer):
            self.assertIn(f"'{rule.__name__}'", tests)


class TestHistory(base.TestCase):
    """A history is written and read."""

    def test_written_and_read(self) -> None:
        made = history.History()
        first = made.begin(made.new_key(), _ASYNC, fails=True)
        made.begin(made.new_key(), _RESPOND, idempotent=True)
        made.note('kill c1')
        made.end(first, status=202, operation='o', request_id='req-1')
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'h')
        made.write(path)
        self.assertIn('kill c1', path.read_text())
        read = history.read(path)
        self.assertEqual(made.attempts(), read)
        self.assertEqual(['202', 'no answer'], [a.outcome for a in read])
        self.assertEqual(2, len({attempt.key for attempt in read}))


class TestExecutions(base.TestCase):
    """Executions are written and read."""

    def test_appended_and_read(self) -> None:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'e')
        self.assertEqual([], driver.read(path))
        noted = [driver.Execution(f'k{n}', 'c1', n) for n in range(3)]
        for execution in noted:
            driver.append(str(path), execution)
        self.assertEqual(noted, driver.read(path))
