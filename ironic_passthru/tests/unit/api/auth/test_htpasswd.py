# SPDX-License-Identifier: Apache-2.0
"""Tests of the user file."""

import os
import pathlib
import threading

import fixtures

from ironic_passthru import errors
from ironic_passthru import watched_files
from ironic_passthru.api.auth import htpasswd
from ironic_passthru.tests import base

# Of no password; the digest does not matter here.
HASH = '$2y$05$' + 'a' * 21 + 'u' + 'b' * 31
OTHER = '$2b$12$' + 'c' * 21 + '.' + 'd' * 31


class TestParse(base.TestCase):
    """Parsing of lines."""

    def test_users(self) -> None:
        data = (
            f'# who may call\n\nalice:{HASH}\r\n'
            f'bob:{OTHER}\n  zoë:{HASH.replace("y", "a")}  '
        )
        self.assertEqual(
            {'alice': HASH, 'bob': OTHER, 'zoë': HASH.replace('y', 'a')},
            htpasswd.parse(data.encode()),
        )

    def test_no_users(self) -> None:
        self.assertEqual({}, htpasswd.parse(b'\n# no user\n'))

    def refuse(self, line: bytes, *words: str) -> None:
        """Fail unless the second line is rejected without being shown."""
        data = f'eve:{HASH}\n'.encode() + line
        error = self.assertRaises(watched_files.Unusable, htpasswd.parse, data)
        for word in ('line 2', *words):
            self.assertIn(word, str(error))
        for part in line.split(b':')[1:]:
            if len(part) > 1:
                self.assertNotIn(part.decode('latin-1'), str(error))

    def test_hashes_that_are_quickly_tried_out(self) -> None:
        for digest in (
            '$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/',
            '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=',
            '$1$salt$qJH7.N4xYta3aEG/dfqo/0',
            '$6$rounds=5000$salt$hash',
            'rqXexS6ZhobKA',
            'hunter2',
            HASH.replace('$2y$', '$2x$'),
            HASH[:-1],
            HASH + 'b',
            HASH + ':b',
            # Unused bits that are set.
            '$2b$12$' + 'c' * 22 + 'd' * 31,
        ):
            self.refuse(f'bob:{digest}'.encode(), 'bcrypt')

    def test_high_costs(self) -> None:
        for cost in ('03', '18', '31', '00'):
            digest = HASH.replace('$05$', f'${cost}$')
            self.refuse(f'bob:{digest}'.encode(), f'cost {cost}')

    def test_lines_that_are_none(self) -> None:
        self.refuse(b'bob', 'bcrypt')
        self.refuse(b'bob:', 'bcrypt')
        self.refuse(f':{HASH}'.encode(), 'name')
        self.refuse(f'{"x" * 256}:{HASH}'.encode(), 'name')
        self.refuse(f'a\x01b:{HASH}'.encode(), 'name')
        self.refuse(b'\xff:' + HASH.encode(), 'UTF-8')
        self.refuse(f'eve:{OTHER}'.encode(), 'repeats')


class TestUserFile(base.TestCase):
    """Loading and reloading of the file."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = self.directory / 'htpasswd'
        self.log = self.useFixture(fixtures.FakeLogger())

    def write(self, *users: str, digest: str = HASH) -> None:
        """Replace the file."""
        new = self.directory / 'new'
        lines = [f'{user}:{digest}\n' for user in users]
        new.write_text(''.join(['# users\n', *lines]))
        new.chmod(0o640)
        new.replace(self.path)

    def make(self, *users: str) -> htpasswd.UserFile:
        """Return a file with these users."""
        self.write(*users)
        return htpasswd.UserFile(str(self.path), look_seconds=0.0)

    def refuse(self, *words: str) -> None:
        """Fail unless the file prevents the start, with one message."""
        error = self.assertRaises(
            errors.ConfigError, htpasswd.UserFile, str(self.path)
        )
        expected = (str(self.path), 'http_basic_auth_user_file', '[DEFAULT]')
        for word in (*expected, *words):
            self.assertIn(word, error.message)
        self.assertNotIn(HASH, error.message)
        self.assertNotIn('\n', error.message)

    def test_a_file_that_cannot_be_used(self) -> None:
        self.refuse('No such file')
        self.path.mkdir(mode=0o700)
        self.refuse('directory')
        self.path.rmdir()
        self.write()
        self.refuse('no user')
        self.path.write_text('\n')
        self.refuse('empty')
        self.write('alice', 'bob', digest='$apr1$x$y')
        self.refuse('line 2')
        for mode in (0o604, 0o602, 0o644):
            self.write('alice')
            self.path.chmod(mode)
            self.refuse('every user', 'chmod')

    def test_the_same_users_while_it_does_not_change(self) -> None:
        file = self.make('alice')
        self.assertIs(file.users(), file.users())

    def test_changes_are_seen(self) -> None:
        file = self.make('alice')
        for users in (['alice', 'bob'], ['bob'], ['eve'], []):
            self.write(*users)
            self.assertEqual(users, list(file.users()))
        # In place, with the same size and time.
        self.write('alice')
        before = self.path.stat()
        self.assertEqual(['alice'], list(file.users()))
        self.path.write_text(f'# users\nclara:{HASH}\n')
        os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertEqual(['clara'], list(file.users()))
        self.assertNotIn('remain', self.log.output)

    def spoil(self, file: htpasswd.UserFile, *words: str) -> None:
        """Fail unless the users stay, and one error states the reason."""
        said = len(self.log.output)
        for _ in range(3):
            self.assertEqual(['alice'], list(file.users()))
        lines = self.log.output[said:].splitlines()
        self.assertEqual(1, len(lines), lines)
        for word in ('users remain in force', str(self.path), *words):
            self.assertIn(word, lines[0])

    def test_a_file_that_is_spoilt_leaves_the_users_in_force(self) -> None:
        file = self.make('alice')
        self.write('bob', 'alice', digest=HASH[:20])
        self.spoil(file, 'line 2')
        self.path.unlink()
        self.spoil(file, 'No such file')
        # Another program truncates the file, and has not written it yet.
        self.path.touch(mode=0o600)
        self.spoil(file, 'empty')
        self.path.unlink()
        self.path.mkdir(mode=0o700)
        self.spoil(file, 'directory')
        self.path.rmdir()
        self.write('bob')
        self.path.chmod(0o644)
        self.spoil(file, 'every user')
        # A mode alone is a change, too.
        self.path.chmod(0o640)
        self.assertEqual(['bob'], list(file.users()))
        self.assertIn('valid again', self.log.output)

    def test_threads_see_one_or_the_other(self) -> None:
        file = self.make('alice', 'bob')
        seen = set()
        over = threading.Event()

        def look() -> None:
            while not over.is_set():
                seen.add(tuple(file.users()))

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(50):
            self.write('clara', 'dan')
            self.write('alice', 'bob')
        over.set()
        for thread in threads:
            thread.join()
        self.assertLessEqual(seen, {('alice', 'bob'), ('clara', 'dan')})
        self.assertEqual(['alice', 'bob'], list(file.users()))
