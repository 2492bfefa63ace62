# SPDX-License-Identifier: Apache-2.0
"""Method that reads sensors."""

from collections.abc import Iterator
from typing import Annotated
from typing import Literal
from typing import Unpack

import pydantic
from typing_extensions import TypedDict

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_Kind = Annotated[
    Literal['temperature', 'fan', 'power', 'voltage', 'current'] | None,
    pydantic.Field(description='Return only sensors of this kind.'),
]

_THERMAL = frozenset({'temperature', 'fan'})
_ELECTRIC = frozenset({'power', 'voltage', 'current'})

# ReadingType of Sensor 1.0 (2018) and later.
_KINDS = {
    'Temperature': 'temperature',
    'Rotational': 'fan',
    'Power': 'power',
    'Voltage': 'voltage',
    'Current': 'current',
}

# Arrays of Thermal and Power, which are deprecated since 2020: kind, names of
# the reading, in the order of preference, and units.
_ARRAYS = {
    'Temperatures': ('temperature', ('ReadingCelsius',), 'Cel'),
    'Fans': ('fan', ('Reading', 'ReadingRPM'), 'RPM'),
    'PowerControl': ('power', ('PowerConsumedWatts',), 'W'),
    'PowerSupplies': (
        'power',
        ('PowerOutputWatts', 'LastPowerOutputWatts', 'PowerInputWatts'),
        'W',
    ),
    'Voltages': ('voltage', ('ReadingVolts',), 'V'),
}


class SensorReading(TypedDict):
    """A sensor."""

    chassis: str
    """Id of the chassis."""
    name: str | None
    kind: Literal['temperature', 'fan', 'power', 'voltage', 'current']
    reading: float | None
    """In ``units``."""
    units: str | None
    """As in UCUM: ``Cel``, ``%``, ``W``, ``V``, ``A``; ``RPM`` for fans."""
    state: str | None
    """Such as ``Enabled``."""
    health: str | None
    """``OK``, ``Warning`` or ``Critical``."""
    upper_critical: float | None
    lower_critical: float | None


class SensorsItem(results.PartialItem):
    """The sensors of a target."""

    sensors: list[SensorReading]


class SensorMethods(fleet.FleetMethods):
    """The method ``sensors``."""

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def sensors(
        self,
        context: request_context.RequestContext,
        *,
        kind: _Kind = None,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[SensorsItem]:
        """Return temperatures, fans, power and voltages of targets.

        Values that the BMC does not report are ``null``.
        """
        return self._each(
            context, options, lambda machine: _sensors(machine, kind)
        )


def _sensors(machine: bmc.Bmc, kind: str | None) -> failures.Item:
    reader = partial_reader.PartialReader(machine.client)
    wanted = _THERMAL | _ELECTRIC if kind is None else frozenset({kind})
    found = []
    has_any = False
    for chassis in reader.owners(machine.chassis_paths, 'Chassis'):
        has_any = has_any or _has_sensors(chassis)
        for sensor in _of_chassis(reader, chassis, wanted):
            if sensor['kind'] in wanted:
                found.append({'chassis': chassis.identity, **sensor})
    failed = bool(reader.warnings) and not found
    reader.check(found=has_any and not failed)
    return {'reachable': True, 'sensors': found, 'warnings': reader.warnings}


def _has_sensors(chassis: resource.Resource) -> bool:
    names = (
        'Thermal',
        'Power',
        'Sensors',
        'ThermalSubsystem',
        'PowerSubsystem',
        'EnvironmentMetrics',
    )
    return any(chassis.link(name) for name in names)


def _of_chassis(
    reader: partial_reader.PartialReader,
    chassis: resource.Resource,
    wanted: frozenset[str],
) -> Iterator[failures.Item]:
    """Yield sensors, each from one resource only.

    Many BMCs have the same readings in old and in new resources; the old ones
    need the fewest requests.
    """
    missing = wanted
    for name, kinds in (('Thermal', _THERMAL), ('Power', _ELECTRIC)):
        if missing & kinds and chassis.link(name):
            found = list(_of_arrays(reader.follow(chassis, name)))
            yield from found
            if found:
                missing -= kinds
    if missing and chassis.link('Sensors'):
        sensors = list(map(_of_sensor, reader.members(chassis, 'Sensors')))
        yield from (each for each in sensors if each['kind'] in missing)
        missing -= {each['kind'] for each in sensors}
    if missing & _THERMAL:
        yield from _of_thermal_subsystem(reader, chassis, missing)
    if 'power' in missing:
        yield from _of_power_subsystem(reader, chassis)


def _of_arrays(
    source: resource.Resource | None,
) -> Iterator[failures.Item]:
    """Yield the sensors of Thermal 1.0 or Power 1.0 and later."""
    if source is None:
        return
    for array, (kind, readings, units) in _ARRAYS.items():
        for each in source.mappings(array):
            # Thermal up to 1.0 has FanName.
            name = each.text('Name') or each.text('FanName')
            numbers = [each.number(reading) for reading in readings]
            known = [number for number in numbers if number is not None]
            yield _sensor(
                each,
                kind,
                name or each.text('MemberId'),
                reading=known[0] if known else None,
                units=each.text('ReadingUnits') or units,
                limits=(
                    each.number('UpperThresholdCritical'),
                    each.number('LowerThresholdCritical'),
                ),
            )


def _of_sensor(sensor: resource.Resource) -> failures.Item:
    """Return the item of a Sensor 1.0 or later."""
    kind = _KINDS.get(sensor.text('ReadingType') or '', 'other')
    is_fan = (sensor.text('PhysicalContext') or '').startswith('Fan')
    if sensor.text('ReadingType') == 'Percent' and is_fan:
        kind = 'fan'
    return _sensor(
        sensor,
        kind,
        sensor.text('Name') or sensor.identity,
        reading=sensor.number('Reading'),
        units=sensor.text('ReadingUnits'),
        limits=(
            sensor.number('Thresholds', 'UpperCritical', 'Reading'),
            sensor.number('Thresholds', 'LowerCritical', 'Reading'),
        ),
    )


def _of_thermal_subsystem(
    reader: partial_reader.PartialReader,
    chassis: resource.Resource,
    missing: frozenset[str],
) -> Iterator[failures.Item]:
    """Yield the sensors of ThermalSubsystem 1.0 (2020) and later."""
    subsystem = reader.follow(chassis, 'ThermalSubsystem')
    if subsystem is None:
        return
    if 'temperature' in missing:
        metrics = reader.follow(subsystem, 'ThermalMetrics')
        excerpts = (
            metrics.mappings('TemperatureReadingsCelsius') if (metrics) else []
        )
        for each in excerpts:
            name = each.text('DeviceName') or each.text('PhysicalContext')
            yield _excerpt(each, 'temperature', name, units='Cel')
    if 'fan' in missing:
        for fan in reader.members(subsystem, 'Fans'):
            excerpt = fan.mapping('SpeedPercent')
            name = fan.text('Name') or fan.identity
            yield {
                **_excerpt(excerpt, 'fan', name, units='%'),
                **_status(fan),
            }


def _of_power_subsystem(
    reader: partial_reader.PartialReader, chassis: resource.Resource
) -> Iterator[failures.Item]:
    """Yield power of EnvironmentMetrics and PowerSubsystem 1.0 (2020)."""
    environment = reader.follow(chassis, 'EnvironmentMetrics')
    if environment is not None and environment.value('PowerWatts'):
        watts = environment.mapping('PowerWatts')
        yield _excerpt(watts, 'power', 'PowerWatts', units='W')
    subsystem = reader.follow(chassis, 'PowerSubsystem')
    if subsystem is None:
        return
    for supply in reader.members(subsystem, 'PowerSupplies'):
        metrics = reader.follow(supply, 'Metrics')
        if metrics is not None:
            name = supply.text('Name') or supply.identity
            watts = metrics.mapping('OutputPowerWatts')
            yield {
                **_excerpt(watts, 'power', name, units='W'),
                **_status(supply),
            }


def _excerpt(
    excerpt: resource.JsonObject, kind: str, name: str | None, *, units: str
) -> failures.Item:
    """Return the item of a part of a Sensor, which has no thresholds."""
    return _sensor(
        excerpt,
        kind,
        name,
        reading=excerpt.number('Reading'),
        units=units,
        limits=(None, None),
    )


def _sensor(
    source: resource.JsonObject,
    kind: str,
    name: str | None,
    *,
    reading: float | None,
    units: str | None,
    limits: tuple[float | None, float | None],
) -> failures.Item:
    upper, lower = limits
    return {
        'name': name,
        'kind': kind,
        'reading': reading,
        'units': units,
        **_status(source),
        'upper_critical': upper,
        'lower_critical': lower,
    }


def _status(source: resource.JsonObject) -> failures.Item:
    return {
        'state': source.text('Status', 'State'),
        'health': source.text('Status', 'Health'),
    }
