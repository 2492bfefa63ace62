# SPDX-License-Identifier: Apache-2.0
"""Tests of notifications to the service manager."""

import os
import pathlib
import socket

import fixtures

from ironic_passthru.cmd import service_manager
from ironic_passthru.tests import base


class TestSystemd(base.TestCase):
    """Messages of sd_notify(3)."""

    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.path = str(pathlib.Path(directory) / 'notify')

    def listen(self, address: str) -> socket.socket:
        """Return a socket as that of systemd."""
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(channel.close)
        channel.settimeout(10)
        channel.bind(address)
        return channel

    def make(self, **environment: str) -> service_manager.ServiceManager:
        return service_manager.from_environment(
            {'NOTIFY_SOCKET': self.path} | environment
        )

    def test_messages(self) -> None:
        channel = self.listen(self.path)
        systemd = self.make()
        for notify, expected in (
            (systemd.ready, b'READY=1'),
            (systemd.alive, b'WATCHDOG=1'),
            (
                lambda: systemd.stopping(1.5),
                b'STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000',
            ),
        ):
            notify()
            self.assertEqual(expected, channel.recv(1000))

    def test_an_abstract_socket(self) -> None:
        name = f'ironic-passthru-test-{os.getpid()}'
        channel = self.listen(f'\0{name}')
        self.make(NOTIFY_SOCKET=f'@{name}').ready()
        self.assertEqual(b'READY=1', channel.recv(1000))

    def test_missing_socket_is_logged(self) -> None:
        with self.assertLogs('ironic_passthru.cmd.service_manager', 'WARNING'):
            self.make().ready()

    def test_no_service_manager(self) -> None:
        for environment in ({}, {'NOTIFY_SOCKET': 'vsock:2:1'}):
            manager = service_manager.from_environment(environment)
            self.assertNotIsInstance(manager, service_manager.Systemd)
            self.assertIsNone(manager.watchdog_seconds)
            manager.ready()
            manager.alive()
            manager.stopping(1)

    def test_the_watchdog(self) -> None:
        mine = str(os.getpid())
        for environment, expected in (
            ({}, None),
            ({'WATCHDOG_USEC': '2500000'}, 2.5),
            ({'WATCHDOG_USEC': '2500000', 'WATCHDOG_PID': mine}, 2.5),
            ({'WATCHDOG_USEC': '2500000', 'WATCHDOG_PID': '1'}, None),
            ({'WATCHDOG_USEC': '0'}, None),
            ({'WATCHDOG_USEC': 'soon'}, None),
        ):
            found = self.make(**environment).watchdog_seconds
            self.assertEqual(expected, found, environment)
