# SPDX-License-Identifier: Apache-2.0
"""Passwords of an inventory file in a key manager."""

import pathlib

from ironic_passthru import errors
from ironic_passthru.drivers.redfish.inventories import base as inventories
from ironic_passthru.drivers.redfish.inventories import file
from ironic_passthru.tests import file_keys
from ironic_passthru.tests.unit.drivers.redfish.inventories import test_file

ENTRIES = """
node-1: {address: bmc1, username: admin, password_secret: racks/1}
node-2: {address: bmc2, username: admin, password_secret: racks/2}
"""


class PasswordSecretsTest(test_file.InventoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.keys = self.directory / 'keys'
        (self.keys / 'racks').mkdir(parents=True)
        self.store('1', 'hunter1\n')
        self.store('2', 'hunter2')
        self.config: pathlib.Path | str = file_keys.write_config(
            self.directory
        )

    def store(self, name: str, password: str) -> None:
        (self.keys / 'racks' / name).write_text(password)

    def start(self) -> file.FileSource:
        source = file.FileSource(look_seconds=0.0)
        conf = self.make_conf(
            redfish__inventory_file=str(self.path),
            redfish__castellan_config_file=self.config and str(self.config),
            redfish__inventory_refresh=1.0,
        )
        source.start(conf)
        self.addCleanup(source.stop)
        return source

    def passwords(self, source: file.FileSource) -> list[str]:
        return [
            target.address.password for target in source.current().everything()
        ]

    def wait_for_passwords(
        self, source: file.FileSource, *expected: str
    ) -> None:
        self.wait_for(
            lambda: self.passwords(source) == list(expected), self.log.output
        )

    def test_changes_and_outages(self) -> None:
        source = self.load(ENTRIES)
        self.assertEqual(['hunter1', 'hunter2'], self.passwords(source))
        self.keys.rename(self.directory / 'away')
        warning = (
            'Passwords of targets cannot be read from the secret store: '
            'node-1: the secret store cannot be used: Connection refused'
        )
        self.wait_for(lambda: warning in self.log.output, warning)
        self.assertEqual(['hunter1', 'hunter2'], self.passwords(source))
        # New entries wait for their passwords; the old ones remain.
        more = (
            'node-3: {address: bmc3, username: me, password_secret: racks/3}'
        )
        self.path.write_text(f'{ENTRIES}{more}\n')
        self.assertEqual(['hunter1', 'hunter2'], self.passwords(source))
        (self.directory / 'away').rename(self.keys)
        self.store('2', 'changed')
        self.store('3', 'hunter3')
        self.wait_for_passwords(source, 'hunter1', 'changed', 'hunter3')
        self.assertEqual(1, self.log.output.count(warning), self.log.output)
        # It is logged after the last password has been read.
        again = 'All 3 passwords of targets are read'
        self.wait_for(lambda: again in self.log.output, again)
        for word in ('hunter', 'changed\n'):
            self.assertNotIn(
                word, self.log.output.replace('files changed', '')
            )

    def test_store_that_is_unavailable_at_the_start(self) -> None:
        self.keys.rename(self.directory / 'away')
        source = self.load(ENTRIES)
        error = self.assertRaises(errors.TemporaryFailure, source.current)
        self.assertIn('the secret store is unavailable', str(error))
        (self.directory / 'away').rename(self.keys)

        def is_known() -> bool:
            try:
                return len(source.current()) == 2
            except errors.TemporaryFailure:
                return False

        self.wait_for(is_known, 'the targets')

    def test_secrets_that_cannot_be_used(self) -> None:
        self.store('empty', '\n')
        (self.keys / 'racks' / 'binary').write_bytes(b'\xff')
        for name, reason in (
            ('racks/none', 'does not exist in the secret store'),
            ('denied', 'denies access to its secret'),
            ('racks/empty', 'is empty'),
            ('racks/binary', 'is not UTF-8 text'),
        ):
            text = ENTRIES.replace('racks/2', name)
            error = self.assertRaises(errors.ConfigError, self.load, text)
            self.assertIn(': node-2: password_secret: ', error.message)
            self.assertIn(reason, error.message)
            self.assertIn('(line 3)', error.message)
            self.assertNotIn(name, error.message)

    def test_secret_that_is_deleted(self) -> None:
        source = self.load(ENTRIES)
        (self.keys / 'racks' / '2').unlink()
        warning = 'node-2: its secret does not exist in the secret store'
        self.wait_for(lambda: warning in self.log.output, warning)
        self.assertEqual(['hunter1', 'hunter2'], self.passwords(source))

    def test_store_that_fails_for_one_secret(self) -> None:
        source = self.load(ENTRIES)
        (self.keys / 'racks' / '1').unlink()
        (self.keys / 'racks' / '1').mkdir()
        warning = 'node-1: the secret store cannot be used: Is a directory'
        self.wait_for(lambda: warning in self.log.output, warning)
        self.store('2', 'changed')
        self.wait_for_passwords(source, 'hunter1', 'changed')

    def test_options(self) -> None:
        for config, reason in (
            ('', 'node-1: password_secret needs [redfish] castellan_config'),
            (self.directory / 'none', 'Option castellan_config_file in group'),
        ):
            self.config = config
            error = self.assertRaises(errors.ConfigError, self.load, ENTRIES)
            self.assertIn(reason, error.message)

    def test_passwords_are_not_stored(self) -> None:
        source = self.load(ENTRIES)
        error = self.assertRaises(
            inventories.PasswordNotStored, source.can_store, 'node-1'
        )
        self.assertIn('is in a secret store', str(error))
