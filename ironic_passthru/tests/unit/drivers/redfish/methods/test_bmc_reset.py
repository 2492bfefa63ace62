# SPDX-License-Identifier: Apache-2.0
"""Method that restarts the BMC."""

from typing import Any

from ironic_passthru.drivers.redfish.methods import bmc_reset
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

SYSTEM = testing_bmc.SYSTEM
MANAGERS = [f'{testing_bmc.ROOT}/Managers/{number}' for number in '12']


class BmcResetTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        self.fake.resources[SYSTEM]['Links'] = {
            'ManagedBy': [{'@odata.id': path} for path in MANAGERS]
        }
        for path in MANAGERS:
            action = {'target': f'{path}/Reset'}
            self.fake.resources[path] = {'Actions': {'#Manager.Reset': action}}

    def reset(self, reset_type: str = 'GracefulRestart') -> Any:
        return bmc_reset.reset(self.bmc(self.fake), reset_type)

    def test_every_manager_is_restarted_once(self) -> None:
        self.assertEqual(
            {'reachable': True, 'changed': True, 'managers': ['1', '2']},
            self.reset(),
        )
        self.assertEqual(
            [{'ResetType': 'GracefulRestart'}] * 2,
            [
                each.document()
                for each in self.fake.received
                if each.http_method == 'POST'
            ],
        )

    def test_managers_before_an_error_are_listed(self) -> None:
        fault = testing_bmc.faults.close
        self.fake.faults[f'POST {MANAGERS[1]}/Reset'] = fault
        item = self.reset()
        self.assertEqual('outcome_unknown', item['error']['code'])
        self.assertEqual(['1'], item['managers'])
        self.assertTrue(item['changed'])
        self.fake.faults['POST'] = fault
        # Whether the first one was restarted is not known.
        self.assertNotIn('changed', self.reset())

    def test_nothing_is_sent_unless_all_can_be_restarted(self) -> None:
        second = self.fake.resources[MANAGERS[1]]
        allowed = {'ResetType@Redfish.AllowableValues': ['ForceRestart']}
        second['Actions']['#Manager.Reset'] |= allowed
        self.assertEqual('value_not_allowed', self.code(self.reset))
        second['Actions'] = {}
        self.assertEqual('not_supported', self.code(self.reset))
        self.fake.resources[SYSTEM]['Links'] = {}
        self.assertEqual('not_supported', self.code(self.reset))
        self.assertEqual(0, self.fake.count()['POST'])
