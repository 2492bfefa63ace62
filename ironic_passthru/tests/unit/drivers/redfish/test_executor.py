# SPDX-License-Identifier: Apache-2.0
"""Work on many targets: one item each, within the time of the call."""

import threading

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import executor
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.tests import base
from ironic_passthru.tests import shortage

ADDRESS = bmc_target.Address('https://bmc.example.com', 'user', 'password')


def _targets(count: int) -> list[bmc_target.Target]:
    return [bmc_target.Target(f'node{n}', ADDRESS) for n in range(count)]


class FleetTest(base.TestCase):
    def fleet(self, concurrency: int = 4, seconds: float = 10.0):
        made = executor.FleetExecutor(
            concurrency=concurrency, call_timeout_seconds=seconds
        )
        self.addCleanup(made.close)
        return made

    def test_items_in_the_order_of_targets(self) -> None:
        items = self.fleet().run(
            lambda target, deadline: {'name': target.name}, _targets(9)
        )
        self.assertEqual(
            {f'node{n}': {'name': f'node{n}'} for n in range(9)}, items
        )
        self.assertEqual(sorted(items), list(items))

    def test_no_targets(self) -> None:
        self.assertEqual({}, self.fleet().run(lambda *_: {}, []))

    def test_a_failure_is_its_targets_own(self) -> None:
        def work(target, deadline):
            if target.name == 'node1':
                raise failures.Cut()
            return {}

        items = self.fleet().run(work, _targets(3))
        self.assertEqual(
            'connection_lost', items.pop('node1')['error']['code']
        )
        self.assertEqual({'node0': {}, 'node2': {}}, items)

    def test_work_that_is_late(self) -> None:
        over = threading.Event()
        self.addCleanup(over.set)
        begun = []

        def work(target, deadline):
            begun.append(target.name)
            over.wait(30)
            return {}

        items = self.fleet(concurrency=1, seconds=0.1).run(
            work, _targets(2), late=failures.OUTCOME_UNKNOWN
        )
        codes = [item['error']['code'] for item in items.values()]
        self.assertEqual(['outcome_unknown', 'not_attempted'], codes)
        self.assertIsNone(items['node1']['reachable'])
        self.assertEqual(['node0'], begun)

    def test_threads_are_shared_and_end(self) -> None:
        made = self.fleet(concurrency=2)
        threads = set()

        def work(target, deadline):
            threads.add(threading.current_thread())
            return {}

        for _ in range(5):
            made.run(work, _targets(5))
        self.assertLessEqual(len(threads), 2)
        made.close()
        self.wait_for(
            lambda: not any(thread.is_alive() for thread in threads),
            'end of the threads',
        )

    def test_nothing_is_started_before_the_first_call(self) -> None:
        before = threading.active_count()
        self.fleet().close()
        self.assertEqual(before, threading.active_count())

    def test_the_threads_that_there_are_do_all_work(self) -> None:
        made = self.fleet(concurrency=4)
        made.run(lambda target, deadline: {}, _targets(1))
        with shortage.ThreadShortage():
            items = made.run(lambda target, deadline: {}, _targets(8))
        self.assertEqual([{}] * 8, list(items.values()))

    def test_a_call_without_any_thread_is_not_in_the_way_of_others(
        self,
    ) -> None:
        made = self.fleet(concurrency=4)
        begun: list[str] = []

        def work(target, deadline):
            begun.append(target.name)
            return {}

        with shortage.ThreadShortage():
            self.assertRaises(RuntimeError, made.run, work, _targets(2))
        self.assertEqual([], begun)
        self.assertEqual(2, len(made.run(work, _targets(2))))
