# SPDX-License-Identifier: Apache-2.0
"""One driver, or one target, does not occupy a whole pool."""

import threading

from ironic_passthru.conductor import limits
from ironic_passthru.metrics import observer
from ironic_passthru.tests import base


def make(
    driver_limit: int, target_limit: int, size: int = 9999
) -> limits.Limits:
    return limits.Limits(
        size, driver_limit=driver_limit, target_limit=target_limit
    )


class LimitsTest(base.TestCase):
    def test_driver(self) -> None:
        counts = make(2, 9)
        self.assertTrue(counts.acquire('a', ()))
        self.assertTrue(counts.acquire('a', ()))
        self.assertFalse(counts.acquire('a', ()))
        self.assertTrue(counts.acquire('b', ()))
        counts.release('a', ())
        self.assertTrue(counts.acquire('a', ()))

    def test_usage(self) -> None:
        counts = make(9999, 2, size=5)
        counts.acquire('a', {'x', 'y'})
        counts.acquire('a', {'y'})
        # Another target of the same name.
        counts.acquire('b', {'y'})
        usage = observer.PoolUsage(size=5, calls=3, targets_at_limit=1)
        self.assertEqual(usage, counts.usage())

    def test_size(self) -> None:
        counts = make(9, 9, size=2)
        self.assertTrue(counts.acquire('a', ()))
        self.assertTrue(counts.acquire('b', ['x']))
        self.assertFalse(counts.acquire('c', ()))
        counts.release('b', ['x'])
        self.assertTrue(counts.acquire('c', ()))

    def test_target(self) -> None:
        counts = make(9999, 2)
        self.assertTrue(counts.acquire('a', {'x', 'y'}))
        self.assertTrue(counts.acquire('a', {'y', 'z'}))
        self.assertFalse(counts.acquire('a', {'y'}))
        self.assertTrue(counts.acquire('b', {'y'}))
        self.assertTrue(counts.acquire('a', {'x'}))
        counts.release('a', {'x', 'y'})
        self.assertTrue(counts.acquire('a', {'y'}))

    def test_all_or_nothing(self) -> None:
        counts = make(3, 1)
        self.assertTrue(counts.acquire('a', ['busy']))
        for _ in range(5):
            self.assertFalse(counts.acquire('a', ['x', 'busy', 'y']))
        self.assertTrue(counts.acquire('a', ['x']))
        self.assertTrue(counts.acquire('a', ['y']))
        self.assertFalse(counts.acquire('a', ['z']))
        counts.release('a', ['x'])
        self.assertTrue(counts.acquire('a', ['z']))

    def test_a_target_named_twice_counts_once(self) -> None:
        counts = make(9999, 1)
        self.assertTrue(counts.acquire('a', ['x', 'x']))
        counts.release('a', ['x', 'x'])
        self.assertEqual(0, len(counts))

    def test_a_target_called_as_its_driver(self) -> None:
        counts = make(2, 1)
        self.assertTrue(counts.acquire('a', ['a']))
        self.assertTrue(counts.acquire('a', ()))

    def test_nothing_is_remembered_of_the_past(self) -> None:
        counts = make(1, 1)
        for number in range(1000):
            name = str(number)
            self.assertTrue(counts.acquire(name, [name]))
            self.assertFalse(counts.acquire(name, [f'other {name}']))
            self.assertTrue(counts.acquire('other', [name, 'x']))
            counts.release('other', [name, 'x'])
            counts.release(name, [name])
        self.assertEqual(0, len(counts))

    def test_released_without_need(self) -> None:
        counts = make(9, 9)
        counts.acquire('a', ['x'])
        for driver, targets in (('b', ()), ('a', ['y']), ('b', ['x'])):
            self.assertRaises(ValueError, counts.release, driver, targets)
        self.assertEqual(2, len(counts))
        counts.release('a', ['x'])
        self.assertRaises(ValueError, counts.release, 'a', ['x'])
        self.assertEqual(0, len(counts))

    def test_threads(self) -> None:
        counts = make(3, 2)
        highest = [0]
        running = [0]
        lock = threading.Lock()

        def work() -> None:
            for _ in range(500):
                if not counts.acquire('a', ['x']):
                    continue
                with lock:
                    running[0] += 1
                    highest[0] = max(highest[0], running[0])
                with lock:
                    running[0] -= 1
                counts.release('a', ['x'])

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            self.assertFalse(thread.is_alive())
        self.assertLessEqual(highest[0], 2)
        self.assertEqual(0, len(counts))


class DefaultTest(base.TestCase):
    def test_a_single_driver_has_the_whole_pool(self) -> None:
        for drivers in (0, 1):
            self.assertEqual(64, limits.default_driver_limit(64, drivers))

    def test_several_drivers_leave_a_quarter_to_others(self) -> None:
        for pool, limit in ((1, 1), (2, 2), (3, 3), (4, 3), (64, 48), (5, 4)):
            self.assertEqual(limit, limits.default_driver_limit(pool, 2))
