# SPDX-License-Identifier: Apache-2.0
"""Methods that read and change the power state."""

from typing import Any
from unittest import mock

from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish.methods import power
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

SYSTEM = testing_bmc.SYSTEM
TARGET = f'{SYSTEM}/Actions/ComputerSystem.Reset'
ACTION = '#ComputerSystem.Reset'


class PowerTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        self.system = self.fake.resources[SYSTEM]
        self.action: dict[str, Any] = {'target': TARGET}
        self.system['Actions'] = {ACTION: self.action}
        self.sent: list[str] = []
        self.after: dict[str, str] = {'ForceOff': 'Off', 'On': 'On'}
        self.fake.actions[TARGET] = self.reset

    def reset(
        self, request: testing_bmc.BmcRequest
    ) -> testing_bmc.BmcReply | None:
        kind = request.document()['ResetType']
        self.sent.append(kind)
        current = self.system['PowerState']
        self.system['PowerState'] = self.after.get(kind, current)
        return None

    def machine(self, **more: Any) -> bmc.Bmc:
        return self.bmc(self.fake, system_id=SYSTEM, **more)

    def power(self, state: str, *, wait: bool = False, **more: Any) -> Any:
        return power.set_power(self.machine(**more), state, wait=wait)

    def test_power_state(self) -> None:
        for reported, expected in (('Off', 'Off'), (None, None), ([], None)):
            self.system['PowerState'] = reported
            self.assertEqual(
                {'reachable': True, 'power_state': expected},
                power.read_power(self.machine()),
            )

    def test_requests(self) -> None:
        for current, state, sent, after in (
            ('On', 'On', None, 'On'),
            ('PoweringOn', 'On', None, 'PoweringOn'),
            ('Off', 'On', 'On', 'On'),
            ('Off', 'ForceOff', None, 'Off'),
            ('PoweringOff', 'ForceOff', 'ForceOff', 'Off'),
            ('PoweringOff', 'GracefulShutdown', None, 'PoweringOff'),
            ('On', 'GracefulShutdown', 'GracefulShutdown', 'On'),
            ('On', 'ForceRestart', 'ForceRestart', 'On'),
            ('Off', 'PowerCycle', 'PowerCycle', 'Off'),
            ('On', 'Nmi', 'Nmi', 'On'),
            (None, 'On', 'On', 'On'),
        ):
            self.system['PowerState'] = current
            self.sent.clear()
            self.assertEqual(
                {
                    'reachable': True,
                    'changed': sent is not None,
                    'reset_type': sent,
                    'power_state': after,
                },
                self.power(state),
            )
            self.assertEqual([sent] if sent else [], self.sent)

    def test_allowable_values(self) -> None:
        info = f'{SYSTEM}/ResetActionInfo'
        self.fake.resources[info] = {
            'Parameters': [
                {'Name': 'ResetType', 'AllowableValues': ['ForceOn', 'Nmi']}
            ]
        }
        values = {'ResetType@Redfish.AllowableValues': ['ForceOn', 'Nmi']}
        for action in (values, {'@Redfish.ActionInfo': info}):
            self.action |= {'@Redfish.ActionInfo': None, **action}
            self.system['PowerState'] = 'Off'
            self.after['ForceOn'] = 'On'
            self.sent.clear()
            self.assertEqual('ForceOn', self.power('On')['reset_type'])
            self.assertEqual(
                {
                    'code': 'value_not_allowed',
                    'message': 'The BMC does not allow ForceRestart as state; '
                    'allowed: ForceOn, Nmi. Nothing was sent.',
                },
                self.error(self.power, 'ForceRestart'),
            )
            self.assertEqual(['ForceOn'], self.sent)
            self.action.pop('ResetType@Redfish.AllowableValues', None)

    def test_a_missing_action_info_allows_everything(self) -> None:
        self.action['@Redfish.ActionInfo'] = '/redfish/v1/nothing'
        self.assertEqual('Nmi', self.power('Nmi')['reset_type'])

    def test_no_action(self) -> None:
        self.system['Actions'] = {}
        self.assertEqual('not_supported', self.code(self.power, 'Nmi'))

    def test_a_change_whose_result_cannot_be_read(self) -> None:
        def reset(request: testing_bmc.BmcRequest) -> None:
            self.fake.faults['GET'] = testing_bmc.faults.status(503)

        self.fake.actions[TARGET] = reset
        item = self.power('ForceOff')
        self.assertNotIn('error', item)
        self.assertTrue(item['changed'])
        self.assertIsNone(item['power_state'])

    def test_waiting(self) -> None:
        self.after['ForceOff'] = 'PoweringOff'
        polls = []

        def pause(_client: Any, seconds: float) -> bool:
            polls.append(seconds)
            if len(polls) == 3:
                self.system['PowerState'] = 'Off'
            return True

        with mock.patch.object(simulated.client.BmcClient, 'pause', pause):
            item = self.power('ForceOff', wait=True)
        self.assertEqual('Off', item['power_state'])
        self.assertNotIn('error', item)
        self.assertEqual([2.0, 3.0, 4.5], polls)
        self.assertEqual(['ForceOff'], self.sent)

    def test_a_state_that_is_not_reached_before_the_deadline(self) -> None:
        item = self.power('GracefulShutdown', wait=True, seconds=1.2)
        self.assertEqual('state_not_reached', item['error']['code'])
        self.assertEqual('On', item['power_state'])
        self.assertTrue(item['changed'])
        self.assertEqual(['GracefulShutdown'], self.sent)

    def test_a_cancelled_call_waits_no_longer(self) -> None:
        machine = self.machine(seconds=600.0)
        with mock.patch.object(
            simulated.client.BmcClient, 'is_cancelled', True
        ):
            item = power.set_power(machine, 'GracefulShutdown', wait=True)
        self.assertEqual('state_not_reached', item['error']['code'])
