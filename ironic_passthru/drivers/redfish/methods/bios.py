# SPDX-License-Identifier: Apache-2.0
"""Methods that read and change BIOS settings."""

from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Literal
from typing import NotRequired
from typing import Unpack

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import attribute_registry
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_RESET = '#Bios.ResetBios'
_SETTINGS = '@Redfish.Settings'
_NEXT_BOOT = 'next_boot'
_MAX_SHOWN = 20

# Attributes are strings, numbers, booleans or null (Bios 1.0).
_Value = (
    pydantic.StrictStr
    | pydantic.StrictBool
    | pydantic.StrictInt
    | pydantic.StrictFloat
    | None
)
_Name = Annotated[str, pydantic.Field(min_length=1, max_length=255)]
_Attributes = Annotated[
    dict[_Name, _Value],
    pydantic.Field(
        min_length=1,
        max_length=1000,
        description='Wanted values by name of the attribute.',
    ),
]


class BiosItem(results.PartialItem):
    """The BIOS attributes of a target."""

    attributes: dict[str, _Value]
    """Current values by name."""
    pending: dict[str, _Value] | None
    """Values of the next boot that differ; null if they are unreadable."""


class BiosResetItem(results.ChangedItem):
    """A change of BIOS attributes."""

    applies: Literal['next_boot'] | None
    """Time of the change; null without one."""
    task: NotRequired[str]
    """Path of the task that the BMC started."""


class BiosChangeItem(BiosResetItem):
    """A change of some BIOS attributes."""

    pending: dict[str, _Value]
    """Values of the next boot that differ from the current ones."""


class BiosMethods(fleet.FleetMethods):
    """The methods ``bios``, ``set_bios`` and ``reset_bios``."""

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def bios(
        self,
        context: request_context.RequestContext,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[BiosItem]:
        """Return current and pending BIOS attributes of targets.

        Items have ``attributes``, ``pending`` with only those values that
        differ from the current ones (``null`` if they are unreadable), and
        ``warnings``.
        """
        return self._each(context, options, read)

    @base.driver_passthru(['PATCH'], async_call=False, target=selection.NAMES)
    def set_bios(
        self,
        context: request_context.RequestContext,
        *,
        attributes: _Attributes,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[BiosChangeItem]:
        """Change BIOS attributes at the next boot of targets.

        Items have ``changed``, ``pending``, ``applies`` and, if the BMC
        started a task, ``task``. Only differing attributes are sent.
        """
        return self._each(
            context,
            options,
            lambda machine: change(machine, attributes),
            change=True,
        )

    @base.driver_passthru(
        ['POST'], async_call=False, target=selection.NAMES, dangerous=True
    )
    def reset_bios(
        self,
        context: request_context.RequestContext,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[BiosResetItem]:
        """Reset the BIOS attributes of targets to their defaults.

        Items have ``changed``, ``applies`` and, if the BMC started a task,
        ``task``.
        """
        return self._each(context, options, reset, change=True)


def read(machine: bmc.Bmc) -> failures.Item:
    """Return the item with current and pending attributes.

    :raises: NotSupported if the system has no BIOS resource.
    """
    current = machine.client.follow(machine.system, 'Bios')
    reader = partial_reader.PartialReader(machine.client)
    path = current.link(_SETTINGS, 'SettingsObject')
    settings = current if path is None else reader.get(path)
    return {
        'reachable': True,
        'attributes': _attributes(current),
        'pending': None if settings is None else _pending(current, settings),
        'warnings': reader.warnings,
    }


def change(machine: bmc.Bmc, attributes: Mapping[str, Any]) -> failures.Item:
    """Send those attributes that differ from the pending ones.

    :raises: ValueNotAllowed for an attribute that the BMC does not report,
        or a value that its attribute registry does not allow.
    """
    current = machine.client.follow(machine.system, 'Bios')
    settings = _settings(machine, current)
    known = _attributes(current)
    _check_names(attributes, known)
    wanted = {**known, **_attributes(settings)}
    differing = {
        name: value
        for name, value in attributes.items()
        if name not in wanted or not _equal(wanted[name], value)
    }
    task = None
    if differing:
        registry = attribute_registry.read(machine.client, current)
        registry.check(differing, known)
        body = {'Attributes': differing, **_apply_time(current)}
        task = machine.client.patch(settings, body, follow=False).task
        if not machine.client.dry_run:
            merged = {**settings.mapping('Attributes').document, **differing}
            settings = partial_reader.read_back(
                machine.client, settings.path
            ) or resource.Resource(settings.path, {'Attributes': merged})
    pending = _pending(current, settings)
    return {
        'reachable': True,
        'changed': bool(differing),
        'pending': pending,
        'applies': _NEXT_BOOT if pending or differing else None,
        **({} if task is None else {'task': task}),
    }


def reset(machine: bmc.Bmc) -> failures.Item:
    """Reset all attributes; the task of some BMCs ends at the next boot."""
    current = machine.client.follow(machine.system, 'Bios')
    task = machine.client.act(current, _RESET, follow=False).task
    return {
        'reachable': True,
        'changed': True,
        'applies': _NEXT_BOOT,
        **({} if task is None else {'task': task}),
    }


def _settings(
    machine: bmc.Bmc, current: resource.Resource
) -> resource.Resource:
    """Return the resource for changes (DSP0266, settings resources)."""
    path = current.link(_SETTINGS, 'SettingsObject')
    return current if path is None else machine.client.get(path)


def _attributes(found: resource.Resource) -> dict[str, Any]:
    """Return attributes with printable names and values."""
    return {
        resource.printable(name) or '': _value(value)
        for name, value in found.mapping('Attributes').document.items()
        if not isinstance(value, list | dict)
    }


def _value(value: Any) -> Any:
    return resource.printable(value) if isinstance(value, str) else value


def _pending(
    current: resource.Resource, settings: resource.Resource
) -> dict[str, Any]:
    """Return the values of the next boot that differ from the current."""
    now = _attributes(current)
    return {
        name: value
        for name, value in _attributes(settings).items()
        if name not in now or not _equal(now[name], value)
    }


def _equal(one: Any, other: Any) -> bool:
    """Compare JSON values: ``true`` is not 1, but 1 is 1.0."""
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _check_names(
    attributes: Mapping[str, Any], known: Mapping[str, Any]
) -> None:
    unknown = [name for name in attributes if name not in known]
    if known and unknown:
        names = ', '.join(unknown[:_MAX_SHOWN])
        raise failures.ValueNotAllowed(
            f'The BMC has no such BIOS attributes: {names}; nothing was '
            'changed. The method bios lists its attributes.'
        )


def _apply_time(current: resource.Resource) -> dict[str, Any]:
    """Return the preferred apply time (Settings 1.1, 2017), if supported.

    Some BMCs otherwise keep a change without ever applying it.
    """
    if 'OnReset' not in current.texts(_SETTINGS, 'SupportedApplyTimes'):
        return {}
    return {
        '@Redfish.SettingsApplyTime': {
            '@odata.type': '#Settings.v1_1_0.PreferredApplyTime',
            'ApplyTime': 'OnReset',
        }
    }
