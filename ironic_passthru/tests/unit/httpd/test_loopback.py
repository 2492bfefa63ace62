# SPDX-License-Identifier: Apache-2.0
"""Tests of what a server without a login may listen on."""

import fixtures

from ironic_passthru import errors
from ironic_passthru.httpd import loopback
from ironic_passthru.tests import base

LOOPBACK = (
    '127.0.0.1',
    '127.255.255.254',
    '::1',
    '::ffff:127.0.0.1',
    'localhost',
    'LocalHost',
)
OTHERS = (
    '0.0.0.0',
    '::',
    '192.0.2.1',
    '128.0.0.1',
    '::ffff:192.0.2.1',
    'fe80::1',
    'localhost.example.com',
    '127.0.0.1.example.com',
    'api.example.com',
)


class TestBind(base.TestCase):
    """check()."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())

    def check(self, host: str, strategy: str = 'noauth', **api: bool) -> None:
        """Ask whether the built-in server may listen there."""
        options = {f'api__{name}': value for name, value in api.items()}
        loopback.check(
            self.make_conf(
                auth_strategy=strategy, api__host_ip=host, **options
            )
        )

    def test_loopback(self) -> None:
        for host in LOOPBACK:
            self.check(host)
        self.assertEqual('', self.log.output)

    def test_what_other_hosts_reach(self) -> None:
        for host in OTHERS:
            error = self.assertRaises(errors.ConfigError, self.check, host)
            for word in (
                host,
                'host_ip',
                '[api]',
                'auth_strategy',
                'allow_insecure_bind',
            ):
                self.assertIn(word, error.message)

    def test_what_other_hosts_may_reach(self) -> None:
        self.check('192.0.2.1', allow_insecure_bind=True)
        self.assertIn('192.0.2.1', self.log.output)
        self.assertIn('auth_strategy', self.log.output)

    def test_a_server_that_asks_for_a_login(self) -> None:
        for strategy in ('keystone', 'http_basic'):
            self.check('0.0.0.0', strategy)
        self.assertEqual('', self.log.output)
