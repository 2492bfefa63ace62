# SPDX-License-Identifier: Apache-2.0
"""Options from a key manager, by the castellan driver of oslo.config."""

import os
import pathlib
import threading

import fixtures
from oslo_config import cfg

from ironic_passthru import conf as project_conf
from ironic_passthru import errors
from ironic_passthru.cmd import launch
from ironic_passthru.cmd import parsing
from ironic_passthru.secret_store import store
from ironic_passthru.tests import base
from ironic_passthru.tests import file_keys

MAPPING = '[database]\nconnection = db\n[rpc]\nsigning_keys = keys\n'


class SecretOptionsTestCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.keys = self.home / 'keys'
        self.keys.mkdir()
        (self.keys / 'db').write_text('postgresql://me:hun$ter2@db/x\n')
        (self.keys / 'keys').write_text('first$1key,second')
        (self.keys / 'port').write_text('hunter2')
        self.castellan = file_keys.write_config(self.home)
        self.mapping = self.write('mapping.conf', MAPPING)

    def write(self, name: str, text: str) -> pathlib.Path:
        path = self.home / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def read(self, more: str | None = None, *arguments: str) -> cfg.ConfigOpts:
        """Read a configuration file with one source."""
        if more is None:
            more = f'config_file = {self.castellan}\n'
        path = self.write(
            'main.conf',
            '[DEFAULT]\nconfig_source = outside\n[outside]\n'
            f'driver = castellan\nmapping_file = {self.mapping}\n{more}',
        )
        conf = cfg.ConfigOpts()
        project_conf.register_opts(conf)
        parsing.parse(conf, ['--config-file', str(path), *arguments])
        launch._check_values(conf)
        return conf

    def error(self, more: str | None = None) -> str:
        """Return the error of a configuration that is not valid."""
        found = self.assertRaises(errors.ConfigError, self.read, more)
        self.assertNotIn('\n', found.message)
        self.assertNotIn('hunter2', found.message)
        return found.message


class TestValues(SecretOptionsTestCase):
    def test_literal_values(self) -> None:
        conf = self.read()
        self.assertEqual(
            'postgresql://me:hun$ter2@db/x', conf.database.connection
        )
        self.assertEqual(['first$1key', 'second'], conf.rpc.signing_keys)

    def test_order_of_sources(self) -> None:
        directory = self.home / 'conf.d'
        directory.mkdir()
        part = directory / 'part.conf'
        part.write_text('[api]\nport = 1\n')
        self.write('mapping.conf', f'{MAPPING}[api]\nthreads = n\nport = n\n')
        (self.keys / 'n').write_text('7')
        self.useFixture(
            fixtures.EnvironmentVariable('OS_DATABASE__CONNECTION', 'sqlite:')
        )
        conf = self.read(None, '--config-dir', str(directory))
        self.assertEqual('sqlite:', conf.database.connection)
        self.assertEqual(1, conf.api.port)
        self.assertEqual(7, conf.api.threads)

    def test_values_are_read_once(self) -> None:
        conf = self.read()
        self.keys.rename(self.home / 'away')
        conf.register_opt(cfg.StrOpt('late', default='default'), 'acme')
        self.assertEqual('default', conf.acme.late)
        conf.mutate_config_files()
        self.assertEqual(['first$1key', 'second'], conf.rpc.signing_keys)

    def test_options_of_libraries(self) -> None:
        self.write(
            'mapping.conf', '[acme]\nlist = keys\n[DEFAULT]\ntransport_url=db'
        )
        conf = self.read()
        conf.register_opt(cfg.MultiStrOpt('list'), 'acme')
        conf.register_opt(cfg.StrOpt('transport_url'))
        self.assertEqual(['first$1key,second'], conf.acme.list)
        self.assertIn('hun$ter2', conf.transport_url)


class TestErrors(SecretOptionsTestCase):
    def test_secrets(self) -> None:
        (self.keys / 'empty').write_text('\n')
        for identifier, reason in (
            ('none', 'its secret does not exist in the secret store'),
            ('denied', 'the secret store denies access'),
            ('empty', 'its secret is empty'),
            ('', 'the identifier of its secret is empty'),
        ):
            self.write('mapping.conf', f'[rpc]\nsigning_keys = {identifier}\n')
            line = self.error()
            self.assertIn('Option signing_keys in group [rpc] (', line)
            self.assertIn(reason, line)

    def test_unavailable_store(self) -> None:
        self.keys.rename(self.home / 'away')
        line = self.error()
        self.assertIn('Option connection in group [database] (', line)
        self.assertIn('cannot be used: Connection refused; start it', line)
        self.assertIn(str(self.castellan), line)

    def test_mapping_file(self) -> None:
        for text, reason in (
            ('[rpc]\nsigning_key = keys\n', '(options: max_message_size, '),
            ('[api]\nport = port\n', 'Option port in group [api] is not vali'),
            ('[api]\nport = port\n', 'the secret of [api] port has a wrong'),
            ('[rpc]\nsigning_keys hunter2\n', 'mapping.conf:2'),
        ):
            self.write('mapping.conf', text)
            self.assertIn(reason, self.error())
        self.mapping.unlink()
        self.assertIn(
            f"No such file or directory: '{self.mapping}'", self.error()
        )

    def test_configuration_of_castellan(self) -> None:
        for text, reason in (
            ('[key_manager]\nbackend = nosuch.X\n', 'cannot be loaded'),
            ('[key_manager]\nbackend hunter2\n', 'castellan.conf:2'),
            ('[key_manager]\nauth_type = x\n', 'auth_type'),
        ):
            self.write('castellan.conf', text)
            line = self.error()
            self.assertIn('outside', line)
            self.assertIn(reason, line)
        self.write('castellan.conf', '[vault]\nroot_token_id = hunter2\n')
        os.chmod(self.castellan, 0o644)
        self.assertIn('chmod o=', self.error())
        self.assertIn('needs config_file and mapping_file', self.error(''))


class HangingKeyManager(file_keys.FileKeyManager):
    """Never responds until ``release`` is set."""

    release = threading.Event()
    reads = 0

    def get(self, *arguments: object, **options: object) -> object:
        type(self).reads += 1
        self.release.wait(60)
        return super().get(*arguments, **options)


class TestStore(SecretOptionsTestCase):
    def setUp(self) -> None:
        super().setUp()
        HangingKeyManager.reads = 0
        HangingKeyManager.release.clear()

    def test_reads_follow_at_once(self) -> None:
        reader = store.SecretStore(str(self.castellan), option='x')
        # A thread may end after its result has been used.
        self.useFixture(
            fixtures.MonkeyPatch('threading.Thread.is_alive', lambda _: True)
        )
        for _ in range(2):
            self.assertIn('hun$ter2', reader.read('db'))

    def test_read_that_never_returns(self) -> None:
        self.addCleanup(HangingKeyManager.release.set)
        path = file_keys.write_config(
            self.home, backend=f'{__name__}.HangingKeyManager'
        )
        reader = store.SecretStore(
            str(path), option='x', read_seconds=0.1, abandon_seconds=0.0
        )
        for _ in range(2):
            self.assertRaises(store.StoreUnavailable, reader.read, 'db')
        self.assertEqual(2, HangingKeyManager.reads)

    def test_store_that_does_not_respond(self) -> None:
        self.addCleanup(HangingKeyManager.release.set)
        path = file_keys.write_config(
            self.home, backend=f'{__name__}.HangingKeyManager'
        )
        reader = store.SecretStore(str(path), option='x', read_seconds=0.1)
        for _ in range(2):
            error = self.assertRaises(
                store.StoreUnavailable, reader.read, 'db'
            )
            self.assertIn('no response in 0.1 s', str(error))
        # The second call did not start another read.
        self.assertEqual(1, HangingKeyManager.reads)
        HangingKeyManager.release.set()

        def has_recovered() -> bool:
            try:
                return 'hun$ter2' in reader.read('db')
            except store.StoreUnavailable:
                return False

        self.wait_for(has_recovered, 'a read')
