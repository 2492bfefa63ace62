# SPDX-License-Identifier: Apache-2.0
"""Method that sets the indicator LED."""

from ironic_passthru.drivers.redfish.methods import indicator_led
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

SYSTEM = testing_bmc.SYSTEM


class IndicatorTest(simulated.SimulatedBmcTestCase):
    def test_properties(self) -> None:
        both = {'IndicatorLED': 'Off', 'LocationIndicatorActive': False}
        new = {'LocationIndicatorActive': False}
        for system, state, change in (
            (both, 'Lit', {'IndicatorLED': 'Lit'}),
            (both, 'Off', None),
            (new, 'Lit', {'LocationIndicatorActive': True}),
            (new, 'Blinking', {'LocationIndicatorActive': True}),
            (new, 'Off', None),
            (new | {'IndicatorLED': None}, 'Off', None),
            ({'IndicatorLED': None}, 'Lit', {'IndicatorLED': 'Lit'}),
        ):
            fake = self.simulate()
            fake.resources[SYSTEM] = dict(system)
            machine = self.bmc(fake, system_id=SYSTEM)
            self.assertEqual(
                {
                    'reachable': True,
                    'changed': change is not None,
                    'state': state,
                },
                indicator_led.set_indicator(machine, state),
            )
            sent = [
                each.document()
                for each in fake.received
                if each.http_method == 'PATCH'
            ]
            self.assertEqual([] if change is None else [change], sent, system)

    def test_no_indicator(self) -> None:
        fake = self.simulate()
        del fake.resources[SYSTEM]['IndicatorLED']
        self.assertEqual(
            'not_supported',
            self.code(indicator_led.set_indicator, self.bmc(fake), 'Lit'),
        )
        self.assertEqual(0, fake.count()['PATCH'])

    def test_a_state_that_is_not_allowed(self) -> None:
        fake = self.simulate()
        allowable = 'IndicatorLED@Redfish.AllowableValues'
        fake.resources[SYSTEM][allowable] = ['Lit', 'Off']
        self.assertEqual(
            {
                'code': 'value_not_allowed',
                'message': 'The BMC does not allow Blinking as state; '
                'allowed: Lit, Off. Nothing was sent.',
            },
            self.error(
                indicator_led.set_indicator, self.bmc(fake), 'Blinking'
            ),
        )
        self.assertEqual(0, fake.count()['PATCH'])
