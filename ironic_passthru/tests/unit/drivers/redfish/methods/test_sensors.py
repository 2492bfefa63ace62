# SPDX-License-Identifier: Apache-2.0
"""Sensors in the resources of old and of new BMCs."""

from typing import Any

from ironic_passthru.testing import bmc
from ironic_passthru.tests.unit.drivers.redfish.methods import driven

CHASSIS = driven.CHASSIS
OK = {'State': 'Enabled', 'Health': 'OK'}


class SensorsTest(driven.MethodTestCase):
    def add_old(self) -> None:
        self.link(CHASSIS, Thermal=f'{CHASSIS}/Thermal')
        self.link(CHASSIS, Power=f'{CHASSIS}/Power')
        self.add(
            f'{CHASSIS}/Thermal',
            Temperatures=[
                {
                    'Name': 'CPU1',
                    'ReadingCelsius': 41,
                    'UpperThresholdCritical': 90,
                    'LowerThresholdCritical': 5,
                    'Status': OK,
                },
                'odd',
                {'MemberId': 7, 'ReadingCelsius': {}, 'Status': None},
            ],
            Fans=[{'FanName': 'Fan 1', 'Reading': 40, 'ReadingUnits': '%'}],
        )
        self.add(
            f'{CHASSIS}/Power',
            PowerControl=[{'Name': 'System', 'PowerConsumedWatts': '250.5'}],
            PowerSupplies=[{'Name': 'PSU1', 'LastPowerOutputWatts': 120}],
            Voltages=[{'Name': '12V', 'ReadingVolts': 12.1}],
        )

    def add_sensors(self) -> None:
        self.link(CHASSIS, Sensors=f'{CHASSIS}/Sensors')
        paths = [
            self.add(f'{CHASSIS}/Sensors/{name}', Id=name, Name=name, **more)
            for name, more in {
                'Inlet': {
                    'ReadingType': 'Temperature',
                    'Reading': 22.5,
                    'ReadingUnits': 'Cel',
                    'Thresholds': {'UpperCritical': {'Reading': 45}},
                },
                'Pwm': {'ReadingType': 'Percent', 'PhysicalContext': 'Fan'},
                'Load': {'ReadingType': 'Percent'},
                'Input': {'ReadingType': 'Power', 'Reading': 300},
            }.items()
        ]
        self.collect(f'{CHASSIS}/Sensors', *paths)

    def add_subsystems(self) -> None:
        thermal, power = f'{CHASSIS}/ThermalSubsystem', f'{CHASSIS}/Power2'
        self.link(
            CHASSIS,
            ThermalSubsystem=self.add(
                thermal,
                ThermalMetrics=f'{thermal}/Metrics',
                Fans=f'{thermal}/Fans',
            ),
            PowerSubsystem=self.add(power, PowerSupplies=f'{power}/Supplies'),
            EnvironmentMetrics=self.add(
                f'{CHASSIS}/Environment', PowerWatts={'Reading': 310}
            ),
        )
        self.add(
            f'{thermal}/Metrics',
            TemperatureReadingsCelsius=[{'DeviceName': 'A', 'Reading': 30}],
        )
        fan = self.add(
            f'{thermal}/Fans/1',
            Id='1',
            Name='Fan 1',
            SpeedPercent={'Reading': 55},
            Status=OK,
        )
        self.collect(f'{thermal}/Fans', fan)
        supply = self.add(f'{power}/1', Id='1', Metrics=f'{power}/1/Metrics')
        self.add(f'{power}/1/Metrics', OutputPowerWatts={'Reading': 150})
        self.collect(f'{power}/Supplies', supply)

    def read(self, **options: Any) -> list[tuple[Any, ...]]:
        item = self.call('sensors', **options)
        self.assertEqual([], item['warnings'])
        return [
            (each['kind'], each['name'], each['reading'], each['units'])
            for each in item['sensors']
        ]

    def test_old_resources(self) -> None:
        self.add_old()
        self.assertEqual(
            [
                ('temperature', 'CPU1', 41, 'Cel'),
                ('temperature', '7', None, 'Cel'),
                ('fan', 'Fan 1', 40, '%'),
                ('power', 'System', 250.5, 'W'),
                ('power', 'PSU1', 120, 'W'),
                ('voltage', '12V', 12.1, 'V'),
            ],
            self.read(),
        )
        self.assertEqual(
            {
                'chassis': '1',
                'name': 'CPU1',
                'kind': 'temperature',
                'reading': 41,
                'units': 'Cel',
                'state': 'Enabled',
                'health': 'OK',
                'upper_critical': 90,
                'lower_critical': 5,
            },
            self.call('sensors')['sensors'][0],
        )

    def test_a_kind_reads_only_its_resources(self) -> None:
        self.add_old()
        self.assertEqual([('fan', 'Fan 1', 40, '%')], self.read(kind='fan'))
        read = {each.path for each in self.fake.received}
        self.assertNotIn(f'{CHASSIS}/Power', read)

    def test_sensors(self) -> None:
        self.add_sensors()
        expected = [
            ('temperature', 'Inlet', 22.5, 'Cel'),
            ('fan', 'Pwm', None, None),
            ('power', 'Input', 300, None),
        ]
        self.assertEqual(expected, self.read())
        (inlet,) = self.call('sensors', kind='temperature')['sensors']
        self.assertEqual(45, inlet['upper_critical'])

    def test_expansion_is_used_if_the_bmc_supports_it(self) -> None:
        self.add_sensors()
        expected = self.read()
        self.fake.resources[bmc.ROOT]['ProtocolFeaturesSupported'] = {
            'ExpandQuery': {'NoLinks': True}
        }
        # The simulated BMC ignores the query.
        self.assertEqual(expected, self.read())
        queries = {each.query for each in self.fake.received}
        self.assertIn('$expand=.($levels=1)', queries)

    def test_subsystems(self) -> None:
        self.add_subsystems()
        self.assertEqual(
            [
                ('temperature', 'A', 30, 'Cel'),
                ('fan', 'Fan 1', 55, '%'),
                ('power', 'PowerWatts', 310, 'W'),
                ('power', '1', 150, 'W'),
            ],
            self.read(),
        )

    def test_old_resources_precede_new_ones(self) -> None:
        self.add_old()
        expected = self.read()
        self.add_sensors()
        self.add_subsystems()
        self.assertEqual(expected, self.read())

    def test_one_odd_resource_is_a_warning(self) -> None:
        self.add_old()
        del self.fake.resources[f'{CHASSIS}/Power']
        item = self.call('sensors')
        self.assertEqual(3, len(item['sensors']))
        self.assertEqual(
            [{'path': f'{CHASSIS}/Power', 'code': 'not_found'}],
            item['warnings'],
        )

    def test_nothing_to_read(self) -> None:
        self.assertEqual(
            'not_supported', self.call('sensors')['error']['code']
        )
        self.link(CHASSIS, Thermal=f'{CHASSIS}/Missing')
        self.assertEqual('not_found', self.call('sensors')['error']['code'])
