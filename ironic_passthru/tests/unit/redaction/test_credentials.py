# SPDX-License-Identifier: Apache-2.0
"""Permissions of files with credentials, and passwords in URLs."""

import pathlib
import re
import time
from collections.abc import Iterator
from importlib import metadata

import fixtures
from keystoneauth1 import loading as ks_loading
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.redaction import credentials
from ironic_passthru.tests import base

GENERATOR = (
    pathlib.Path(__file__).parents[4]
    / 'tools/config/ironic-passthru-config-generator.conf'
)


class TestCheckPrivate(base.TestCase):
    """A file that every user can read is refused, with its name."""

    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.path = pathlib.Path(directory) / 'secrets'
        self.path.write_text('x')

    def test_owner_and_group_may_read_it(self) -> None:
        for mode in (0o600, 0o640, 0o400):
            self.path.chmod(mode)
            credentials.check_private(self.path, 'Option x')

    def test_others_may_neither_read_nor_change_it(self) -> None:
        for mode in (0o644, 0o604, 0o602):
            self.path.chmod(mode)
            error = self.assertRaises(
                errors.ConfigError,
                credentials.check_private,
                self.path,
                'Option x',
            )
            self.assertIn(f'Option x: {self.path} ', error.message)
            self.assertIn(f'chmod o= {self.path}', error.message)

    def test_one_that_is_missing(self) -> None:
        error = self.assertRaises(
            errors.ConfigError,
            credentials.check_private,
            '/no/such/file',
            'Option x',
        )
        self.assertEqual(
            'Option x: /no/such/file: No such file or directory',
            error.message,
        )


class TestCheckConfiguration(base.TestCase):
    """Only a file that holds a credential must be kept from others."""

    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.path = pathlib.Path(directory) / 'service.conf'

    def check(self, line: str, mode: int) -> None:
        self.path.write_text(f'[acme]\ndebug = true\n{line}\n')
        self.path.chmod(mode)
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[str(self.path)])
        credentials.check_configuration(conf)

    def test_files_with_credentials(self) -> None:
        for line in (
            'transport_url = rabbit://me:hunter2@host:5672/',
            'transport_url = rabbit://a@one:5672,b:hunter2@two:5672/',
            'connection = postgresql://me:hunt/er@2@host/x',
            'connection = postgresql://host/x?user=me&password=hunter2',
            'slave_connection = mysql+pymysql://me:h@host/x',
            'memcached_servers = 10.0.0.1:11211\npassword = hunter2',
            'signing_keys = ' + 'x' * 32,
            'memcache_secret_key = x',
            'application_credential_secret = x',
            'ssl_client_key_password = x',
            'auth_url = http://me:hunter2@host:5000',
        ):
            name = line.splitlines()[-1].partition(' = ')[0]
            for mode in (0o644, 0o604, 0o642):
                error = self.assertRaises(
                    errors.ConfigError, self.check, line, mode
                )
                self.assertIn(
                    f'Option {name} in group [acme]: {self.path} contains',
                    error.message,
                )
                self.assertIn(f'chmod o= {self.path}', error.message)
                self.assertNotIn('hunter2', error.message)
            for mode in (0o600, 0o640, 0o400):
                self.check(line, mode)

    def test_files_without(self) -> None:
        for line in (
            'transport_url = rabbit://host:5672/',
            'transport_url = rabbit://guest@host:5672/',
            'transport_url = rabbit://[::1]:5672,guest@host:5672/',
            'transport_url = local://',
            'connection = sqlite:////var/lib/x/registry.sqlite',
            'connection = postgresql://me@/x?host=/run/postgresql',
            'www_authenticate_uri = http://host:5000/v3?mail=a@b',
            'signing_keys =',
            'password =',
            '#password = hunter2',
            'token_cache_time = 300',
            'enforce_token_bind = permissive',
            'service_token_roles_required = true',
            'keyfile = /etc/x/key.pem',
            'tls_key_file = /etc/x/key.pem',
        ):
            self.check(line, 0o644)


class TestNames(base.TestCase):
    """Options that hold credentials are known as such, and marked."""

    # Their values are URLs, which hold a login or do not.
    URLS = ('connection', 'transport_url')
    # Options that are not credentials in spite of their names.
    NO_SECRETS = frozenset(
        {
            'connection_debug',
            'connection_parameters',
            'connection_recycle_time',
            'connection_trace',
            'enforce_token_bind',
            'service_token_roles',
            'service_token_roles_required',
            'token_cache_time',
        }
    )

    def options(self) -> Iterator[cfg.Opt]:
        """Yield all options of the sample, and those of logins to it."""
        namespaces = [
            line.partition(' = ')[2]
            for line in GENERATOR.read_text().splitlines()
            if line.startswith('namespace = ')
        ]
        self.assertIn('ironic_passthru', namespaces)
        for name in namespaces:
            (entry,) = metadata.entry_points(
                group='oslo.config.opts', name=name
            )
            for _, options in entry.load()():
                yield from options
        for name in ('password', 'v3applicationcredential', 'v3token'):
            yield from ks_loading.get_auth_plugin_conf_options(name)

    def test_every_secret_option_is_known(self) -> None:
        found = [option.dest for option in self.options() if option.secret]
        self.assertIn('signing_keys', found)
        for name in found:
            if not name.endswith(self.URLS):
                self.assertTrue(
                    credentials._is_credential(name, 'hunter2'), name
                )
            self.assertTrue(
                credentials._is_credential(name, 'x://me:hunter2@host'), name
            )

    def test_every_option_that_sounds_like_one_is_marked(self) -> None:
        sounds = re.compile('passw|secret|token|signing|connection|transport_')
        seen: set[str] = set()
        for option in self.options():
            if sounds.search(option.dest) and not option.secret:
                seen.add(option.dest)
        self.assertEqual(self.NO_SECRETS, seen)
        for name in self.NO_SECRETS:
            self.assertFalse(credentials._is_credential(name, '300'), name)


class TestDescribe(base.TestCase):
    """A file that cannot be parsed is named with the line, not quoted."""

    def test_lines_that_cannot_be_parsed(self) -> None:
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        path = directory / 'a.conf'
        for text, number, what in (
            ('[a]\nb', 2, "No ':' or '=' found in assignment"),
            ("[a]\nit's: b\nhunter2 'x'", 3, 'No'),
            ('[a]\n  b', 2, 'Unexpected continuation line'),
            ('[a', 1, 'Invalid section (must end with ])'),
            ('[]', 1, 'Empty section name'),
            ('[a]\n= b', 2, 'Key cannot be empty'),
        ):
            text = text.replace('b', 'hunter2 "x\'y')
            path.write_text(text)
            path.chmod(0o600)
            error = self.assertRaises(
                cfg.ConfigFileParseError,
                cfg.ConfigOpts(),
                ['--config-file', str(path)],
            )
            said = credentials.describe(error)
            self.assertIn(f'at {path}:{number}, {what}', said)
            self.assertNotIn('hunter2', said)

    def test_other_errors(self) -> None:
        error = cfg.ConfigFilesNotFoundError(['a', 'b'])
        self.assertEqual(
            'Failed to find some config files: a,b',
            credentials.describe(error),
        )


class TestWithoutLogins(base.TestCase):
    """Texts of callers can have any length."""

    def test_long_texts_take_no_time(self) -> None:
        size = 1 << 20
        for text in (
            '://[' + ':' * size + '@',
            '://[' + ']:' * (size // 2) + '@',
            '://' + 'h:1,' * (size // 4) + '@',
            '://' * (size // 3) + ':@',
            '://' + ':@' * (size // 2),
        ):
            with self.subTest(text[:8]):
                before = time.thread_time()
                credentials.without_logins(text, '***')
                # It takes less than a second; hours if each colon is
                # searched from the beginning.
                self.assertLess(time.thread_time() - before, 10)
