# SPDX-License-Identifier: Apache-2.0
"""Test cases of split operations and of published targets."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import split_operations as updates
from ironic_passthru.db import models
from ironic_passthru.db import split_operations
from ironic_passthru.fleet import target_list
from ironic_passthru.tests.unit.db import cases
from ironic_passthru.tests.unit.db import operation_cases

State = operation.State
FAILURE = operation_cases.FAILURE


def result(*names: str) -> str:
    items = ', '.join(f'"{name}": {{"reachable": true}}' for name in names)
    return f'{{"items": {{{items}}}, "summary": {{}}}}'


class SplitCases(operation_cases.OperationCase):
    """Operations with parts."""

    def setUp(self) -> None:
        super().setUp()
        self.updates = updates.SplitOperations(self.operations)

    def add_split(
        self, *parts: Sequence[str], seconds: float = 60.0, **values: Any
    ) -> str:
        """Record an operation with parts ``p0``, ``p1`` and so on."""
        new = self.new(
            id='whole', conductor='', incarnation='', targets=('t',), **values
        )
        self.operations.split.add(
            new,
            [
                split_operations.NewPart(f'p{number}', names)
                for number, names in enumerate(parts)
            ],
            expected_seconds=seconds,
        )
        return new.id

    def start_part(self, part: str) -> None:
        self.record(id=part)
        self.assertTrue(self.move_part(part, State.QUEUED, State.RUNNING))

    def move_part(
        self, id_: str, source: State, target: State, **values: Any
    ) -> bool:
        change = operation.Transition(id_, source, target, **values)
        return self.writer.apply([change]) == [True]

    def succeed_part(self, part: str, *names: str) -> None:
        self.start_part(part)
        self.move_part(
            part, State.RUNNING, State.SUCCEEDED, result=result(*names)
        )

    def whole(self) -> operation.Operation:
        self.updates.update()
        return self.get('whole')

    def test_split_progress_and_result(self) -> None:
        self.add_split(['a', 'b', 'c'], ['d'])
        self.assertEqual(State.RUNNING, self.get('whole').state)
        self.assertEqual(0.0, self.whole().progress.percent)
        self.succeed_part('p0', 'a', 'b', 'c')
        self.start_part('p1')
        self.operations.report_progress(
            'run1', {'p1': operation.Progress(percent=50, message='half')}
        )
        progress = self.whole().progress
        self.assertEqual(87.5, progress.percent)
        self.assertEqual(
            '1 of 2 parts finished; host1: half', progress.message
        )
        self.move_part(
            'p1', State.RUNNING, State.SUCCEEDED, result=result('d')
        )
        self.assertEqual(State.SUCCEEDED, self.whole().state)
        self.assertIn(
            '"summary": {"total": 4, "succeeded": 4,',
            self.operations.result('whole') or '',
        )

    def test_split_parts_without_an_outcome(self) -> None:
        self.add_split(['a'], ['b'], ['c'], ['d'], seconds=-1.0)
        self.succeed_part('p0', 'a')
        self.operations.split.refuse(
            'p1', operation.Error('busy', 503, 'conductor_busy')
        )
        # Certainly not run although a client would see no error of it.
        self.record(id='p2')
        self.move_part('p2', State.QUEUED, State.EXPIRED)
        self.assertEqual(State.SUCCEEDED, self.whole().state)
        text = self.operations.result('whole') or ''
        for name, code in (
            ('b', 'not_attempted'),
            ('c', 'not_attempted'),
            ('d', 'outcome_unknown'),
        ):
            self.assertIn(
                f'"{name}": {{"reachable": null, "error": {{"code": "{code}"',
                text,
            )

    def test_split_none_ran(self) -> None:
        key = operation.Key('k' * 64, 'f' * 64)
        self.add_split(['a'], ['b'], key=key)
        for part in ('p0', 'p1'):
            self.assertEqual(State.RUNNING, self.whole().state)
            self.operations.split.refuse(
                part, operation.Error('busy', 503, 'conductor_busy')
            )
        self.assertEqual(State.EXPIRED, self.whole().state)
        self.assertIsNone(self.operations.find_key(key.digest))

    def test_split_unknown(self) -> None:
        self.add_split(['a'], ['b'], seconds=-1.0)
        self.assertEqual(State.UNKNOWN, self.whole().state)

    def test_split_failed(self) -> None:
        self.add_split(['a'], ['b'], parameters={'require_all': True})
        self.succeed_part('p0', 'a')
        self.start_part('p1')
        self.move_part('p1', State.RUNNING, State.FAILED, error=FAILURE)
        found = self.whole()
        self.assertEqual(State.FAILED, found.state)
        self.assertEqual('targets_failed', found.error and found.error.code)
        self.assertIn('"a": {"reachable": true}', self.split_result())

    def split_result(self) -> str:
        return self.operations.result('whole') or ''

    def test_split_cancel(self) -> None:
        self.add_split(['a'], ['b'], ['c'])
        self.start_part('p0')
        self.record(id='p1')
        self.assertTrue(self.operations.cancel('whole'))
        self.assertTrue(self.get('p0').cancel_requested)
        self.assertEqual(State.CANCELLED, self.get('p1').state)
        # Recorded after the request.
        self.start_part('p2')
        self.assertEqual(State.RUNNING, self.whole().state)
        self.assertTrue(self.get('p2').cancel_requested)
        self.move_part(
            'p0', State.RUNNING, State.SUCCEEDED, result=result('a')
        )
        self.move_part(
            'p2', State.RUNNING, State.CANCELLED, result=result('c')
        )
        self.assertEqual(State.CANCELLED, self.whole().state)
        self.assertIn('"a": {"reachable": true}', self.split_result())
        self.assertIn('"b": {"reachable": null', self.split_result())
        self.assertFalse(self.operations.cancel('whole'))

    def test_split_cancelled_parts_without_items(self) -> None:
        self.add_split(['a'], ['b'])
        self.record(id='p0')
        self.start_part('p1')
        self.operations.cancel('whole')
        self.move_part('p1', State.RUNNING, State.CANCELLED)
        self.assertEqual(State.CANCELLED, self.whole().state)
        for name, code in (('a', 'not_attempted'), ('b', 'outcome_unknown')):
            self.assertIn(
                f'"{name}": {{"reachable": null, "error": {{"code": "{code}"',
                self.split_result(),
            )

    def test_split_of_a_conductor_that_is_lost(self) -> None:
        self.store.register('host1', 'run1', group='', drivers={})
        self.add_split(['a'], ['b'])
        self.start_part('p0')
        self.store.register('host1', 'run2', group='', drivers={})
        lost = self.operations.active_incarnations()
        self.assertEqual(['run1'], [each.incarnation for each in lost])
        self.operations.reap(lost)
        self.assertEqual(State.RUNNING, self.whole().state)
        self.succeed_part('p1', 'b')
        self.assertEqual(State.SUCCEEDED, self.whole().state)
        self.assertIn('"code": "outcome_unknown"', self.split_result())

    def test_split_lists(self) -> None:
        self.add_split(['a'], ['b'])
        self.record(id='p0')
        self.record(id='other')

        def ids(**filters: Any) -> set[str]:
            return {
                found.id for found in self.operations.page(limit=9, **filters)
            }

        self.assertEqual({'whole', 'other'}, ids())
        self.assertEqual({'p0'}, ids(part_of='whole'))

    def test_split_added_twice(self) -> None:
        self.add_split(['a'])
        # The acknowledgement of the first attempt was lost.
        self.add_split(['a'])
        self.operations.split.remove('whole')
        self.record(id='whole')
        self.assertRaises(errors.DuplicateCall, self.add_split, ['a'])

    def test_split_key_of_another_call(self) -> None:
        key = operation.Key('k' * 64, 'f' * 64)
        self.record(key=key)
        self.assertRaises(errors.KeyInUse, self.add_split, ['a'], key=key)

    def test_split_one_that_cannot_be_updated_delays_no_other(self) -> None:
        self.add_split(['a'])
        self.succeed_part('p0', 'a')
        self.operations.split.add(
            self.new(id='another', conductor='', incarnation=''),
            [split_operations.NewPart('broken', ['a'])],
            expected_seconds=60.0,
        )
        self.start_part('broken')
        self.move_part(
            'broken', State.RUNNING, State.SUCCEEDED, result='no JSON'
        )
        self.assertEqual(State.SUCCEEDED, self.whole().state)
        self.assertEqual(State.RUNNING, self.get('another').state)


class TargetListCases(cases.RegistryCase):
    """Published targets of conductors."""

    ONE = target_list.TargetList({'n1': frozenset({'web'})})
    TWO = target_list.TargetList({'n1': frozenset(), 'n2': frozenset()})

    def register_targets(
        self, run: str, **targets: target_list.TargetList
    ) -> None:
        self.store.register(
            'host1',
            run,
            group='',
            drivers={name: cases.ONE for name in ('d', 'e')},
            targets=targets,
        )

    def test_targets_publication(self) -> None:
        lists = self.store.target_lists
        self.register_targets('run1', d=self.ONE, e=self.ONE)
        one, two = self.ONE.digest, self.TWO.digest
        self.assertEqual(
            {('host1', 'd'): one, ('host1', 'e'): one}, lists.digests()
        )
        lists.publish('host1', 'run1', {'d': self.TWO})
        self.assertEqual({('host1', 'd'): two}, lists.digests())
        self.assertEqual({two: self.TWO.document}, lists.documents([one, two]))
        # An earlier run must not overwrite what a later one published.
        self.register_targets('run2', d=self.ONE)
        lists.publish('host1', 'run1', {'d': self.TWO})
        self.assertEqual({('host1', 'd'): one}, lists.digests())
        self.register_targets('run3')
        self.assertEqual({}, lists.digests())

    def test_targets_of_an_earlier_run(self) -> None:
        self.register_targets('run1', d=self.ONE)
        self.register_targets('run2', d=self.ONE)
        lists = self.store.target_lists
        self.assertEqual({('host1', 'd'): self.ONE.digest}, lists.digests())
        # A release that does not know the table starts instead.
        run3 = sa.update(models.conductors).values(incarnation='run3')
        with self.database.writer() as writer:
            writer.execute(run3)
        self.assertEqual({}, lists.digests())

    def test_targets_too_large(self) -> None:
        many = target_list.TargetList(
            {f'{number:0250}': frozenset() for number in range(9000)}
        )
        error = self.assertRaises(
            errors.ConfigError, self.register_targets, 'run1', d=many
        )
        self.assertIn("of the targets of driver 'd' take", error.message)


ALL_CASES = (SplitCases, TargetListCases)
