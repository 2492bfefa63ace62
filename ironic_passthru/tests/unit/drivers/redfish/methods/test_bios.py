# SPDX-License-Identifier: Apache-2.0
"""The methods ``bios``, ``set_bios`` and ``reset_bios``."""

from typing import Any

from ironic_passthru.drivers.redfish.methods import bios
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

SYSTEM = testing_bmc.SYSTEM
BIOS = f'{SYSTEM}/Bios'
SETTINGS = f'{BIOS}/Settings'
RESET = f'{BIOS}/Actions/Bios.ResetBios'


class BiosTestCase(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        self.fake.etags = 'strong'
        resources = self.fake.resources
        resources[SYSTEM]['Bios'] = {'@odata.id': BIOS}
        self.bios = resources[BIOS] = {
            'Attributes': {'Boot': 'Uefi', 'Cores': 0, 'Turbo': True},
            '@Redfish.Settings': {
                'SettingsObject': {'@odata.id': SETTINGS},
                'SupportedApplyTimes': ['OnReset'],
            },
            'Actions': {'#Bios.ResetBios': {'target': RESET}},
        }
        self.settings = resources[SETTINGS] = {
            'Attributes': {'Boot': 'Bios', 'Cores': 0, 'Turbo': True}
        }

    def change(self, **attributes: Any) -> dict[str, Any]:
        return bios.change(self.bmc(self.fake), attributes)

    def sent(self) -> list[Any]:
        """Return the attributes of each PATCH."""
        return [
            each.document()['Attributes']
            for each in self.fake.received
            if each.http_method == 'PATCH' and each.path == SETTINGS
        ]


class ReadTest(BiosTestCase):
    def test_current_and_pending(self) -> None:
        self.bios['Attributes'] |= {'Odd': [], 'Text': 'a\x1b[2Jb'}
        expected = {
            'reachable': True,
            'attributes': {
                'Boot': 'Uefi',
                'Cores': 0,
                'Turbo': True,
                'Text': 'a[2Jb',
            },
            'pending': {'Boot': 'Bios'},
            'warnings': [],
        }
        self.assertEqual(expected, bios.read(self.bmc(self.fake)))

    def test_unreadable_settings(self) -> None:
        del self.fake.resources[SETTINGS]
        item = bios.read(self.bmc(self.fake))
        self.assertEqual('Uefi', item['attributes']['Boot'])
        self.assertIsNone(item['pending'])
        self.assertEqual(
            [{'path': SETTINGS, 'code': 'not_found'}], item['warnings']
        )

    def test_no_bios_resource(self) -> None:
        del self.fake.resources[SYSTEM]['Bios']
        self.assertEqual(
            'not_supported', self.code(bios.read, self.bmc(self.fake))
        )


class ChangeTest(BiosTestCase):
    def test_only_differing_attributes_are_sent(self) -> None:
        item = self.change(Boot='Bios', Cores=4, Turbo=True)
        self.assertEqual(
            {
                'reachable': True,
                'changed': True,
                'pending': {'Boot': 'Bios', 'Cores': 4},
                'applies': 'next_boot',
            },
            item,
        )
        self.assertEqual([{'Cores': 4}], self.sent())
        document = self.fake.received[-2].document()
        self.assertEqual(
            'OnReset', document['@Redfish.SettingsApplyTime']['ApplyTime']
        )
        self.assertIn('if-match', self.fake.received[-2].headers)

    def test_already_in_the_state(self) -> None:
        for pending, applies in (('Bios', 'next_boot'), ('Uefi', None)):
            self.settings['Attributes']['Boot'] = pending
            item = self.change(Boot=pending)
            self.assertEqual(
                (False, applies), (item['changed'], item['applies'])
            )
        self.assertEqual([], self.sent())

    def test_types_matter(self) -> None:
        for value in (1, 1.0):
            self.settings['Attributes']['Turbo'] = True
            self.assertTrue(self.change(Turbo=value)['changed'], value)

    def test_a_bios_without_settings_object(self) -> None:
        del self.bios['@Redfish.Settings']
        self.assertTrue(self.change(Boot='Bios')['changed'])
        self.assertEqual(
            {'Attributes': {'Boot': 'Bios'}},
            self.fake.received[-2].document(),
        )

    def test_unknown_attribute(self) -> None:
        error = self.error(lambda: self.change(Bot='Bios', Cores=4))
        self.assertEqual('value_not_allowed', error['code'])
        self.assertIn('attributes: Bot;', error['message'])
        self.assertEqual([], self.sent())

    def test_a_task_until_the_next_boot(self) -> None:
        task = testing_bmc.BmcReply(
            202, {'TaskState': 'New'}, {'Location': '/tasks/1'}
        )
        self.fake.faults['PATCH'] = testing_bmc.faults.respond(task)
        item = self.change(Cores=4)
        self.assertEqual('/tasks/1', item['task'])
        self.assertNotIn('/tasks/1', [r.path for r in self.fake.received])

    def test_refused(self) -> None:
        self.fake.faults['PATCH'] = testing_bmc.faults.status(400)
        self.assertEqual('refused', self.code(lambda: self.change(Cores=4)))
        self.assertEqual(1, self.fake.count()['PATCH'])

    def test_a_failed_read_after_the_change(self) -> None:
        def accept(exchange: testing_bmc.Exchange) -> Any:
            unreadable = testing_bmc.faults.status(503)
            self.fake.faults[f'GET {SETTINGS}'] = unreadable
            accepted = testing_bmc.BmcReply(204)
            return testing_bmc.faults.respond(accepted)(exchange)

        self.fake.faults['PATCH'] = accept
        item = self.change(Cores=4)
        self.assertEqual({'Boot': 'Bios', 'Cores': 4}, item['pending'])


class RegistryTest(BiosTestCase):
    """The attribute registry of the BMC, where it publishes one."""

    def setUp(self) -> None:
        super().setUp()
        registries = f'{testing_bmc.ROOT}/Registries'
        resources = self.fake.resources
        resources[testing_bmc.ROOT]['Registries'] = {'@odata.id': registries}
        self.bios['AttributeRegistry'] = 'BiosRegistry.v1_2_0'
        files = {
            'Base.1.8': 'Base.1.8',
            'BiosRegistryOld': 'BiosRegistryOld.v1_0_0',
            'BiosRegistry': 'BiosRegistry.v1_2_0',
        }
        resources[registries] = {
            'Members': [{'@odata.id': f'{registries}/{n}'} for n in files]
        }
        self.path = '/redfish/v1/bios.json'
        for name, registry in files.items():
            resources[f'{registries}/{name}'] = {
                'Registry': registry,
                'Location': [
                    {'Language': 'de', 'Uri': '/x'},
                    {'Language': 'en', 'Uri': self.path},
                ],
            }
        values = [{'ValueName': 'Uefi'}, {'ValueName': 'Bios'}]
        self.entries = [
            {'AttributeName': 'Boot', 'Type': 'Enumeration', 'Value': values},
            {
                'AttributeName': 'Cores',
                'Type': 'Integer',
                'LowerBound': 0,
                'UpperBound': 8,
            },
            {'AttributeName': 'Turbo', 'Type': 'Boolean'},
            {'AttributeName': 'Tag', 'Type': 'String', 'MaxLength': 3},
            {'AttributeName': 'Serial', 'Type': 'String', 'ReadOnly': True},
        ]
        resources[self.path] = {
            'RegistryEntries': {'Attributes': self.entries}
        }
        self.bios['Attributes'] |= {'Tag': 'a', 'Serial': '1'}

    def test_values_that_are_not_allowed(self) -> None:
        for value, problem in (
            ({'Boot': 'uefi'}, 'Boot must be one of Uefi, Bios'),
            ({'Boot': 1}, 'Boot must be a string'),
            ({'Cores': 9}, 'Cores must be 0 to 8'),
            ({'Cores': True}, 'Cores must be an integer'),
            ({'Cores': 1.5}, 'Cores must be an integer'),
            ({'Turbo': 'Enabled'}, 'Turbo must be true or false'),
            (
                {'Tag': 'abcd'},
                'Tag must be a string with a length of at most 3',
            ),
            ({'Serial': '2'}, 'Serial is read-only'),
            (
                {'Cores': -1, 'Serial': '2', 'Boot': 'Uefi'},
                'Cores must be 0 to 8; Serial is read-only',
            ),
        ):
            error = self.error(lambda value=value: self.change(**value))
            self.assertEqual(
                'The BMC does not allow these BIOS attributes: '
                f'{problem}. Nothing was changed.',
                error['message'],
            )
            self.assertEqual('value_not_allowed', error['code'])
        self.assertEqual([], self.sent())

    def test_unreported_names(self) -> None:
        self.bios['Attributes'] = self.settings['Attributes'] = {}
        error = self.error(lambda: self.change(Bot='Uefi', Cores=1))
        self.assertIn('attributes: Bot is unknown.', error['message'])

    def test_allowed_values_are_sent(self) -> None:
        wanted = {'Boot': 'Uefi', 'Cores': 8, 'Turbo': False, 'Tag': 'abc'}
        self.change(**wanted)
        self.assertEqual([wanted], self.sent())

    def test_unusable_registries(self) -> None:
        def contradict() -> None:
            self.bios['Attributes']['Cores'] = '0'

        def remove() -> None:
            del self.fake.resources[self.path]

        def mistype() -> None:
            self.entries[1]['Type'] = ['Integer']

        def repeat() -> None:
            registries = f'{testing_bmc.ROOT}/Registries'
            self.fake.resources[registries] |= {
                'Members@odata.nextLink': registries
            }

        for spoil in (
            contradict,
            mistype,
            self.entries.clear,
            repeat,
            remove,
        ):
            spoil()
            self.change(Cores='9')
            self.assertEqual({'Cores': '9'}, self.sent()[-1])
            self.settings['Attributes']['Cores'] = 0


class ResetTest(BiosTestCase):
    def test_reset(self) -> None:
        self.assertEqual(
            {'reachable': True, 'changed': True, 'applies': 'next_boot'},
            bios.reset(self.bmc(self.fake)),
        )
        self.assertEqual(RESET, self.fake.received[-1].path)

    def test_no_action(self) -> None:
        del self.bios['Actions']
        self.assertEqual(
            'not_supported', self.code(bios.reset, self.bmc(self.fake))
        )
