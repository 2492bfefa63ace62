# SPDX-License-Identifier: Apache-2.0
"""A conductor looks alive only while it is, and never by accident."""

import threading
from collections.abc import Callable

import fixtures

from ironic_passthru import errors
from ironic_passthru.conductor import heartbeat
from ironic_passthru.tests import base


class TestHeartbeat(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.hears = True
        self.asked = 0
        self.beats = 0
        self.lost = 0
        self.on_beat: Callable[[], bool] = lambda: True

    def begin(
        self, lost: Callable[[], None] | None = None
    ) -> heartbeat.Heartbeat:
        self.heartbeat = heartbeat.Heartbeat(
            0.005,
            listens=self.listens,
            beat=self.beat,
            lost=lost or self.when_lost,
        )
        self.addCleanup(self.heartbeat.stop)
        self.heartbeat.start()
        return self.heartbeat

    def listens(self) -> bool:
        self.asked += 1
        return self.hears

    def beat(self) -> bool:
        self.beats += 1
        return self.on_beat()

    def when_lost(self) -> None:
        self.lost += 1

    def test_each_round_is_a_sign_of_life_whatever_comes_of_it(self) -> None:
        signs: list[int] = []
        rounds = iter([True, False, True, True])

        def listens() -> bool:
            return next(rounds, True)

        def beat() -> bool:
            if len(signs) == 2:
                raise errors.RegistryUnavailable()
            if len(signs) == 3:
                raise RuntimeError('a bug')
            return True

        beating = heartbeat.Heartbeat(
            0.001,
            listens=listens,
            beat=beat,
            lost=self.when_lost,
            alive=lambda: signs.append(1),
        )
        self.addCleanup(beating.stop)
        beating.start()
        self.wait_for(lambda: len(signs) > 4, 'it goes on')

    def test_one_that_is_stuck_gives_no_sign_of_life(self) -> None:
        stuck, signs = threading.Event(), []

        def beat() -> bool:
            stuck.set()
            self.released.wait(30)
            return True

        self.released = threading.Event()
        beating = heartbeat.Heartbeat(
            0.001,
            listens=lambda: True,
            beat=beat,
            lost=self.when_lost,
            alive=lambda: signs.append(1),
        )
        self.addCleanup(beating.stop)
        self.addCleanup(self.released.set)
        beating.start()
        self.assertTrue(stuck.wait(10))
        self.assertEqual([], signs)

    def test_it_beats_until_it_is_stopped(self) -> None:
        beating = self.begin()
        self.wait_for(lambda: self.beats >= 3, 'it beats')
        beating.stop()
        beats = self.beats
        self.assertFalse(beating._thread.is_alive())
        self.assertEqual(beats, self.beats)
        self.assertEqual(0, self.lost)

    def test_no_beat_while_the_bus_is_not_heard(self) -> None:
        self.hears = False
        self.begin()
        self.wait_for(lambda: self.asked >= 3, 'it tries')
        self.assertEqual(0, self.beats)
        self.hears = True
        self.wait_for(lambda: self.beats, 'it beats again')

    def test_a_registry_that_is_away_comes_back(self) -> None:
        def away() -> bool:
            if self.beats < 3:
                raise errors.RegistryUnavailable()
            return True

        log = self.useFixture(fixtures.FakeLogger(level=0))
        self.on_beat = away
        self.begin()
        self.wait_for(lambda: self.beats > 4, 'it goes on')
        self.assertIn('The registry is away', log.output)
        self.assertNotIn('Traceback', log.output)

    def test_what_nobody_expected_does_not_end_it(self) -> None:
        def fail() -> bool:
            if self.beats < 3:
                raise RuntimeError('what was that?')
            return True

        self.on_beat = fail
        self.begin()
        self.wait_for(lambda: self.beats > 4, 'it goes on')

    def test_it_tells_once_that_the_name_is_lost(self) -> None:
        self.on_beat = lambda: False
        beating = self.begin()
        self.wait_for(lambda: not beating._thread.is_alive(), 'it ends')
        self.assertEqual((1, 1), (self.beats, self.lost))
        beating.stop()

    def test_it_can_be_stopped_from_within(self) -> None:
        stopped = threading.Event()

        def stop() -> None:
            self.heartbeat.stop()
            stopped.set()

        self.on_beat = lambda: False
        beating = self.begin(lost=stop)
        self.assertTrue(stopped.wait(10), 'it waited for itself')
        beating.stop()
        self.assertEqual(1, self.beats)

    def test_no_beat_after_a_stop_during_the_question(self) -> None:
        entered, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        def ask() -> bool:
            entered.set()
            return go_on.wait(10)

        beating = heartbeat.Heartbeat(
            0.005, listens=ask, beat=self.beat, lost=self.when_lost
        )
        beating.start()
        self.assertTrue(entered.wait(10))
        stopping = threading.Thread(target=beating.stop)
        stopping.start()
        self.wait_for(beating._stopped.is_set, 'the stop has begun')
        self.assertTrue(stopping.is_alive(), 'a beat could still follow')
        go_on.set()
        stopping.join(10)
        self.assertFalse(stopping.is_alive())
        self.assertEqual(0, self.beats)

    def test_none_while_accepted_calls_lack_threads(self) -> None:
        able = threading.Event()
        tries: list[bool] = []
        beating = heartbeat.Heartbeat(
            0.005,
            listens=self.listens,
            able=lambda: tries.append(True) or able.is_set(),
            beat=self.beat,
            lost=self.when_lost,
        )
        self.addCleanup(beating.stop)
        beating.start()
        self.wait_for(lambda: len(tries) > 3, 'it tries')
        self.assertEqual(0, self.beats)
        able.set()
        self.wait_for(lambda: self.beats > 2, 'it beats again')

    def test_an_error_of_the_watchdog_does_not_end_it(self) -> None:
        def alive() -> None:
            raise MemoryError

        beating = heartbeat.Heartbeat(
            0.005,
            listens=self.listens,
            beat=self.beat,
            lost=self.when_lost,
            alive=alive,
        )
        self.addCleanup(beating.stop)
        beating.start()
        self.wait_for(lambda: self.beats > 2, 'it goes on')

    def test_one_that_never_began_can_be_stopped(self) -> None:
        heartbeat.Heartbeat(
            1, listens=self.listens, beat=self.beat, lost=self.when_lost
        ).stop()
