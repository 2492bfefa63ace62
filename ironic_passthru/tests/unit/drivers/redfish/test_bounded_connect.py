# SPDX-License-Identifier: Apache-2.0
"""Connections to names with several addresses."""

import dataclasses
import socket
import time
from typing import Any
from unittest import mock

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import client
from ironic_passthru.drivers.redfish import deadline
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated


class AddressesTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()

    def full(self) -> tuple[str, int]:
        """Return an address that does not answer: its backlog is full."""
        listener = self.enterContext(socket.create_server(('127.0.0.1', 0)))
        listener.listen(0)
        address: tuple[str, int] = listener.getsockname()
        for _ in range(2):
            waiting = self.enterContext(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        return address

    def named(self, *addresses: Any) -> client.BmcClient:
        """Return a client for a name with the addresses."""
        target = self.target(self.fake)
        url = f'http://bmc.example.com:{self.fake.port}'
        address = dataclasses.replace(target.address, url=url)
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, '', each)
            for each in addresses
        ]
        self.enterContext(
            mock.patch.object(socket, 'getaddrinfo', return_value=found)
        )
        return self.enterContext(
            client.BmcClient(
                bmc_target.Target('node', address),
                deadline.Deadline(10.0),
                self.trust,
                connect_timeout_seconds=0.6,
                read_timeout_seconds=5.0,
            )
        )

    def test_an_unusable_address_does_not_hide_another(self) -> None:
        usable = (self.fake.address, self.fake.port)
        found = self.named(self.full(), usable).get(testing_bmc.ROOT)
        self.assertEqual(200, found.status)

    def test_the_addresses_share_the_time(self) -> None:
        named = self.named(*[self.full()] * 4)
        began = time.monotonic()
        self.assertEqual('unreachable', self.code(named.root))
        self.assertLess(time.monotonic() - began, 1.2)
        self.assertGreater(time.monotonic() - began, 0.5)
