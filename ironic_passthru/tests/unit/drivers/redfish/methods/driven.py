# SPDX-License-Identifier: Apache-2.0
"""Calls of methods through the driver, on simulated BMCs."""

import pathlib
from typing import Any

import fixtures
import yaml

from ironic_passthru import errors
from ironic_passthru.drivers import loader
from ironic_passthru.drivers import redfish
from ironic_passthru.testing import bmc
from ironic_passthru.testing import harness
from ironic_passthru.tests import base
from ironic_passthru.tests import result_schemas

ROOT = bmc.ROOT
MANAGER = f'{ROOT}/Managers/1'
CHASSIS = f'{ROOT}/Chassis/1'


class MethodTestCase(base.TestCase):
    """One simulated BMC, which is the target ``node``."""

    def setUp(self) -> None:
        super().setUp()
        self.fake = self.enterContext(bmc.SimulatedBmc(tls=True))
        self.driver: harness.DriverHarness | None = None
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.add(MANAGER, Id='1')
        self.add(CHASSIS, Id='1')
        self.fake.resources[bmc.SYSTEM]['Links'] = {
            'ManagedBy': [{'@odata.id': MANAGER}],
            'Chassis': [{'@odata.id': CHASSIS}],
        }

    def add(self, path: str, **members: Any) -> str:
        """Add a resource; a member with a path as its value is a link."""
        self.fake.resources[path] = {
            '@odata.id': path,
            **{
                name: {'@odata.id': value}
                if isinstance(value, str) and value.startswith(ROOT)
                else value
                for name, value in members.items()
            },
        }
        return path

    def link(self, path: str, **links: str) -> None:
        """Add links to a resource."""
        self.fake.resources[path] |= {
            name: {'@odata.id': value} for name, value in links.items()
        }

    def collect(self, path: str, *members: str) -> str:
        """Add a collection of resources."""
        links = [{'@odata.id': member} for member in members]
        return self.add(path, Members=links)

    def entry(self) -> dict[str, Any]:
        """Return the entry of the BMC in the inventory."""
        return {
            'address': self.fake.url,
            'username': self.fake.username,
            'password': self.fake.password,
            'ca': str(self.fake.ca_file),
        }

    def start(self, **entries: Any) -> harness.DriverHarness:
        """Start the driver; return its harness."""
        path = self.directory / 'inventory.yaml'
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(entries or {'node': self.entry()}))
        driver = loader.make('redfish', redfish.RedfishVendor(), allowed=['*'])
        driver.interface.start(
            self.make_conf(
                redfish__inventory_file=str(path), redfish__read_timeout=1.0
            )
        )
        self.addCleanup(driver.interface.stop)
        self.vendor = driver.interface
        self.results = {
            name: each.result for name, each in driver.spec.methods.items()
        }
        return harness.DriverHarness(driver)

    def call(self, method: str, verb: str = 'GET', **options: Any) -> Any:
        """Return the item of the target, also after an error."""
        if self.driver is None:
            self.driver = self.start()
        try:
            result = self.driver.call(
                method, verb, **{'target': 'node', **options}
            )
        except errors.VendorError as error:
            if errors.PARTIAL_RESULT not in error.kwargs:
                raise
            result = error.kwargs[errors.PARTIAL_RESULT]
        result_schemas.check(self.results[method], result)
        return result['items']['node']

    def changes(self) -> list[tuple[str, str, Any]]:
        """Return HTTP method, path and body of changes since the last call."""
        found = [
            (each.http_method, each.path, each.body and each.document())
            for each in self.fake.received
            if each.http_method != 'GET'
        ]
        self.fake.received.clear()
        return found
