# SPDX-License-Identifier: Apache-2.0
"""Tests of the time limits of one connection."""

from ironic_passthru import wsgi_server
from ironic_passthru.httpd import timeouts
from ironic_passthru.tests import base


class TestConnectionTimeouts(base.TestCase):
    """10 seconds without progress at most, 25 for a request."""

    def setUp(self) -> None:
        super().setUp()
        self.now = 1000.0
        self.limits = timeouts.ConnectionTimeouts(
            10, 25, clock=lambda: self.now
        )

    def test_idle_time_is_limited(self) -> None:
        self.limits.start_request()
        self.assertEqual(10, self.limits.receive_timeout())
        self.now += 5
        self.assertEqual(10, self.limits.receive_timeout())
        self.now += 5
        self.assertEqual(10, self.limits.error().limit_seconds)

    def test_request_time_is_limited(self) -> None:
        self.limits.start_request()
        self.now += 18
        self.assertEqual(7, self.limits.receive_timeout())
        self.limits.start_request()
        self.assertEqual(7, self.limits.receive_timeout(), 'started already')
        self.assertFalse(self.limits.is_expired)
        self.now += 7
        self.assertTrue(self.limits.is_expired)
        error = self.assertRaises(
            wsgi_server.ClientTooSlow, self.limits.receive_timeout
        )
        self.assertEqual(25, error.limit_seconds)

    def test_each_request_has_its_own_limit(self) -> None:
        self.limits.start_request()
        self.now += 24
        self.limits.finish_request()
        self.now += 24
        self.assertFalse(self.limits.is_expired)
        self.limits.start_request()
        self.assertEqual(10, self.limits.receive_timeout())

    def test_slow_receiver(self) -> None:
        self.limits.start_request()
        # A byte every five seconds.
        seconds = 0
        while seconds < 1000:
            try:
                self.assertGreater(self.limits.send_timeout(), 0)
            except wsgi_server.ClientTooSlow:
                break
            seconds += 5
            self.limits.add_sent(1, seconds=5.0)
        self.assertEqual(15, seconds)

    def test_long_response(self) -> None:
        self.limits.start_request()
        for _ in range(100):
            self.assertEqual(10, self.limits.send_timeout())
            self.limits.add_sent(64 * 1024, seconds=2.0)

    def test_earlier_responses_do_not_count(self) -> None:
        self.limits.start_request()
        self.limits.add_sent(1 << 30, seconds=1.0)
        self.limits.finish_request()
        self.limits.start_request()
        self.limits.add_sent(1, seconds=12.0)
        self.assertRaises(wsgi_server.ClientTooSlow, self.limits.send_timeout)
