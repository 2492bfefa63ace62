# SPDX-License-Identifier: Apache-2.0
"""The power limit of one system, in any of the resources that can have it."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource

# Types of chassis whose limits are not those of a system, but of a part such
# as a GPU.
_PARTS = frozenset({'Card', 'Component', 'Module'})


@dataclasses.dataclass(frozen=True)
class PowerLimit:
    """A limit, and the resource that is changed to set it.

    :param position: index in ``PowerControl`` of a Power resource; ``None``
        for the other resources.
    :param names: property of the Control or of its excerpt, if any.
    """

    source: resource.Resource
    position: int | None = None
    names: tuple[str, ...] = ()

    @property
    def control(self) -> resource.JsonObject:
        """The object with the limit and its bounds."""
        if self.position is None:
            return self.source.mapping(*self.names)
        found = _elements(self.source)[self.position :]
        return found[0] if found else resource.JsonObject({})

    @property
    def watts(self) -> float | None:
        """The limit; None if power is not limited."""
        if self.position is not None:
            return self.control.number('PowerLimit', 'LimitInWatts')
        if self.control.text('ControlMode') == 'Disabled':
            return None
        return self.control.number('SetPoint')

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Lowest and highest limit; None if unknown."""
        control = self.control
        low, high = (
            control.number(f'Allowable{end}') for end in ('Min', 'Max')
        )
        return low, high

    def change(self, watts: int | None) -> dict[str, Any]:
        """Return the properties that set or remove the limit."""
        if self.position is not None:
            # Empty objects leave their elements unchanged (DSP0266).
            limit = {'PowerLimit': {'LimitInWatts': watts}}
            return {'PowerControl': [{}] * self.position + [limit]}
        change: dict[str, Any] = {}
        if watts is None and 'ControlMode' in self.control.document:
            change = {'ControlMode': 'Disabled'}
        else:
            change = {'SetPoint': watts}
            if self.control.text('ControlMode') == 'Disabled':
                change['ControlMode'] = 'Automatic'
        for name in reversed(self.names):
            change = {name: change}
        return change


class PowerReader:
    """Reads limit and consumption of one system."""

    def __init__(self, machine: bmc.Bmc) -> None:
        self._machine = machine
        self._reader = partial_reader.PartialReader(machine.client)
        self._consumed: float | None = None

    def limit(self) -> PowerLimit | None:
        """Return the limit, or None if the BMC offers none."""
        find = self._machine.chassis_paths
        chassis = [
            each
            for each in self._reader.owners(find, 'Chassis')
            if each.text('ChassisType') not in _PARTS
        ]
        for limits in (self._of_power, self._of_metrics, self._of_controls):
            for each in chassis:
                for found in limits(each):
                    return found
        return None

    def item(self, limit: PowerLimit | None) -> failures.Item:
        """Return the item of the target.

        :raises: NotSupported if there is neither limit nor consumption, or
            the first error.
        """
        known = limit is not None or self._consumed is not None
        self._reader.check(found=known)
        low, high = limit.bounds if limit else (None, None)
        return {
            'reachable': True,
            'limit_watts': limit.watts if limit else None,
            'consumed_watts': self._consumed,
            'minimum_watts': low,
            'maximum_watts': high,
            'warnings': self._reader.warnings,
        }

    def warning(self, watts: int | None) -> failures.Item:
        """Return a warning for a limit below the consumption."""
        if watts is None or self._consumed is None or watts >= self._consumed:
            return {}
        return {
            'warning': f'The system consumed {self._consumed:g} W, more than '
            'the limit. It may slow down or, depending on the BMC, switch off.'
        }

    def check(self, limit: PowerLimit | None) -> PowerLimit:
        """Return the limit.

        :raises: NotSupported, or the first error, without a limit.
        """
        self._reader.check(found=limit is not None)
        if limit is None:
            raise failures.NotSupported()
        return limit

    def _of_power(self, chassis: resource.Resource) -> Iterator[PowerLimit]:
        """Yield limits of Power 1.0 (2015) and later."""
        power = self._reader.follow(chassis, 'Power')
        if power is None:
            return
        for position, control in enumerate(_elements(power)):
            self._record(control.number('PowerConsumedWatts'))
            if 'PowerLimit' in control.document:
                yield PowerLimit(power, position)

    def _of_metrics(self, chassis: resource.Resource) -> Iterator[PowerLimit]:
        """Yield the limit of EnvironmentMetrics 1.1 (2021) and later."""
        metrics = self._reader.follow(chassis, 'EnvironmentMetrics')
        if metrics is None:
            return
        self._record(metrics.number('PowerWatts', 'Reading'))
        if isinstance(metrics.value('PowerLimitWatts'), dict):
            yield PowerLimit(metrics, names=('PowerLimitWatts',))

    def _of_controls(self, chassis: resource.Resource) -> Iterator[PowerLimit]:
        """Yield limits of Control 1.0 (2021) and later."""
        controls = self._reader.follow(chassis, 'Controls')
        paths = self._reader.member_paths(controls)
        for control in self._reader.get_all(paths):
            is_power = control.text('ControlType') == 'Power'
            if is_power and 'SetPoint' in control.document:
                yield PowerLimit(control)

    def _record(self, watts: float | None) -> None:
        if self._consumed is None:
            self._consumed = watts


def _elements(power: resource.Resource) -> list[resource.JsonObject]:
    """Return the elements of PowerControl at their own positions."""
    found = power.value('PowerControl')
    return [
        resource.JsonObject(each if isinstance(each, dict) else {})
        for each in (found if isinstance(found, list) else [])
    ]


def read(machine: bmc.Bmc) -> failures.Item:
    """Return the item with limit and consumption."""
    reader = PowerReader(machine)
    return reader.item(reader.limit())


def change(machine: bmc.Bmc, watts: int | None) -> failures.Item:
    """Set or remove the limit unless it has the value already."""
    reader = PowerReader(machine)
    limit = reader.check(reader.limit())
    warning = reader.warning(watts)
    if limit.watts == watts:
        return {**reader.item(limit), **warning, 'changed': False}
    low, high = limit.bounds
    if watts is not None and (
        (low is not None and watts < low)
        or (high is not None and watts > high)
    ):
        bounds = f'{low} to {high}'
        if low is None or high is None:
            bounds = f'{high} or less' if low is None else f'{low} or more'
        raise failures.ValueNotAllowed(
            f'The BMC does not allow {watts} as watts; allowed: {bounds}. '
            'Nothing was sent.'
        )
    machine.client.patch(limit.source, limit.change(watts))
    source = partial_reader.read_back(machine.client, limit.source.path)
    if source is None:
        return {'reachable': True, **warning, 'changed': True}
    after = dataclasses.replace(limit, source=source)
    return {**reader.item(after), **warning, 'changed': True}
