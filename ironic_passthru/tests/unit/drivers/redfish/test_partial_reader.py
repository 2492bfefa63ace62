# SPDX-License-Identifier: Apache-2.0
"""Reads of several resources of one BMC, of which some may fail."""

from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

ROOT = testing_bmc.ROOT


class MemberTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        self.client = self.client(self.fake)
        self.reader = partial_reader.PartialReader(self.client)

    def collect(self, *members: dict[str, str]) -> resource.Resource:
        self.fake.resources['/c'] = {'Members': list(members)}
        for member in members:
            self.fake.resources[member['@odata.id']] = {'Name': 'read'}
        return self.client.get('/c')

    def test_complete_members_cost_no_request(self) -> None:
        """Also those of other pages than the first."""
        self.fake.page_size = 1
        collection = self.collect(
            {'@odata.id': '/c/1'},
            {'@odata.id': '/c/2', '@odata.type': '#LogEntry', 'Id': '2'},
        )
        self.fake.received.clear()
        members = list(self.reader.members(collection))
        self.assertEqual(['/c/1', '/c/2'], [each.path for each in members])
        self.assertEqual(
            ['read', None], [each.text('Name') for each in members]
        )
        # One member and the second page.
        self.assertEqual(2, len(self.fake.received))

    def test_a_broken_page_keeps_the_members_before_it(self) -> None:
        self.fake.page_size = 1
        collection = self.collect({'@odata.id': '/c/1'}, {'@odata.id': '/c/2'})
        self.fake.faults['GET /c'] = testing_bmc.faults.status(500)
        self.assertEqual(1, len(list(self.reader.members(collection))))
        self.assertEqual(
            [{'path': '/c', 'code': 'bmc_error'}], self.reader.warnings
        )


class ExpandTest(simulated.SimulatedBmcTestCase):
    """Members that one response contains, where the BMC can do this."""

    def test_expand(self) -> None:
        link = {'@odata.id': '/many/1'}
        whole = {**link, '@odata.type': '#Sensor', 'Id': 'inside'}
        for supported, member, requests in (
            (True, whole, ['/many?$expand=.($levels=1)']),
            # A BMC that ignores the query.
            (True, link, ['/many?$expand=.($levels=1)', '/many/1']),
            (False, link, ['/many', '/many/1']),
        ):
            fake = self.simulate()
            fake.resources |= {
                '/many': {'Members': [member]},
                '/many/1': {'Id': 'outside'},
            }
            fake.resources[ROOT]['ProtocolFeaturesSupported'] = {
                'ExpandQuery': {'NoLinks': supported}
            }
            client = self.client(fake)
            client.root()
            fake.received.clear()
            reader = partial_reader.PartialReader(client, max_requests=9)
            owner = resource.Resource('/', {'Many': {'@odata.id': '/many'}})
            (found,) = reader.members(owner, 'Many')
            self.assertEqual(member.get('Id', 'outside'), found.identity)
            self.assertEqual(requests, [each.target for each in fake.received])
            self.assertEqual([], reader.warnings)

    def test_a_refused_query_costs_one_request(self) -> None:
        fake = self.simulate()
        fake.resources[ROOT]['ProtocolFeaturesSupported'] = {
            'ExpandQuery': {'NoLinks': True}
        }
        reader = partial_reader.PartialReader(
            self.client(fake), max_requests=9
        )
        owner = resource.Resource('/', {'Many': {'@odata.id': '/many'}})
        self.assertEqual([], list(reader.members(owner, 'Many')))
        self.assertEqual(
            [{'path': '/many', 'code': 'not_found'}], reader.warnings
        )
        # The service root, the query and the collection.
        self.assertEqual(3, len(fake.received))
