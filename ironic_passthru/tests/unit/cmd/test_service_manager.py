# SPDX-License-Identifier: Apache-2.0
"""Tests of what a service manager is told."""

import os
import pathlib
import socket

import fixtures

from ironic_passthru import errors
from ironic_passthru import service
from ironic_passthru.cmd import service_manager
from ironic_passthru.tests import base


class TestSystemd(base.TestCase):
    """The words of sd_notify(3), on its socket."""

    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.path = str(pathlib.Path(directory) / 'notify')

    def listen(self, address: str) -> socket.socket:
        """Listen as systemd does."""
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(channel.close)
        channel.settimeout(10)
        channel.bind(address)
        return channel

    def make(self, **environment: str) -> service_manager.ServiceManager:
        return service_manager.from_environment(
            {'NOTIFY_SOCKET': self.path} | environment
        )

    def test_what_it_is_told(self) -> None:
        channel = self.listen(self.path)
        systemd = self.make()
        for tell, expected in (
            (systemd.ready, b'READY=1'),
            (systemd.alive, b'WATCHDOG=1'),
            (
                lambda: systemd.stopping(1.5),
                b'STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000',
            ),
        ):
            tell()
            self.assertEqual(expected, channel.recv(1000))

    def test_an_abstract_socket(self) -> None:
        name = f'ironic-passthru-test-{os.getpid()}'
        channel = self.listen(f'\0{name}')
        self.make(NOTIFY_SOCKET=f'@{name}').ready()
        self.assertEqual(b'READY=1', channel.recv(1000))

    def test_one_that_is_gone_is_no_error(self) -> None:
        with self.assertLogs('ironic_passthru.cmd.service_manager', 'WARNING'):
            self.make().ready()

    def test_without_a_socket_nobody_is_told(self) -> None:
        for environment in ({}, {'NOTIFY_SOCKET': 'vsock:2:1'}):
            nobody = service_manager.from_environment(environment)
            self.assertIsInstance(nobody, service_manager.NoServiceManager)
            self.assertIsNone(nobody.watchdog_seconds)
            nobody.ready()
            nobody.alive()
            nobody.stopping(1)

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

    def test_a_watchdog_that_is_too_impatient_stops_the_start(self) -> None:
        conf = self.make_conf(
            conductor__heartbeat_interval=5.0,
            conductor__heartbeat_timeout=30.0,
        )
        error = self.assertRaises(
            errors.ConfigError,
            service.build_conductor,
            conf,
            self.make(WATCHDOG_USEC='39000000'),
        )
        self.assertIn('at least 40 seconds', error.message)
