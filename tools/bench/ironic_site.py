# SPDX-License-Identifier: Apache-2.0
"""Ironic with the same broker and database server, for comparison."""

import os
import pathlib
import subprocess

import parts

from ironic_passthru.tests.functional import ironic

# A hardware type with the methods that are measured.
_HARDWARE = """
from ironic.drivers import base
from ironic.drivers import fake_hardware


class Vendor(base.VendorInterface):
    def get_properties(self):
        return {}

    def validate(self, task, method, **kwargs):
        pass

    def driver_validate(self, method, **kwargs):
        pass

    @base.driver_passthru(['GET'], async_call=False)
    def no_op(self, context, **kwargs):
        pass

    @base.driver_passthru(['POST'])
    def no_op_async(self, context, **kwargs):
        pass


class Hardware(fake_hardware.FakeHardware):
    @property
    def supported_vendor_interfaces(self):
        return [Vendor]
"""

_ENTRY_POINTS = """
[ironic.hardware.types]
bench = bench_hardware:Hardware
[ironic.hardware.interfaces.vendor]
bench = bench_hardware:Vendor
"""

_FAKE = (
    *('bios', 'boot', 'console', 'deploy', 'firmware', 'inspect'),
    *('management', 'power', 'raid', 'rescue'),
)

MODULE = 'ironic.wsgi.api:application'
DRIVER = 'bench'


class Site:
    """The files of an Ironic.

    :param directory: an existing directory for them.
    :param home: a virtual environment with Ironic and psycopg2.
    :param bus: transport URL.
    :param database: URL of an empty database.
    :ivar config: path of the configuration file.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        home: pathlib.Path,
        *,
        bus: str,
        database: str,
    ) -> None:
        self._directory = directory
        self._bin = home / 'bin'
        ironic.write_package(directory, 'bench', _HARDWARE, _ENTRY_POINTS)
        self.config = directory / 'ironic.conf'
        # It contains passwords.
        self.config.touch(mode=0o600)
        self.config.write_text(
            '[DEFAULT]\n'
            'host = bench-ironic\n'
            'auth_strategy = noauth\n'
            'rpc_transport = oslo\n'
            f'transport_url = {bus}\n'
            f'state_path = {directory}\n'
            'enabled_hardware_types = bench\n'
            'enabled_vendor_interfaces = bench\n'
            'enabled_network_interfaces = noop\n'
            'enabled_storage_interfaces = noop\n'
            + ''.join(f'enabled_{kind}_interfaces = fake\n' for kind in _FAKE)
            + f'[database]\nconnection = {database}\n'
        )
        self.environment = {'PYTHONPATH': str(directory)}

    def create_schema(self) -> None:
        """Create the tables."""
        subprocess.run(
            [self._bin / 'ironic-dbsync', '--config-file', self.config]
            + ['create_schema'],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | self.environment,
        )

    def conductor(self) -> parts.Part:
        """Start the conductor."""
        return parts.Part(
            [
                str(self._bin / 'ironic-conductor'),
                *('--config-file', str(self.config)),
            ],
            self._directory / 'ironic-conductor.log',
            **self.environment,
        )
