# SPDX-License-Identifier: Apache-2.0
"""Inventory of the redfish driver from a real Ironic."""

import logging
import os
import pathlib

import fixtures

from ironic_passthru.drivers.redfish.inventories import base as inventories
from ironic_passthru.drivers.redfish.inventories import ironic as source
from ironic_passthru.tests import base
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import ironic
from ironic_passthru.tests.functional import keystone

# An installation of Ironic takes too long for each run.
_LONG = 'PASSTHRU_LONG' in os.environ


def info(number: int, **changed: object) -> dict[str, object]:
    """Return the ``driver_info`` of a node."""
    return {
        'redfish_address': f'https://bmc{number}.example.com',
        'redfish_username': 'admin',
        'redfish_password': f'hunter{number}',
        **changed,
    }


class TestIronic(base.TestCase):
    """Nodes, logins, the policy, and times without Ironic."""

    home: pathlib.Path

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        packages = ironic.IronicPackages()
        packages.setUp()
        cls.addClassCleanup(packages.cleanUp)
        cls.home = packages.home

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=logging.INFO, nuke_handlers=False)
        )

    def start(self, **options: object) -> inventories.InventorySource:
        """Return a source with options of ``[redfish_ironic]``."""
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'conf'
        path.write_text(
            deployment.config_text(
                redfish__inventory_refresh=1,
                **{f'redfish_ironic__{k}': v for k, v in options.items()},
            )
        )
        conf = self.make_conf()
        conf([], default_config_files=[str(path)])
        found = source.IronicSource()
        self.addCleanup(found.stop)
        found.start(conf)
        return found

    def wait_for_targets(
        self, found: inventories.InventorySource, *names: str
    ) -> None:
        self.wait_for(
            lambda: (
                {target.name for target in found.current().everything()}
                == set(names)
            ),
            f'{names}, {self.log.output}',
        )

    def test_nodes(self) -> None:
        server = self.useFixture(ironic.Ironic(self.home))
        server.show_passwords('')
        uuid = server.create_node(driver_info=info(0))
        server.create_node(
            name='one',
            driver_info=info(1, redfish_verify_ca=False),
            traits=['CUSTOM_WEB'],
            resource_class='gold',
        )
        for number in (2, 3):
            server.create_node(name=f'n{number}', driver_info=info(number))
        server.create_node(name='empty')
        server.create_node(name='other', driver='fake-hardware')
        found = self.start(auth_type='none', endpoint=server.url)
        self.wait_for_targets(found, uuid, 'one', 'n2', 'n3')
        one = found.current().target('one')
        self.assertEqual('https://bmc1.example.com', one.address.url)
        self.assertEqual('hunter1', one.address.password)
        self.assertFalse(one.address.verify)
        tags = {'CUSTOM_WEB', 'resource_class.gold'}
        self.assertEqual(tags, one.tags)
        skipped = (
            '1 Redfish nodes of Ironic of [redfish_ironic] are not targets: '
            'empty'
        )
        self.assertIn(skipped, self.log.output)

        server.stop()
        lost = 'Nodes of Ironic of [redfish_ironic] cannot be read: '
        self.wait_for(lambda: lost in self.log.output, 'the warning')
        self.assertEqual(4, len(found.current()))
        server.start()
        server.create_node(name='n4', driver_info=info(4))
        self.wait_for_targets(found, uuid, 'one', 'n2', 'n3', 'n4')
        self.assertIn(
            'Ironic of [redfish_ironic] has 5 usable Redfish nodes',
            self.log.output,
        )
        for text in (lost, skipped, 'Certificate of target one is not'):
            self.assertEqual(1, self.log.output.count(text), text)

    def test_policy_that_hides_passwords(self) -> None:
        server = self.useFixture(ironic.Ironic(self.home))
        server.create_node(name='n1', driver_info=info(1))
        found = self.start(auth_type='none', endpoint=f'{server.url}/v1/')
        self.assertEqual(0, len(found.current()))
        self.assertIn('policy show_password must allow', self.log.output)
        server.show_passwords('')
        self.wait_for_targets(found, 'n1')

    def test_login_and_the_endpoint_of_the_catalog(self) -> None:
        identity = self.useFixture(keystone.Keystone())
        login = identity.options()
        server = self.useFixture(
            ironic.Ironic(self.home, **login | {'auth_strategy': 'keystone'})
        )
        server.show_passwords('role:admin')
        identity.add_endpoint(server.url)
        admin = identity.api('system-admin')
        server.create_node(
            server.api(admin.session),
            name='n1',
            driver_info=info(1),
            owner='4f1c',
        )
        user = identity.login('system-admin')
        found = self.start(auth_type='password', **user)
        (one,) = found.current().everything()
        self.assertIn('owner.4f1c', one.tags)
        self.assertNotIn(user['password'], self.log.output)

        refused = self.start(
            auth_type='password', **user | {'password': 'wrong'}
        )
        self.assertIn('Unauthorized', self.log.output)
        refused.stop()


if not _LONG:
    del TestIronic
