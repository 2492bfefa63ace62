# SPDX-License-Identifier: Apache-2.0
"""Links that a connection to a BMC follows."""

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import connector
from ironic_passthru.drivers.redfish import deadline
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.tests import base


class ConnectorTest(base.TestCase):
    """A document of a BMC cannot send the password anywhere else."""

    def connector(
        self, seconds: float = 5.0, url: str = 'http://127.0.0.1:1'
    ) -> connector.Connector:
        made = connector.Connector(
            # Port 1 of the loopback: nothing answers there.
            bmc_target.Address(url, 'user', 'password'),
            deadline.Deadline(seconds),
            connect_timeout_seconds=0.5,
            read_timeout_seconds=0.5,
        )
        self.addCleanup(made.close)
        return made

    def test_other_places(self) -> None:
        for path in (
            'http://127.0.0.2:1/redfish/v1',
            'https://127.0.0.1:1/redfish/v1',
            'http://127.0.0.1:2/redfish/v1',
            '//127.0.0.2/redfish/v1',
            'file:///etc/passwd',
            'http://[broken',
        ):
            self.assertRaises(failures.BadAnswer, self.connector().get, path)

    def test_this_place(self) -> None:
        for path in ('/redfish', 'http://127.0.0.1:1/redfish', ''):
            self.assertRaises(
                failures.NotConnected, self.connector().get, path
            )

    def test_the_port_that_goes_without_saying(self) -> None:
        for url, path, is_here in (
            ('https://bmc', 'https://bmc:443/redfish', True),
            ('https://bmc:443', 'https://bmc/redfish', True),
            ('https://bmc', 'https://BMC:/redfish', True),
            ('http://bmc', 'http://bmc:80/redfish', True),
            ('https://bmc', 'https://bmc:80/redfish', False),
            ('https://bmc', 'http://bmc:443/redfish', False),
            ('https://bmc', 'https://bmc:0/redfish', False),
            ('https://bmc:8443', 'https://bmc/redfish', False),
            ('https://bmc:8443', 'https://bmc:443/redfish', False),
        ):
            target_of = self.connector(url=url)._target_of
            if is_here:
                self.assertEqual('/redfish', target_of(path))
            else:
                self.assertRaises(failures.BadAnswer, target_of, path)

    def test_nothing_is_sent_after_the_deadline(self) -> None:
        for send in ('get', 'post', 'patch', 'put', 'delete'):
            late = getattr(self.connector(0.0), send)
            self.assertRaises(failures.NoAnswer, late, '/redfish')

    def test_login_is_not_shown(self) -> None:
        address = bmc_target.Address('https://bmc', 'user', 'password')
        self.assertNotRegex(repr(address), 'bmc|user|password')
