# SPDX-License-Identifier: Apache-2.0
"""The id of a call is kept for as long as its message may arrive again."""

import concurrent.futures

from ironic_passthru.conductor import deduplication
from ironic_passthru.tests import base


class TestCallDeduplication(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ids = deduplication.CallDeduplication()

    def test_the_second_time_is_noticed(self) -> None:
        self.assertTrue(self.ids.add('a', 60))
        self.assertFalse(self.ids.add('a', 60))
        self.assertTrue(self.ids.add('b', 60))
        self.assertIn('a', self.ids)
        self.assertNotIn('c', self.ids)

    def test_it_forgets_when_the_time_is_over(self) -> None:
        self.ids.add('short', 0.05)
        self.ids.add('long', 60)
        self.wait_for(lambda: self.ids.add('short', 60), 'an id is forgotten')
        self.assertFalse(self.ids.add('long', 60))

    def test_it_does_not_grow_without_bound(self) -> None:
        for number in range(1000):
            self.ids.add(str(number), 0.0)
        self.wait_for(
            lambda: self.ids.add('last', -1) and len(self.ids) == 1,
            'all the others are gone',
        )

    def test_one_that_is_kept_for_long_keeps_no_others(self) -> None:
        self.ids.add('long', 3600)
        for number in range(1000):
            self.ids.add(str(number), -1)
        self.ids.add('last', 60)
        self.assertEqual(2, len(self.ids))
        self.assertIn('long', self.ids)

    def test_of_many_threads_one_is_first(self) -> None:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for number in range(100):
                answers = pool.map(
                    lambda _, n=number: self.ids.add(f'x{n}', 60),
                    range(16),
                )
                self.assertEqual(1, sum(answers))
