# SPDX-License-Identifier: Apache-2.0
"""One driver, or one target, does not take a whole pool."""

import threading

from ironic_passthru.conductor import limits
from ironic_passthru.tests import base


class LimitsTest(base.TestCase):
    def test_driver(self) -> None:
        counted = limits.Limits(2, 9)
        self.assertTrue(counted.acquire('a', ()))
        self.assertTrue(counted.acquire('a', ()))
        self.assertFalse(counted.acquire('a', ()))
        self.assertTrue(counted.acquire('b', ()))
        counted.release('a', ())
        self.assertTrue(counted.acquire('a', ()))

    def test_no_limit_of_drivers(self) -> None:
        counted = limits.Limits(None, 1)
        for _ in range(1000):
            self.assertTrue(counted.acquire('a', ()))
        self.assertTrue(counted.acquire('a', ['x']))
        self.assertFalse(counted.acquire('a', ['x']))

    def test_target(self) -> None:
        counted = limits.Limits(None, 2)
        self.assertTrue(counted.acquire('a', {'x', 'y'}))
        self.assertTrue(counted.acquire('a', {'y', 'z'}))
        self.assertFalse(counted.acquire('a', {'y'}))
        self.assertTrue(counted.acquire('b', {'y'}))
        self.assertTrue(counted.acquire('a', {'x'}))
        counted.release('a', {'x', 'y'})
        self.assertTrue(counted.acquire('a', {'y'}))

    def test_all_or_nothing(self) -> None:
        counted = limits.Limits(3, 1)
        self.assertTrue(counted.acquire('a', ['busy']))
        for _ in range(5):
            self.assertFalse(counted.acquire('a', ['x', 'busy', 'y']))
        self.assertTrue(counted.acquire('a', ['x']))
        self.assertTrue(counted.acquire('a', ['y']))
        self.assertFalse(counted.acquire('a', ['z']))
        counted.release('a', ['x'])
        self.assertTrue(counted.acquire('a', ['z']))

    def test_a_target_named_twice_counts_once(self) -> None:
        counted = limits.Limits(None, 1)
        self.assertTrue(counted.acquire('a', ['x', 'x']))
        counted.release('a', ['x', 'x'])
        self.assertEqual(0, len(counted))

    def test_a_target_called_as_its_driver(self) -> None:
        counted = limits.Limits(2, 1)
        self.assertTrue(counted.acquire('a', ['a']))
        self.assertTrue(counted.acquire('a', ()))

    def test_nothing_is_remembered_of_the_past(self) -> None:
        counted = limits.Limits(1, 1)
        for number in range(1000):
            name = str(number)
            self.assertTrue(counted.acquire(name, [name]))
            self.assertFalse(counted.acquire(name, [f'other {name}']))
            self.assertTrue(counted.acquire('other', [name, 'x']))
            counted.release('other', [name, 'x'])
            counted.release(name, [name])
        self.assertEqual(0, len(counted))

    def test_released_without_need(self) -> None:
        counted = limits.Limits(9, 9)
        counted.acquire('a', ['x'])
        for driver, targets in (('b', ()), ('a', ['y']), ('b', ['x'])):
            self.assertRaises(ValueError, counted.release, driver, targets)
        self.assertEqual(2, len(counted))
        counted.release('a', ['x'])
        self.assertRaises(ValueError, counted.release, 'a', ['x'])
        self.assertEqual(0, len(counted))

    def test_threads(self) -> None:
        counted = limits.Limits(3, 2)
        highest = [0]
        running = [0]
        lock = threading.Lock()

        def work() -> None:
            for _ in range(500):
                if not counted.acquire('a', ['x']):
                    continue
                with lock:
                    running[0] += 1
                    highest[0] = max(highest[0], running[0])
                with lock:
                    running[0] -= 1
                counted.release('a', ['x'])

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            self.assertFalse(thread.is_alive())
        self.assertLessEqual(highest[0], 2)
        self.assertEqual(0, len(counted))


class DefaultTest(base.TestCase):
    def test_a_single_driver_has_the_whole_pool(self) -> None:
        for drivers in (0, 1):
            self.assertEqual(64, limits.default_driver_limit(64, drivers))

    def test_several_drivers_leave_a_quarter_to_others(self) -> None:
        for pool, limit in ((1, 1), (2, 2), (3, 3), (4, 3), (64, 48), (5, 4)):
            self.assertEqual(limit, limits.default_driver_limit(pool, 2))
