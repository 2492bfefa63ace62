# SPDX-License-Identifier: Apache-2.0
"""Clients of simulated BMCs."""

from collections.abc import Callable
from typing import Any

from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import client
from ironic_passthru.drivers.redfish import deadline
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import trust
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests import base


class SimulatedBmcTestCase(base.TestCase):
    """Test cases with a BMC and calls on it."""

    def setUp(self) -> None:
        super().setUp()
        self.trust = trust.TrustStore()

    def simulate(
        self, resources: Any = None, **options: Any
    ) -> testing_bmc.SimulatedBmc:
        """Return a running BMC."""
        return self.enterContext(
            testing_bmc.SimulatedBmc(resources, **options)
        )

    def target(
        self,
        fake: testing_bmc.SimulatedBmc,
        system_id: str | None = None,
        **more: Any,
    ) -> bmc_target.Target:
        """Return a target; ``more`` are attributes of its address."""
        options = {'ca': fake.ca_file, 'password': fake.password, **more}
        address = bmc_target.Address(fake.url, fake.username, **options)
        return bmc_target.Target('node', address, system_id)

    def client(
        self,
        fake: testing_bmc.SimulatedBmc,
        *,
        seconds: float = 10.0,
        read_seconds: float = 5.0,
        on_progress: Callable[[float], None] = client.ignore_progress,
        **more: Any,
    ) -> client.BmcClient:
        """Return a client, which is closed at the end of the test."""
        return self.enterContext(
            client.BmcClient(
                self.target(fake, **more),
                deadline.Deadline(seconds),
                self.trust,
                connect_timeout_seconds=5.0,
                read_timeout_seconds=read_seconds,
                on_progress=on_progress,
            )
        )

    def bmc(self, fake: testing_bmc.SimulatedBmc, **more: Any) -> bmc.Bmc:
        """Return a BMC with a client of it."""
        system_id = more.pop('system_id', None)
        return bmc.Bmc(self.target(fake, system_id), self.client(fake, **more))

    def error(
        self, act: Callable[..., Any], *arguments: Any
    ) -> dict[str, Any]:
        """Return the error in the item of a target, for an exception."""
        error = self.assertRaises(failures.BmcError, act, *arguments)
        return failures.classify(error).item()['error']

    def code(self, act: Callable[..., Any], *arguments: Any) -> str:
        """Return the code of an error."""
        return str(self.error(act, *arguments)['code'])
