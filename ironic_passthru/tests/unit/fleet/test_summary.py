# SPDX-License-Identifier: Apache-2.0
"""Results of calls over many targets."""

from ironic_passthru.drivers.redfish import failures
from ironic_passthru.fleet import summary
from ironic_passthru.tests import base

ITEMS = {
    'a': {'reachable': True},
    'b': failures.TIMEOUT.item(),
    'c': failures.NOT_ATTEMPTED.item(),
}


class SummaryTest(base.TestCase):
    def test_numbers(self) -> None:
        self.assertEqual(
            {
                'items': ITEMS,
                'summary': {
                    'total': 3,
                    'succeeded': 1,
                    'failed': 1,
                    'not_attempted': 1,
                },
            },
            summary.of(ITEMS),
        )

    def test_require_all(self) -> None:
        self.assertEqual(
            1,
            summary.of({'a': {}}, require_all=True)['summary']['succeeded'],
        )
        error = self.assertRaises(
            summary.TargetsFailed, summary.of, ITEMS, require_all=True
        )
        self.assertEqual(
            '2 of 3 targets did not succeed (1 timeout, 1 not_attempted): '
            'b, c',
            error.message,
        )
        self.assertEqual(ITEMS, error.partial_result['items'])

    def test_all_failed(self) -> None:
        items = {f'n{n}': failures.TIMEOUT.item() for n in range(7)}
        error = self.assertRaises(summary.TargetsFailed, summary.of, items)
        self.assertEqual(
            '7 of 7 targets did not succeed (7 timeout): n0, n1, n2, n3, n4 '
            'and 2 more',
            error.message,
        )
