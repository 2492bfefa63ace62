# SPDX-License-Identifier: Apache-2.0
"""Storing of a changed password in the inventory file's password files."""

import contextlib
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator

from ironic_passthru.drivers.redfish.inventories import base
from ironic_passthru.drivers.redfish.inventories import file
from ironic_passthru.tests.unit.drivers.redfish.inventories import test_file

_NOBODY = 65534

# It replaces a file with long passwords until it is killed.
_WRITER = """
import pathlib, sys
from ironic_passthru.drivers.redfish.inventories import password_files
path = pathlib.Path(sys.argv[1])
while True:
    for letter in 'ab':
        password_files.replace(path, letter * 100_000)
    print('stored', flush=True)
"""


class StorageTest(test_file.InventoryTestCase):
    def password(self, source: file.FileSource, name: str = 'node-2') -> str:
        target = source.current().target(name)
        return target.address.password

    def refusal(self, source: file.FileSource, name: str = 'node-2') -> str:
        """Return why neither call stores a password."""
        reasons = {
            str(
                self.assertRaises(
                    base.PasswordNotStored, function, name, *arguments
                )
            )
            for function, arguments in (
                (source.can_store, ()),
                (source.store_password, ('new',)),
            )
        }
        (reason,) = reasons
        self.assertNotIn(str(self.directory), reason)
        return reason

    def test_stored_with_the_same_mode_and_used_at_once(self) -> None:
        self.path.write_text(test_file.GOOD)
        source = file.FileSource(look_seconds=3600.0)
        source.start(self.make_conf(redfish__inventory_file=str(self.path)))
        self.secret.chmod(0o640)
        for password in ('a: "b" # ü', 'ends\r', 'x' * 5000):
            source.can_store('node-2')
            source.store_password('node-2', password)
            self.assertEqual(password, self.password(source))
        status = self.secret.stat()
        self.assertEqual(0o640, stat.S_IMODE(status.st_mode))
        self.assertEqual(['node-2'], os.listdir(self.secret.parent))

    def test_a_link_stays_a_link(self) -> None:
        real = self.directory / 'real'
        self.secret.rename(real)
        self.secret.symlink_to(real)
        source = self.load(test_file.GOOD)
        source.store_password('node-2', 'new')
        self.assertTrue(self.secret.is_symlink())
        self.assertEqual('new\n', real.read_text())

    def test_an_inline_password(self) -> None:
        source = self.load(test_file.GOOD)
        self.assertIn('contains its password', self.refusal(source, 'node-1'))
        self.assertEqual('hunter2', self.password(source, 'node-1'))

    def test_a_file_of_several_bmcs(self) -> None:
        entry = (
            '{address: %s, username: a, password_file: secrets/node-2, '
            'system_id: %s}'
        )
        same = (
            f'node-2: {entry % ("bmc2", "a")}\nnode-3: {entry % ("bmc2", "b")}'
        )
        self.load(same).can_store('node-2')
        source = self.load(f'{same}\nnode-4: {entry % ("bmc4", "c")}')
        self.assertIn('also belongs to targets', self.refusal(source))

    def test_files_that_cannot_be_replaced(self) -> None:
        source = self.load(test_file.GOOD)
        self.secret.parent.chmod(0o500)
        self.addCleanup(self.secret.parent.chmod, 0o700)
        with self.without_privileges():
            self.assertIn('is not writable', self.refusal(source))
        self.secret.unlink()
        self.assertIn('No such file', self.refusal(source))

    def test_a_file_of_another_user(self) -> None:
        if os.geteuid() != 0:
            self.assertRaises(PermissionError, os.chown, self.secret, 0, 0)
            return
        source = self.load(test_file.GOOD)
        with self.without_privileges():
            os.seteuid(0)
            os.chown(self.secret, 0, os.getegid())
            os.seteuid(_NOBODY)
            self.assertIn('is not owned', self.refusal(source))

    @contextlib.contextmanager
    def without_privileges(self) -> Iterator[None]:
        """Act as the owner of the files; root has all permissions."""
        if os.geteuid() != 0:
            yield
            return
        for path in (self.directory, *self.directory.rglob('*')):
            os.chown(path, _NOBODY, os.getegid())
        os.seteuid(_NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    def test_a_kill_leaves_a_complete_file(self) -> None:
        complete = {f'{letter * 100_000}\n' for letter in 'ab'}
        for delay_seconds in (0.01, 0.03, 0.05):
            with subprocess.Popen(
                [sys.executable, '-c', _WRITER, str(self.secret)],
                stdout=subprocess.PIPE,
                text=True,
            ) as writer:
                self.addCleanup(writer.kill)
                assert writer.stdout is not None
                self.assertEqual('stored\n', writer.stdout.readline())
                # The kill hits the writer at any point of a replacement.
                time.sleep(delay_seconds)
                self.assertIn(self.secret.read_text(), complete)
                writer.kill()
            self.assertIn(self.secret.read_text(), complete)
