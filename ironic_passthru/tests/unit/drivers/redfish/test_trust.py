# SPDX-License-Identifier: Apache-2.0
"""TLS: shared contexts, changed files, old versions."""

import contextlib
import pathlib
import socket
import threading
from unittest import mock

import fixtures

from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import trust
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.testing.bmc import certificate
from ironic_passthru.tests.unit.drivers.redfish import simulated

ROOT = testing_bmc.ROOT


class TrustStoreTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.ca = directory / 'ca.pem'
        self.first, self.second = (self.simulate(tls=True) for _ in range(2))
        self.ca.write_bytes(self.first.ca_file.read_bytes())

    def context(self, fake: testing_bmc.SimulatedBmc, **more: object):
        return self.trust.context(self.target(fake, ca=self.ca, **more))

    def test_equal_settings_share_a_context(self) -> None:
        shared = self.context(self.first)
        self.assertIs(shared, self.context(self.second, password='other'))
        for other in (
            {'tls_minimum': '1.3'},
            {'ciphers': 'HIGH'},
            {'verify': False},
        ):
            self.assertIsNot(shared, self.context(self.first, **other))
        self.assertIsNot(shared, self.trust.context(self.target(self.first)))

    def test_a_changed_file_applies(self) -> None:
        self.client(self.first, ca=self.ca).get(ROOT)
        client = self.client(self.second, ca=self.ca)
        self.assertEqual('untrusted', self.code(client.get, ROOT))
        self.ca.write_bytes(self.second.ca_file.read_bytes())
        client.get(ROOT)
        client = self.client(self.first, ca=self.ca)
        self.assertEqual('untrusted', self.code(client.get, ROOT))

    def test_an_invalid_file_does_not_replace_a_valid_one(self) -> None:
        self.client(self.first, ca=self.ca).get(ROOT)
        for spoil in (lambda: self.ca.write_text('x'), self.ca.unlink):
            spoil()
            self.client(self.first, ca=self.ca).get(ROOT)
        other = self.client(self.first, ca=self.ca.with_name('none.pem'))
        self.assertEqual('untrusted', self.code(other.get, ROOT))

    def test_certificates_are_checked(self) -> None:
        for more, code in (
            ({'ca': None}, 'untrusted'),
            ({'ca': self.second.ca_file}, 'untrusted'),
            ({'ca': None, 'verify': False}, None),
        ):
            client = self.client(self.first, **more)
            if code is None:
                client.get(ROOT)
            else:
                self.assertEqual(code, self.code(client.get, ROOT))


class HandshakeTest(simulated.SimulatedBmcTestCase):
    """A failed handshake is not blamed on the certificate."""

    def serve(self, maximum: str) -> mock.Mock:
        """Return the address of a server that sends TLS alerts.

        The simulated BMC closes the connection instead.
        """
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        context = certificate.make('127.0.0.1', directory)
        certificate.limit(context, maximum)
        listener = socket.create_server(('127.0.0.1', 0))

        def accept() -> None:
            with contextlib.suppress(OSError), listener:
                while True:
                    link, _ = listener.accept()
                    with contextlib.suppress(OSError), link:
                        context.wrap_socket(link, server_side=True).close()

        threading.Thread(target=accept, daemon=True).start()
        self.addCleanup(listener.shutdown, socket.SHUT_RDWR)
        url = f'https://127.0.0.1:{listener.getsockname()[1]}'
        ca = directory / 'ca.pem'
        return mock.Mock(url=url, ca_file=ca, username='u', password='p')

    def test_old_versions(self) -> None:
        for version in ('1.0', '1.1'):
            self.trust = trust.TrustStore()
            fake = self.simulate(tls=True, tls_maximum=version)
            client = self.client(fake)
            self.assertEqual('tls_handshake', self.code(client.get, ROOT))
            for ciphers in (None, 'ECDHE-ECDSA-AES128-SHA'):
                client = self.client(
                    fake, tls_minimum=version, ciphers=ciphers
                )
                client.get(ROOT)

    def test_messages(self) -> None:
        ciphers = 'ECDHE-RSA-AES128-GCM-SHA256'
        for maximum, more, text in (
            ('1.0', {}, 'protocol version'),
            ('1.2', {'tls_minimum': '1.3'}, 'protocol version'),
            ('1.2', {'ciphers': ciphers}, 'shared cipher'),
            ('1.2', {'ciphers': 'no-such'}, 'cipher that the inventory'),
        ):
            client = self.client(self.serve(maximum), **more)
            error = self.error(client.get, ROOT)
            self.assertEqual('tls_handshake', error['code'])
            self.assertIn(text, error['message'])
            self.assertNotIn('certificate', error['message'])

    def test_no_tls_at_the_address(self) -> None:
        plain = self.simulate()
        plain.tls = True  # only the scheme of its URL
        plain.faults['CONNECT'] = testing_bmc.faults.raw(
            b'HTTP/1.1 400 Bad Request\r\n\r\n'
        )
        client = self.client(plain)
        self.assertRaises(failures.HandshakeFailed, client.get, ROOT)
        self.assertEqual([], plain.received)
