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
    # Not within the timeout of the first test.
    keystone.shared()


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

    def assert_shared(
        self, *, first: web.Client, second: web.Client, other: web.Client
    ) -> None:
        """Fail unless two APIs share validations, and another one does not."""
        token, of_other = (
            self.keystone.token('system-admin') for _ in range(2)
        )
        self.assertEqual(200, self.ask(first, token))
        self.assertEqual(200, self.ask(other, of_other))
        self.addCleanup(self.keystone.start)
        self.keystone.stop()
        self.assertEqual(200, self.ask(second, token))
        self.assertEqual(503, self.ask(second, of_other))
        self.assertEqual(503, self.ask(other, token))


class TestEncrypted(CacheTestCase):
    """All options except TLS."""

    def test_the_cache_is_shared_by_apis_with_one_secret(self) -> None:
        self.assert_shared(
            first=self.start(),
            second=self.start(),
            other=self.start(memcache_secret_key='another'),
        )

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

    def test_an_untrusted_server_receives_nothing(self) -> None:
        self.assert_shared(
            first=self.start(),
            second=self.start(),
            other=self.start(memcache_tls_cafile=_CERTIFICATES.other_ca),
        )
