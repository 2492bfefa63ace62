# SPDX-License-Identifier: Apache-2.0
"""Retries of replies whose queues are missing."""

import logging
import threading
import time

import fixtures

from ironic_passthru.rpc import reply_retry
from ironic_passthru.tests import base
from ironic_passthru.tests import shortage


class TestRetrier(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=logging.INFO, nuke_handlers=True)
        )
        self.retrier = reply_retry.ReplyRetrier(capacity=3)
        self.addCleanup(self.retrier.stop)
        self.lock = threading.Lock()
        self.existing: set[str] = set()
        self.sent: list[str] = []
        self.abandoned: list[str] = []
        self.tries = 0

    def add(self, queue: str, text: str, seconds: float = 60.0) -> None:
        def send() -> bool:
            self.tries += 1
            if queue in self.existing:
                self.sent.append(text)
            return queue in self.existing

        self.retrier.add(
            reply_retry.Reply(
                queue=queue,
                send=send,
                abandon=lambda: self.abandoned.append(text),
                deadline=time.monotonic() + seconds,
            )
        )

    def test_a_refused_thread_is_started_with_the_next_reply(self) -> None:
        self.existing.add('a')
        with shortage.ThreadShortage():
            self.assertRaises(RuntimeError, self.add, 'a', 'first')
            self.retrier.stop()
        self.add('a', 'second')
        self.retrier.stop()
        self.assertEqual(['first', 'second'], self.sent)

    def test_sent_in_order_once_the_queue_exists(self) -> None:
        self.add('q', 'first')
        self.add('q', 'second')
        self.add('other', 'third')
        self.wait_for(lambda: self.tries >= 4, 'attempts')
        self.assertEqual([], self.sent)
        self.existing.add('q')
        self.wait_for(lambda: len(self.sent) == 2, 'both')
        self.assertEqual(['first', 'second'], self.sent)
        self.existing.add('other')
        self.retrier.stop()
        self.assertEqual('third', self.sent[-1])
        self.assertEqual([], self.abandoned)

    def test_abandoned_at_the_deadline(self) -> None:
        self.add('q', 'late', seconds=-1.0)
        self.add('q', 'later', seconds=-1.0)
        self.wait_for(lambda: len(self.abandoned) == 2, 'both are abandoned')
        self.assertEqual(0, self.tries)
        # Further replies fit again.
        self.existing.add('q')
        for text in 'abc':
            self.add('q', text)
        self.wait_for(lambda: len(self.sent) == 3, 'three')

    def test_replies_beyond_the_capacity_are_dropped(self) -> None:
        for number in range(5):
            self.add(f'q{number}', str(number))
        lines = self.log.output.splitlines()
        self.assertEqual(2, len(lines), lines)
        self.assertIn('3 replies are pending', lines[0])
        self.existing.update(f'q{number}' for number in range(5))
        self.retrier.stop()
        self.assertEqual(['0', '1', '2'], sorted(self.sent))

    def test_the_thread_survives_a_failed_reply(self) -> None:
        def fail() -> bool:
            raise ValueError('no')

        self.retrier.add(
            reply_retry.Reply(
                queue='q',
                send=fail,
                abandon=self.fail,
                deadline=time.monotonic() + 60.0,
            )
        )
        self.existing.add('q')
        self.add('q', 'next')
        self.wait_for(lambda: self.sent == ['next'], 'the next one')
        self.assertIn('Cannot send a reply to queue q', self.log.output)
