# SPDX-License-Identifier: Apache-2.0
"""Tests of results of calls that several conductors ran in parts."""

from typing import Any

from ironic_passthru import operation
from ironic_passthru.fleet import merging
from ironic_passthru.tests import base

State = operation.State
BUSY = operation.Error('busy', 503, 'conductor_busy')
LOST = operation.Error('no reply', 504, 'outcome_unknown')
INVALID = operation.Error('no such state', 400, 'invalid_parameter_value')
OK = {'reachable': True}


def whole(*names: str) -> merging.Outcome:
    return part(*names, result={'items': dict.fromkeys(names, OK)})


def part(
    *names: str, state: State = State.SUCCEEDED, **values: Any
) -> merging.Outcome:
    return merging.Outcome(names, state, **values)


NOT_RUN = part('n', state=State.EXPIRED, error=BUSY)
UNKNOWN = part('u', state=State.UNKNOWN, error=LOST)
REJECTED = part('r', state=State.FAILED, error=INVALID)


class MergedTest(base.TestCase):
    def codes(self, *outcomes: merging.Outcome, **options: Any) -> Any:
        """Return the state, and the codes of items by name."""
        found = merging.merged(outcomes, **options)
        items = (found.result or {'items': {}})['items'].items()
        return found.state, {
            name: item.get('error', {}).get('code') for name, item in items
        }

    def test_items(self) -> None:
        found = merging.merged([whole('b', 'a'), whole('c')])
        self.assertEqual(State.SUCCEEDED, found.state)
        self.assertEqual(['b', 'a', 'c'], list(found.result['items']))
        self.assertEqual(3, found.result['summary']['succeeded'])

    def test_parts_without_items(self) -> None:
        codes = {
            'a': None,
            'n': 'not_attempted',
            'u': 'outcome_unknown',
            'r': 'invalid_parameter_value',
        }
        outcomes = whole('a'), NOT_RUN, UNKNOWN, REJECTED
        self.assertEqual((State.SUCCEEDED, codes), self.codes(*outcomes))
        self.assertEqual(
            (State.FAILED, codes), self.codes(*outcomes, require_all=True)
        )

    def test_all_in_the_same_way(self) -> None:
        for outcomes, state, error in (
            ([NOT_RUN, NOT_RUN], State.EXPIRED, BUSY),
            ([NOT_RUN, UNKNOWN], State.UNKNOWN, None),
            ([REJECTED, REJECTED], State.FAILED, INVALID),
        ):
            found = merging.merged(outcomes)
            self.assertEqual(
                (state, error, None), (found.state, found.error, found.result)
            )

    def test_none_succeeded(self) -> None:
        failed = part(
            'f',
            state=State.FAILED,
            error=operation.Error('1 of 1', 502, 'targets_failed'),
            result={'items': {'f': {'error': {'code': 'timeout'}}}},
        )
        for others in ([NOT_RUN], [UNKNOWN], [REJECTED]):
            state, codes = self.codes(failed, *others)
            self.assertEqual(State.FAILED, state)
            self.assertEqual('timeout', codes['f'])
        state, codes = self.codes(NOT_RUN, REJECTED)
        self.assertEqual((State.FAILED, 2), (state, len(codes)))

    def test_cancelled(self) -> None:
        cancelled = part('c', state=State.CANCELLED, error=BUSY)
        self.assertEqual(
            (State.CANCELLED, {'a': None, 'c': 'conductor_busy'}),
            self.codes(whole('a'), cancelled),
        )

    def test_unusable_results(self) -> None:
        for result in (
            None,
            [],
            {'items': ['a']},
            {'items': {'a': 1, 'other': OK}},
        ):
            self.assertEqual(
                (State.SUCCEEDED, {'a': 'no_item', 'b': None}),
                self.codes(part('a', result=result), whole('b')),
            )
