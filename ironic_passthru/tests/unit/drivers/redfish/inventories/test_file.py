# SPDX-License-Identifier: Apache-2.0
"""The inventory file: its contents and errors."""

import logging
import os
import pathlib
import re

import fixtures
import trustme
from testtools import matchers

import ironic_passthru
from ironic_passthru import errors
from ironic_passthru.drivers.redfish.inventories import entry
from ironic_passthru.drivers.redfish.inventories import file
from ironic_passthru.tests import base

SAMPLE = (
    pathlib.Path(ironic_passthru.__file__).parents[1]
    / 'etc'
    / 'ironic_passthru'
    / 'redfish-inventory.yaml.sample'
)

GOOD = """
node-1:
  address: https://bmc1.example.com
  username: admin
  password: hunter2
  tags: [rack1, web]
node-2:
  address: http://[2001:db8::2]:8000/
  username: admin
  password_file: secrets/node-2
  system_id: '437'
  tags: [rack1]
node-3:
  address: https://bmc3.example.com:8443
  username: admin
  password: hunter3
  verify: false
"""

ENTRY = """
node-1:
  address: https://bmc1.example.com
  username: admin
"""


class InventoryTestCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=logging.INFO, nuke_handlers=False)
        )
        # Files with passwords that others can read are refused.
        self.addCleanup(os.umask, os.umask(0o077))
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = self.directory / 'inventory.yaml'
        (self.directory / 'secrets').mkdir()
        self.secret = self.directory / 'secrets' / 'node-2'
        self.secret.write_text('sesame\n')

    def load(self, text: str) -> file.FileSource:
        self.path.write_text(text)
        return self.start()

    def start(self) -> file.FileSource:
        source = file.FileSource(look_seconds=0.0)
        source.start(self.make_conf(redfish__inventory_file=str(self.path)))
        return source

    def write_ca(self, name: str) -> pathlib.Path:
        path = self.directory / name
        trustme.CA().cert_pem.write_to_path(path)
        return path


class GoodFileTest(InventoryTestCase):
    """Targets have the fields of their entries."""

    def test_entries(self) -> None:
        one, two, three = self.load(GOOD).current().everything()
        self.assertEqual('node-1', one.name)
        self.assertEqual('https://bmc1.example.com', one.address.url)
        self.assertEqual('admin', one.address.username)
        self.assertEqual('hunter2', one.address.password)
        self.assertTrue(one.address.verify)
        self.assertEqual({'rack1', 'web'}, one.tags)
        self.assertEqual('http://[2001:db8::2]:8000', two.address.url)
        self.assertEqual('sesame', two.address.password)
        self.assertEqual('437', two.system_id)
        self.assertFalse(three.address.verify)
        self.assertEqual('https://bmc3.example.com:8443', three.address.url)

    def test_https_unless_http_is_written(self) -> None:
        for address, url in (
            ('bmc1', 'https://bmc1'),
            ('bmc1:8443', 'https://bmc1:8443'),
            ('192.0.2.1:443/', 'https://192.0.2.1:443'),
            ('[2001:db8::1]', 'https://[2001:db8::1]'),
            ('http://bmc1', 'http://bmc1'),
        ):
            login = 'username: a, password: b'
            source = self.load(f"node-1: {{address: '{address}', {login}}}")
            (target,) = source.current().everything()
            self.assertEqual(url, target.address.url)
            self.assertEqual(url.startswith('https'), target.address.encrypted)
            self.assertTrue(target.address.verify)

    def test_exposed_targets_are_warned_of_at_each_load(self) -> None:
        source = self.load(GOOD)
        for count in (1, 2):
            for _ in range(3):
                self.assertEqual(3, len(source.current()))
            lines = self.log.output.splitlines()
            for warning in (
                'Target node-2 of driver redfish has no TLS',
                'Certificate of target node-3 of driver redfish is not',
            ):
                found = [line for line in lines if line.startswith(warning)]
                self.assertEqual(count, len(found), lines)
            self.assertNotIn('Target node-1', self.log.output)
            self.path.write_text(f'# again\n{GOOD}')

    def test_ca_is_relative_to_the_file(self) -> None:
        ca = self.write_ca('ca.pem')
        source = self.load(ENTRY + '  password: x\n  ca: ca.pem\n')
        (target,) = source.current().everything()
        self.assertEqual(ca, target.address.ca)

    def test_tls_and_login(self) -> None:
        keys = (
            'password: x\n  tls_minimum: %s\n  ciphers: HIGH\n  login: basic'
        )
        for written, version, is_weak in (
            ('1.0', '1.0', True),
            ("'1.1'", '1.1', True),
            ('1.2', '1.2', False),
        ):
            source = self.load(f'{ENTRY}  {keys % written}\n')
            (target,) = source.current().everything()
            self.assertEqual(version, target.address.tls_minimum)
            self.assertEqual('HIGH', target.address.ciphers)
            self.assertEqual('basic', target.address.login)
            warning = f'Target node-1 of driver redfish allows TLS {version}'
            self.assertEqual(is_weak, warning in self.log.output)

    def test_nothing_in_the_file(self) -> None:
        for text in ('# nothing yet\n', '{}'):
            self.assertEqual(0, len(self.load(text).current()))

    def test_the_sample(self) -> None:
        sample = SAMPLE.read_text(encoding='utf-8')
        self.assertEqual(0, len(self.load(sample).current()))
        for name in ('rack1-node2', 'enclosure', 'rack0-node1', 'lab'):
            (self.directory / 'secrets' / name).write_text('x')
        self.write_ca('example-ca.pem')
        # Lines of an example have no space behind their mark, or several.
        examples = re.sub(r'^#(?! \S)', '', sample, flags=re.MULTILINE)
        # A key manager has tests of its own.
        examples = examples.replace(
            'password_secret: bmc/rack1-node3', 'password_file: secrets/lab'
        )
        self.assertEqual(7, len(self.load(examples).current()))

    def test_a_target_hides_its_login(self) -> None:
        shown = repr(self.load(GOOD).current().everything())
        for secret in ('admin', 'hunter', 'sesame', 'bmc1', '2001'):
            self.assertNotIn(secret, shown)


class PrivacyTest(InventoryTestCase):
    """A file with passwords is kept from others."""

    def test_refused_at_start(self) -> None:
        self.path.write_text(ENTRY + '  password: hunter2\n')
        for mode in (0o644, 0o602):
            self.path.chmod(mode)
            error = self.assertRaises(errors.ConfigError, self.start)
            self.assertIn(
                f'[redfish] inventory_file: {self.path} contains credentials',
                error.message,
            )
        self.path.chmod(0o640)
        self.start()

    def test_a_password_file(self) -> None:
        text = ENTRY + '  password_file: secrets/node-2\n'
        self.path.write_text(text)
        # This one holds no password itself.
        self.path.chmod(0o644)
        self.start()
        self.secret.chmod(0o644)
        error = self.assertRaises(errors.ConfigError, self.start)
        self.assertIn(
            f'{self.path}: node-1: password_file: {self.secret} contains',
            error.message,
        )

    def test_what_becomes_open_later(self) -> None:
        source = self.load(ENTRY + '  password: hunter2\n')
        self.path.chmod(0o644)
        for _ in range(3):
            self.assertEqual(1, len(source.current()))
        self.assertEqual(1, self.log.output.count('contains credentials'))
        self.assertIn(
            'the last valid targets remain in force', self.log.output
        )
        self.path.chmod(0o600)
        self.assertEqual(1, len(source.current()))
        self.assertIn('has 1 targets', self.log.output)


class FaultTest(InventoryTestCase):
    """A fault is one line that names file and entry, and no secret."""

    def fault(self, text: str) -> str:
        error = self.assertRaises(errors.ConfigError, self.load, text)
        prefix = f'[redfish] inventory_file {self.path}: '
        self.assertThat(error.message, matchers.StartsWith(prefix))
        self.assertNotIn('\n', error.message)
        self.assertNotIn('hunter2', error.message)
        return error.message.removeprefix(prefix)

    def test_entries(self) -> None:
        address = 'node-1: {username: a, password: hunter2, address: %s}'
        no_host = 'must be a host, https://host or http://host'
        needed = (
            'node-1: needs one of password, password_file and password_secret'
        )
        keys = (
            'address, username, password, password_file, password_secret, ca, '
            'verify, tls_minimum, ciphers, login, system_id, tags'
        )
        for text, expected in (
            ('node-1: {}', 'node-1: address: Field required (and 1 more)'),
            ('[hunter2]', 'Input should be a valid dictionary'),
            ('hunter2', 'Input should be a valid dictionary'),
            (
                'node-1: hunter2',
                'node-1: Input should be a valid dictionary or instance of '
                'Entry',
            ),
            (
                ENTRY + '  password: 12345',
                'node-1: password: Input should be a valid string',
            ),
            (ENTRY, needed),
            (
                ENTRY + '  password: hunter2\n  password_file: f',
                needed,
            ),
            (
                ENTRY + '  password: hunter2\n  hunter2: x',
                f'node-1: contains a key other than {keys}',
            ),
            (
                ENTRY + '  password: hunter2\n  ca: x\n  verify: false',
                'node-1: has both ca and verify: false',
            ),
            (
                address % 'http://x, ca: y',
                'node-1: has ca but no https address',
            ),
            (address % 'ftp://bmc1', f'node-1: address: {no_host}'),
            (address % "'https://'", f'node-1: address: {no_host}'),
            (address % "''", f'node-1: address: {no_host}'),
            *[
                (
                    address % f"'{host}'",
                    'node-1: address: must contain a host name, whose labels '
                    'have 1 to 63 characters, or an IP address',
                )
                for host in ('a..b', 'bmc node', 'b' * 64, 'b.' * 128)
            ],
            (
                address % 'root:hunter2@bmc1',
                'node-1: address: must not hold credentials',
            ),
            (
                address % 'https://root:hunter2@bmc1',
                'node-1: address: must not hold credentials',
            ),
            (
                address % 'https://bmc1/redfish/v1',
                'node-1: address: must end after the host or port',
            ),
            (
                address % 'https://bmc1:hunter2',
                'node-1: address: is not a URL',
            ),
            (address % "'https://[::1'", 'node-1: address: is not a URL'),
            (
                "'a b': {}",
                'a b: String should match pattern '
                f"'{entry.NAME_PATTERN}' (and 2 more)",
            ),
            ('1: {}', '1: Input should be a valid string (and 2 more)'),
        ):
            found = re.sub(r' \(line \d+\)', '', self.fault(text))
            self.assertEqual(expected, found, text)

    def test_lines(self) -> None:
        for more, line in (
            ('tags: x', 5),
            ('password: x\n  ca: 1', 6),
            ('password: x\nnode-2: {adress: x, username: y}', 6),
            ('password: x\nnode-2: x', 6),
        ):
            fault = self.fault(f'{ENTRY}  {more}\n# end')
            self.assertIn(f'(line {line})', fault)

    def test_a_key_is_quoted_if_it_resembles_a_valid_one(self) -> None:
        for key, valid in (
            ('adress', 'address'),
            ('user_name', 'username'),
            ('tag', 'tags'),
            ('verify_ca', 'verify'),
            ('hunter', None),
            ('Password', None),
            ('pass word', None),
        ):
            fault = self.fault(f'{ENTRY}  password: x\n  {key}: hunter2')
            if valid:
                expected = f"unknown key '{key}'; did you mean '{valid}'?"
                self.assertEqual(f'node-1: {expected} (line 6)', fault)
            else:
                self.assertNotIn(key, fault.partition(' other than ')[0])

    def test_an_unknown_key_precedes_a_missing_one(self) -> None:
        fault = self.fault('node-1: {addres: x, username: y, password: z}')
        self.assertIn("unknown key 'addres'; did you mean 'address'?", fault)
        self.assertIn('(and 1 more)', fault)

    def test_tls_and_login(self) -> None:
        for more, expected in (
            ('tls_minimum: 1.4', "tls_minimum: Input should be '1.0'"),
            ('tls_minimum: 1', "tls_minimum: Input should be '1.0'"),
            ('ciphers: HUNTER2', 'ciphers: OpenSSL knows none of them'),
            ('login: digest', "login: Input should be 'basic' or 'session'"),
        ):
            fault = self.fault(f'{ENTRY}  password: hunter2\n  {more}')
            self.assertThat(fault, matchers.StartsWith(f'node-1: {expected}'))
        plain = 'node-1: {username: a, password: hunter2, address: http://x, '
        for key in ('tls_minimum: 1.2', 'ciphers: HIGH'):
            name = key.partition(':')[0]
            self.assertIn(
                f'has {name} but no https address',
                self.fault(plain + key + '}'),
            )

    def test_yaml(self) -> None:
        for text, expected in (
            ('a: [hunter2\n', 'is not valid YAML (line 2)'),
            ('a:\n  b: *hunter2\n', 'is not valid YAML (line 2)'),
            ('a: !hunter2 x', 'is not valid YAML (line 1)'),
            (
                'a: {b: 1, b: 2}',
                'contains a key twice in one mapping (line 1)',
            ),
            (
                ENTRY + '  password: hunter2' + ENTRY,
                'contains a key twice in one mapping (line 2)',
            ),
            ('a: \x00', 'is not valid YAML'),
            ('a: 2026-99-99', 'is not valid YAML'),
            ('[' * 5000, 'is not valid YAML'),
            ('a: 1\n---\nb: 2', 'is not valid YAML (line 2)'),
        ):
            self.assertEqual(expected, self.fault(text), text[:50])

    def test_files(self) -> None:
        for more, expected in (
            (
                'password_file: none',
                f'node-1: {self.directory}/none cannot be read: '
                'No such file or directory',
            ),
            (
                'password_file: secrets',
                f'node-1: {self.directory}/secrets cannot be read: '
                'Is a directory',
            ),
            (
                'password: hunter2\n  ca: none',
                f'node-1: ca: {self.directory}/none cannot be read: '
                'No such file or directory',
            ),
            (
                'password: hunter2\n  ca: secrets',
                f'node-1: ca: {self.directory}/secrets cannot be read: '
                'Is a directory',
            ),
            (
                'password: hunter2\n  ca: secrets/node-2',
                f'node-1: ca: {self.directory}/secrets/node-2 contains no '
                'certificates in PEM',
            ),
        ):
            self.assertEqual(
                f'{expected} (line 2)', self.fault(f'{ENTRY}  {more}')
            )

    def test_empty(self) -> None:
        for text in ('', '\n'):
            self.assertEqual(
                f'{self.path} cannot be read: the file is empty',
                self.fault(text),
            )

    def test_no_file(self) -> None:
        error = self.assertRaises(errors.ConfigError, self.start)
        self.assertIn('cannot be read: No such file', error.message)

    def test_not_text(self) -> None:
        self.path.write_bytes(b'\xff\xfe\x00')
        error = self.assertRaises(errors.ConfigError, self.start)
        self.assertIn('is not a file of UTF-8 text', error.message)


class ChangeTest(InventoryTestCase):
    """The last version without a fault is in force."""

    def names(self, source: file.FileSource) -> list[str]:
        return [target.name for target in source.current().everything()]

    def replace(self, text: str) -> None:
        new = self.directory / 'new'
        new.write_text(text)
        os.replace(new, self.path)

    def test_new_version(self) -> None:
        source = self.load(GOOD)
        self.replace(ENTRY + '  password: x\n')
        self.assertEqual(['node-1'], self.names(source))
        self.assertIn(f'{self.path} has 1 targets', self.log.output)

    def test_unchanged_file_is_not_read(self) -> None:
        source = self.load(GOOD)
        self.assertIs(source.current(), source.current())

    def test_faulty_version_is_logged_once(self) -> None:
        source = self.load(GOOD)
        self.replace('node-1: {password: hunter2}')
        for _ in range(3):
            self.assertEqual(
                ['node-1', 'node-2', 'node-3'], self.names(source)
            )
        self.assertEqual(1, self.log.output.count('remain in force'))
        self.assertNotIn('hunter2', self.log.output)
        self.replace(ENTRY + '  password: x\n')
        self.assertEqual(['node-1'], self.names(source))

    def test_file_that_goes_and_comes_back(self) -> None:
        source = self.load(GOOD)
        self.path.unlink()
        self.assertEqual(3, len(source.current()))
        self.assertIn('No such file', self.log.output)
        self.path.write_text(ENTRY + '  password: x\n')
        self.assertEqual(['node-1'], self.names(source))

    def test_a_file_that_is_named_and_vanishes(self) -> None:
        ca = self.write_ca('ca.pem')
        text = f'{ENTRY}  password_file: secrets/node-2\n  ca: ca.pem\n'
        source = self.load(text)
        for number, path in enumerate((self.path, self.secret, ca), start=1):
            data = path.read_bytes()
            path.write_bytes(b'')
            self.assertEqual(['node-1'], self.names(source))
            self.assertIn(f'{path} cannot be read: the file', self.log.output)
            path.unlink()
            self.assertEqual(['node-1'], self.names(source))
            self.assertIn(f'{path} cannot be read: No such', self.log.output)
            path.write_bytes(data)
            self.assertEqual(['node-1'], self.names(source))
            found = self.log.output.count('valid again')
            self.assertEqual(number, found, self.log.output)

    def test_password_file_is_followed(self) -> None:
        source = self.load(GOOD)
        self.secret.write_text('open sesame')
        target = source.current().everything()[1]
        self.assertEqual('open sesame', target.address.password)

    def test_password_file_that_comes_late(self) -> None:
        source = self.load(GOOD)
        self.replace(ENTRY + '  password_file: late\n')
        self.assertEqual(3, len(source.current()))
        (self.directory / 'late').write_text('x')
        self.assertEqual(['node-1'], self.names(source))
