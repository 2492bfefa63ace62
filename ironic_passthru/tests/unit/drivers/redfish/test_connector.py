# SPDX-License-Identifier: Apache-2.0
"""Where a connection to a BMC may lead."""

from ironic_passthru.drivers.redfish import connector
from ironic_passthru.drivers.redfish import deadline
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.tests import base


class ConnectorTest(base.TestCase):
    """A document of a BMC cannot send the password anywhere else."""

    def connector(self, seconds: float = 5.0) -> connector.Connector:
        made = connector.Connector(
            # Port 1 of the loopback: nothing answers there.
            connector.Address('http://127.0.0.1:1', 'user', 'password'),
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

    def test_nothing_is_sent_after_the_deadline(self) -> None:
        for send in ('get', 'post', 'patch', 'put', 'delete'):
            late = getattr(self.connector(0.0), send)
            self.assertRaises(failures.NoAnswer, late, '/redfish')

    def test_login_is_not_shown(self) -> None:
        address = connector.Address('https://bmc', 'user', 'password')
        self.assertEqual('Address(ca=None, verify=True)', repr(address))
