# SPDX-License-Identifier: Apache-2.0
"""Method that returns any resource of a BMC."""

from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import redfish
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish.methods import resource_document
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

SYSTEM = testing_bmc.SYSTEM


class ResourceDocumentTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()

    def read(self, path: str = SYSTEM) -> Any:
        return resource_document.read_document(self.bmc(self.fake), path)

    def test_a_document(self) -> None:
        self.assertEqual(
            {
                'reachable': True,
                'path': SYSTEM,
                'document': self.fake.resources[SYSTEM],
            },
            self.read(),
        )
        self.assertEqual('not_found', self.code(self.read, f'{SYSTEM}/x'))

    def test_secrets_and_control_characters(self) -> None:
        login = f'{self.fake.username}:{self.fake.password}'
        for sent, shown in (
            ({'Password': 'x'}, {'Password': '***'}),
            ({'password': ['x', None]}, {'password': ['***', None]}),
            ({'AuthToken': {'Value': 'x'}}, {'AuthToken': {'Value': '***'}}),
            ({'Password': 12345678}, {'Password': '***'}),
            ({'PrivKey': ['x']}, {'PrivKey': ['***']}),
            (
                {'CommunityStrings': [{'CommunityString': 'x', 'Id': '1'}]},
                {
                    'CommunityStrings': [
                        {'CommunityString': '***', 'Id': '***'}
                    ]
                },
            ),
            (
                {'Oem': {'A': {'PrivateKey': 'x'}}},
                {'Oem': {'A': {'PrivateKey': '***'}}},
            ),
            ({'MinPasswordLength': 8}, {'MinPasswordLength': 8}),
            ({'Secret@odata.count': 'x'}, {'Secret@odata.count': 'x'}),
            ({'Password': ''}, {'Password': ''}),
            ({'a\x1b': 'b\x1b[1m', 'c': True}, {'a': 'b[1m', 'c': True}),
            ({'a': f'for {login}.'}, {'a': 'for admin:***.'}),
        ):
            self.fake.resources[SYSTEM] = sent
            self.assertEqual(shown, self.read()['document'])

    def test_a_document_with_too_many_levels(self) -> None:
        document: dict[str, Any] = {}
        for _ in range(60):
            document = {'a': document}
        self.fake.resources[SYSTEM] = document
        self.assertEqual('bad_answer', self.code(self.read))

    def test_it_ends_at_the_deadline(self) -> None:
        # Too little time for another read.
        machine = self.bmc(self.fake, seconds=0.45)
        self.assertRaises(
            failures.NoAnswer,
            resource_document.read_document,
            machine,
            SYSTEM,
        )

    def test_paths(self) -> None:
        driver = redfish.RedfishVendor()
        self.addCleanup(driver.stop)
        context = request_context.RequestContext(overwrite=False)
        for path in ('/redfish', '/redfish/v1/', f'{SYSTEM}?$expand=.'):
            driver.get_resource(context, path=path)
        for path in (
            'redfish/v1',
            '/',
            '/api',
            'https://x/redfish/v1',
            '//x/redfish/v1',
            '/redfish//v1',
            '/redfish/../api',
            '/redfish/%2e%2e/api',
            '/redfish/%252e%252e/api',
            '/redfish/%25252e%25252e/api',
            '/redfish/v1/..;/api',
            '/redfish/v1/..%2fapi',
            '/redfish\\..\\api',
            '/redfish/v1#x',
            '/redfish/v1 x',
            '/redfish/v1\r\nHost: x',
            '/redfish/%0d%0a',
        ):
            error = self.assertRaises(
                errors.InvalidParameterValue,
                driver.get_resource,
                context,
                path=path,
            )
            self.assertIn('path must be', error.message)
