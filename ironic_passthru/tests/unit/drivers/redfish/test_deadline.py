# SPDX-License-Identifier: Apache-2.0
"""The end of a call shuts down its connections."""

import gc
import socket
import threading
import weakref

from ironic_passthru.drivers.redfish import deadline
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.tests import base


class DeadlineTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.mine, self.other = socket.socketpair()
        self.mine.settimeout(10)
        self.addCleanup(self.mine.close)
        self.addCleanup(self.other.close)
        self.deadline = deadline.Deadline(10)

    def test_who_reads_is_woken_up(self) -> None:
        self.deadline.cut_at_end(self.mine)
        got = []
        reader = threading.Thread(
            target=lambda: got.append(self.mine.recv(1)), daemon=True
        )
        reader.start()
        self.deadline.end()
        reader.join(10)
        self.assertEqual([b''], got)

    def test_a_connection_that_is_made_too_late(self) -> None:
        self.deadline.end()
        self.deadline.cut_at_end(self.mine)
        self.assertEqual(b'', self.mine.recv(1))

    def test_closed_connections_are_none_of_its_business(self) -> None:
        self.deadline.cut_at_end(self.mine)
        self.mine.close()
        self.deadline.end()

    def test_connections_are_not_kept(self) -> None:
        mine = socket.socket()
        self.deadline.cut_at_end(mine)
        gone = weakref.ref(mine)
        mine.close()
        del mine
        gc.collect()
        self.assertIsNone(gone())

    def test_time(self) -> None:
        self.assertGreater(self.deadline.left_seconds(), 9)
        self.assertEqual(0.0, deadline.Deadline(0).left_seconds())

    def test_no_change_begins_after_the_end(self) -> None:
        late = deadline.Deadline(10)
        late.end()
        self.assertRaises(failures.NoAnswer, late.begin_change)
        self.assertFalse(late.has_changes)
        self.deadline.begin_change()
        self.deadline.end()
        self.assertRaises(
            failures.ChangeOutcomeUnknown, self.deadline.begin_change
        )
