# SPDX-License-Identifier: Apache-2.0
"""Fixtures of private servers."""

import concurrent.futures
import socket

from ironic_passthru.tests import base
from ironic_passthru.tests.functional import servers


class TestRequire(base.TestCase):
    """A missing program fails a test with a helpful message."""

    def test_the_package_is_named(self) -> None:
        error = self.assertRaises(
            servers.MissingProgram,
            servers.require,
            'no-such-program',
            'its-package',
        )
        self.assertIn('no-such-program', str(error))
        self.assertIn('Debian package its-package', str(error))


class TestReservedPort(base.TestCase):
    """A port is reserved by one fixture."""

    def test_many_at_once_are_all_different(self) -> None:
        # Enough that two choices of the same number are nearly certain.
        fixtures = [servers.ReservedPort() for _ in range(400)]
        ports = {self.useFixture(fixture).port for fixture in fixtures}
        self.assertEqual(400, len(ports))


class TestRabbitMQ(base.TestCase):
    """Two brokers, one of which is restarted."""

    def test_a_broker_stops_dies_and_starts_beside_another(self) -> None:
        brokers = [servers.RabbitMQ(), servers.RabbitMQ()]
        for broker in brokers:
            self.addCleanup(broker.cleanUp)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(servers.RabbitMQ.setUp, brokers))
        first, second = brokers
        first.rabbitmqctl('add_user', 'other-user', 'secret')
        for end in (first.stop, first.kill):
            end()
            self.assertFalse(self.listens(first))
            self.assertTrue(self.listens(second))
            first.start()
            self.assertTrue(self.listens(first))
        self.assertIn('other-user', first.rabbitmqctl('list_users'))
        self.assertNotIn('other-user', second.rabbitmqctl('list_users'))

    def listens(self, broker: servers.RabbitMQ) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', broker.port)) == 0
