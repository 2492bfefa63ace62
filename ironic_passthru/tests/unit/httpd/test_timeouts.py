# SPDX-License-Identifier: Apache-2.0
"""Tests of the time limits of one connection."""

from ironic_passthru.httpd import timeouts
from ironic_passthru.tests import base


class TestPatience(base.TestCase):
    """Pauses of 10 seconds at most, requests of 25."""

    def setUp(self) -> None:
        super().setUp()
        self.now = 1000.0
        self.limits = timeouts.ConnectionTimeouts(10, 25, now=lambda: self.now)

    def test_each_pause_is_limited(self) -> None:
        self.limits.begin()
        self.assertEqual(10, self.limits.to_receive())
        self.now += 5
        self.assertEqual(10, self.limits.to_receive())

    def test_so_is_the_whole(self) -> None:
        self.limits.begin()
        self.now += 18
        self.assertEqual(7, self.limits.to_receive())
        self.limits.begin()
        self.assertEqual(7, self.limits.to_receive(), 'it had begun')
        self.assertFalse(self.limits.over)
        self.now += 7
        self.assertTrue(self.limits.over)
        error = self.assertRaises(
            timeouts.ClientTooSlow, self.limits.to_receive
        )
        self.assertEqual(25, error.limit_seconds)

    def test_each_request_has_its_own(self) -> None:
        self.limits.begin()
        self.now += 24
        self.limits.end()
        self.now += 24
        self.assertFalse(self.limits.over)
        self.limits.begin()
        self.assertEqual(10, self.limits.to_receive())

    def test_the_limit_that_is_met_is_told(self) -> None:
        self.limits.begin()
        self.now += 10
        self.assertEqual(10, self.limits.too_slow().limit_seconds)

    def test_an_answer_must_be_taken_at_some_speed(self) -> None:
        self.limits.begin()
        # A byte every five seconds.
        seconds = 0
        while seconds < 1000:
            try:
                self.assertGreater(self.limits.to_send(), 0)
            except timeouts.ClientTooSlow:
                break
            seconds += 5
            self.limits.sent(1, seconds=5.0)
        self.assertEqual(15, seconds)

    def test_a_long_answer_may_take_long(self) -> None:
        self.limits.begin()
        for _ in range(100):
            self.assertEqual(10, self.limits.to_send())
            self.limits.sent(64 * 1024, seconds=2.0)

    def test_what_was_taken_before_does_not_count(self) -> None:
        self.limits.begin()
        self.limits.sent(1 << 30, seconds=1.0)
        self.limits.end()
        self.limits.begin()
        self.limits.sent(1, seconds=12.0)
        self.assertRaises(timeouts.ClientTooSlow, self.limits.to_send)
