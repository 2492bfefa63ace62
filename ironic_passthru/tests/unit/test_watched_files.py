# SPDX-License-Identifier: Apache-2.0
"""Tests of the loading and reloading of watched files."""

import logging
import os
import pathlib
import threading
from collections.abc import Callable
from typing import Any

import fixtures

from ironic_passthru import errors
from ironic_passthru import watched_files
from ironic_passthru.tests import base


class WatchedFilesCase(base.TestCase):
    """A watched file that contains a number, and a clock."""

    def setUp(self) -> None:
        super().setUp()
        self.path = (
            pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'n'
        )
        self.path.write_text('1')
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.seconds = 1000.0
        self.loads = 0
        self.during: Callable[[], Any] = bool

    def load(self, reader: watched_files.Reader, previous: int | None) -> int:
        self.loads += 1
        try:
            text = reader.read(self.path)
        except watched_files.Unusable as error:
            raise errors.ConfigError(f'{self.path}: {error}') from None
        self.during()
        if text == b'break':
            raise RecursionError('do not show this')
        return int(text) + 100 * (previous is None)

    def make(self) -> watched_files.WatchedFiles[int]:
        return watched_files.WatchedFiles(
            self.load,
            what='numbers',
            describe=lambda number: f'the number is {number}',
            clock=lambda: self.seconds,
        )

    def replace_by_fifo(self) -> None:
        self.path.unlink()
        os.mkfifo(self.path)

    def lines(self, seconds: float, made: Any) -> list[str]:
        """Check every half second; return the new log records."""
        start = len(self.log.output)
        for _ in range(int(seconds * 2)):
            self.seconds += 0.5
            made.current()
        return self.log.output[start:].splitlines()


class TestCheck(WatchedFilesCase):
    """Checks for changes."""

    def test_the_first_load(self) -> None:
        self.assertEqual(101, self.make().current())
        self.path.unlink()
        error = self.assertRaises(errors.ConfigError, self.make)
        self.assertIn('No such file', error.message)

    def test_at_most_one_a_second(self) -> None:
        made = self.make()
        self.path.write_text('20')
        self.seconds += 0.9
        self.assertEqual(101, made.current())
        self.seconds += 0.1
        self.assertEqual(20, made.current())
        self.path.write_text('300')
        self.assertEqual(20, made.current())
        self.assertIn('changed: the number is 20', self.log.output)

    def test_unchanged_files_are_not_read(self) -> None:
        made = self.make()
        self.assertEqual([], self.lines(600, made))
        self.assertEqual(1, self.loads)

    def test_content_that_changes_while_it_is_read(self) -> None:
        # Such as a file that is truncated and then written.
        made = self.make()
        self.path.write_text('20')
        self.during = lambda: self.path.write_text('300')
        self.seconds += 1
        self.assertEqual(101, made.current())
        self.during = bool
        self.seconds += 1
        self.assertEqual(300, made.current())

    def test_one_thread_checks_while_others_continue(self) -> None:
        made = self.make()
        looking, go_on = threading.Event(), threading.Event()

        def wait() -> None:
            looking.set()
            self.assertTrue(go_on.wait(10))

        self.during = wait
        self.path.write_text('20')
        self.seconds += 1
        thread = threading.Thread(target=made.current)
        thread.start()
        self.assertTrue(looking.wait(10))
        self.assertEqual(101, made.current())
        go_on.set()
        thread.join(10)
        self.assertEqual(20, made.current())
        self.assertEqual(2, self.loads)


class TestFailure(WatchedFilesCase):
    """Invalid files do not replace the content."""

    def test_error_repeats_until_files_are_valid(self) -> None:
        made = self.make()
        data = self.path.read_bytes()
        for spoil, reason in (
            (self.path.unlink, 'No such file'),
            (lambda: self.path.write_text(''), 'the file is empty'),
            (lambda: self.path.write_text('break'), 'RecursionError'),
            (self.replace_by_fifo, 'the file is not a regular file'),
        ):
            spoil()
            lines = self.lines(301, made)
            self.assertEqual(6, len(lines), lines)
            for line in lines:
                self.assertIn(reason, line)
                self.assertIn('; the last valid numbers remain', line)
                self.assertNotIn('show', line)
            self.assertEqual(101, made.current())
        self.path.unlink()
        self.path.write_bytes(data)
        (line,) = self.lines(301, made)
        self.assertEqual(
            'Watched files are valid again: the number is 1', line
        )
        self.assertEqual(1, made.current())

    def test_a_new_reason_is_logged_at_once(self) -> None:
        made = self.make()
        self.path.unlink()
        self.assertEqual(1, len(self.lines(10, made)))
        self.path.mkdir()
        (line,) = self.lines(10, made)
        self.assertIn('Is a directory', line)

    def test_error_without_a_changed_stamp_is_retried(self) -> None:
        made = self.make()

        def fail() -> None:
            raise errors.ConfigError('Too many open files')

        self.during = fail
        self.path.write_text('20')
        self.assertEqual(1, len(self.lines(10, made)))
        self.during = bool
        (line,) = self.lines(60, made)
        self.assertIn('valid again', line)
        self.assertEqual(20, made.current())
