# SPDX-License-Identifier: Apache-2.0
"""Token validations cached in a real memcached."""

import configparser

from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import certificates
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import keystone
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web

# The directory in the example of the documentation.
_DIRECTORY = '/etc/ironic_passthru/tls'

_CERTIFICATES = certificates.Certificates()


def setUpModule() -> None:
    _CERTIFICATES.setUp()


def tearDownModule() -> None:
    _CERTIFICATES.cleanUp()


class CacheTestCase(base.TestCase):
    """A test with the options of the documentation.

    :cvar tls: certificates of memcached; without them, plain TCP.
    """

    tls: certificates.Certificates | None = None

    def setUp(self) -> None:
        super().setUp()
        self.keystone = keystone.shared()
        self.memcached = self.useFixture(servers.Memcached(self.tls))
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(
            _CERTIFICATES.in_example('token-cache.conf', _DIRECTORY)
        )
        self.options: dict[str, object] = {
            name: value
            for name, value in parser['keystone_authtoken'].items()
            if name.startswith('memcache')
            and (self.tls or not name.startswith('memcache_tls'))
        }
        self.options['memcached_servers'] = self.memcached.address

    def start(self, **options: object) -> web.Client:
        """Return a client of a new API."""
        service = embedded.Embedded(
            config=deployment.config_text(
                **self.keystone.options(**self.options | options)
            ),
            auth_strategy='keystone',
        )
        return web.Client(self.useFixture(service).url)

    def ask(self, api: web.Client, token: str) -> int:
        """Return the status of a request."""
        return api.get('/v1/drivers', **{'X-Auth-Token': token}).status

    def assert_known(self, *, by: web.Client, first: web.Client) -> None:
        """Fail unless an API uses validations cached by another one."""
        token, new = (self.keystone.token('system-admin') for _ in range(2))
        self.assertEqual(200, self.ask(first, token))
        self.addCleanup(self.keystone.start)
        self.keystone.stop()
        self.assertEqual(503, self.ask(by, new))
        self.assertEqual(200, self.ask(by, token))

    def assert_not_known(self, *, by: web.Client, first: web.Client) -> None:
        """Fail if an API uses validations cached by another one."""
        token = self.keystone.token('system-admin')
        self.assertEqual(200, self.ask(first, token))
        self.addCleanup(self.keystone.start)
        self.keystone.stop()
        self.assertEqual(503, self.ask(by, token))


class TestEncrypted(CacheTestCase):
    """All options except TLS."""

    def test_the_cache_is_shared(self) -> None:
        self.assert_known(by=self.start(), first=self.start())

    def test_with_another_secret_there_is_nothing_to_find(self) -> None:
        other = self.start(memcache_secret_key='another')
        self.assert_not_known(by=other, first=self.start())

    def test_tokens_are_validated_without_memcached(self) -> None:
        api = self.start()
        token = self.keystone.token('system-admin')
        self.assertEqual(200, self.ask(api, token))
        self.memcached.stop()
        self.assertEqual(200, self.ask(api, token))
        self.assertEqual(
            200, self.ask(api, self.keystone.token('system-admin'))
        )
        self.assertEqual(401, self.ask(api, 'garbage'))


class TestTls(CacheTestCase):
    """All options."""

    tls = _CERTIFICATES

    def test_the_cache_is_shared(self) -> None:
        self.assert_known(by=self.start(), first=self.start())

    def test_an_untrusted_server_receives_nothing(self) -> None:
        other = self.start(memcache_tls_cafile=_CERTIFICATES.other_ca)
        self.assert_not_known(by=self.start(), first=other)
