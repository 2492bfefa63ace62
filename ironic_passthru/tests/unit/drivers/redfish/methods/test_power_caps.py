# SPDX-License-Identifier: Apache-2.0
"""Power limits in the resources of old and of new BMCs."""

from typing import Any

from ironic_passthru import errors
from ironic_passthru.testing import bmc
from ironic_passthru.tests.unit.drivers.redfish.methods import driven

CHASSIS = driven.CHASSIS
POWER = f'{CHASSIS}/Power'
METRICS = f'{CHASSIS}/EnvironmentMetrics'
CONTROL = f'{CHASSIS}/Controls/1'


class PowerCapTestCase(driven.MethodTestCase):
    def add_power(self, *controls: Any) -> None:
        self.link(CHASSIS, Power=self.add(POWER, PowerControl=[*controls]))

    def add_metrics(self, **limit: Any) -> None:
        self.add(METRICS, PowerWatts={'Reading': 210}, PowerLimitWatts=limit)
        self.link(CHASSIS, EnvironmentMetrics=METRICS)

    def add_control(self, **members: Any) -> None:
        self.add(CONTROL, Id='1', ControlType='Power', **members)
        self.collect(f'{CHASSIS}/Controls', CONTROL)
        self.link(CHASSIS, Controls=f'{CHASSIS}/Controls')

    def put(self, watts: int | None, **options: Any) -> Any:
        return self.call('power_cap', 'PUT', watts=watts, **options)


class ReadTest(PowerCapTestCase):
    def check(self, *expected: Any) -> None:
        item = self.call('power_cap')
        names = ('limit', 'consumed', 'minimum', 'maximum')
        self.assertEqual(
            expected, tuple(item[f'{name}_watts'] for name in names)
        )

    def test_resources(self) -> None:
        self.add_control(SetPoint=300)
        self.check(300, None, None, None)
        self.add_metrics(SetPoint=400, AllowableMin=100, AllowableMax=500)
        self.check(400, 210, 100, 500)
        self.add_metrics(SetPoint=400, ControlMode='Disabled')
        self.check(None, 210, None, None)
        self.add_power(
            None,
            {'PowerConsumedWatts': 205},
            {'PowerLimit': {'LimitInWatts': 350}},
        )
        self.check(350, 205, None, None)

    def test_without_a_limit(self) -> None:
        self.assertEqual(
            'not_supported', self.call('power_cap')['error']['code']
        )
        self.add_power({'PowerConsumedWatts': 205})
        self.check(None, 205, None, None)
        self.assertEqual('not_supported', self.put(300)['error']['code'])
        self.assertEqual([], self.changes())

    def test_the_limit_of_a_part_is_not_that_of_the_system(self) -> None:
        self.add_metrics(SetPoint=400)
        self.fake.resources[CHASSIS]['ChassisType'] = 'Module'
        self.assertEqual('not_supported', self.put(300)['error']['code'])
        self.assertEqual([], self.changes())

    def test_one_odd_resource_is_a_warning(self) -> None:
        self.add_metrics(SetPoint=400)
        self.link(CHASSIS, Power=POWER)
        self.check(400, 210, None, None)
        (warning,) = self.call('power_cap')['warnings']
        self.assertEqual({'path': POWER, 'code': 'not_found'}, warning)


class ChangeTest(PowerCapTestCase):
    def test_changes(self) -> None:
        self.add_control(SetPoint=300)
        self.check(250, CONTROL, {'SetPoint': 250})
        self.check(None, CONTROL, {'SetPoint': None})
        self.add_metrics(SetPoint=400, ControlMode='Automatic')
        self.check(250, METRICS, {'PowerLimitWatts': {'SetPoint': 250}})
        disabled = {'ControlMode': 'Disabled'}
        self.check(None, METRICS, {'PowerLimitWatts': disabled})
        automatic = {'SetPoint': 250, 'ControlMode': 'Automatic'}
        self.check(250, METRICS, {'PowerLimitWatts': automatic})

    def check(self, watts: int | None, path: str, body: Any) -> None:
        """Set a limit twice; only the first time is a change."""
        for changed in (True, False):
            item = self.put(watts)
            self.assertEqual(watts, item['limit_watts'])
            self.assertIs(changed, item['changed'])
        self.assertEqual([('PATCH', path, body)], self.changes())

    def test_below_the_consumption(self) -> None:
        self.add_metrics(SetPoint=400)
        for watts, warned in ((209, True), (209, True), (210, False)):
            for dry_run in (True, False):
                item = self.put(watts, dry_run=dry_run)
                self.assertIs(warned, 'warning' in item, item)
                if warned:
                    self.assertIn('210 W', item['warning'])
        self.assertNotIn('warning', self.put(None))

    def test_positions_of_power(self) -> None:
        self.add_power({}, {'PowerLimit': {'LimitInWatts': None}})
        body = {'PowerControl': [{}, {'PowerLimit': {'LimitInWatts': 250}}]}
        item = self.put(250, dry_run=True)
        self.assertEqual(body, item['would_send'][0]['body'])
        self.assertEqual([], self.changes())
        self.check(250, POWER, body)

    def test_bounds(self) -> None:
        for bounds, watts, text in (
            ({'AllowableMin': 100, 'AllowableMax': 500}, 501, '100 to 500'),
            ({'AllowableMin': 100}, 99, '100 or more'),
            ({'AllowableMax': 500}, 501, '500 or less'),
        ):
            self.add_metrics(SetPoint=400, **bounds)
            error = self.put(watts)['error']
            self.assertEqual('value_not_allowed', error['code'])
            self.assertEqual(
                f'The BMC does not allow {watts} as watts; allowed: {text}. '
                'Nothing was sent.',
                error['message'],
            )
        self.assertEqual([], self.changes())

    def test_a_change_that_cannot_be_read_back(self) -> None:
        async def accept(exchange: bmc.Exchange) -> None:
            self.fake.faults[f'GET {METRICS}'] = bmc.faults.status(503)
            await exchange.send(bmc.BmcReply(204))

        self.add_metrics(SetPoint=400)
        self.fake.faults['PATCH'] = accept
        self.assertEqual({'reachable': True, 'changed': True}, self.put(300))

    def test_a_refused_limit(self) -> None:
        self.add_metrics(SetPoint=400)
        self.fake.faults['PATCH'] = bmc.faults.status(400)
        self.assertEqual('refused', self.put(300)['error']['code'])

    def test_parameters(self) -> None:
        driver = self.start()
        for verb, options, kind, text in (
            (
                'GET',
                {'watts': None},
                errors.InvalidParameterValue,
                'watts is not allowed with GET',
            ),
            (
                'PUT',
                {'target': 'node'},
                errors.MissingParameterValue,
                'PUT of power_cap needs watts',
            ),
        ):
            error = self.assertRaises(
                kind, driver.call, 'power_cap', verb, **options
            )
            self.assertIn(text, error.message)
