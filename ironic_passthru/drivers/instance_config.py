# SPDX-License-Identifier: Apache-2.0
"""Configuration of a driver instance: groups of its own, else the service's.

An instance ``redfish-site-b`` of the entry point ``redfish`` reads
``[redfish-site-b]`` where the code of the driver reads ``conf.redfish``, and
``[redfish-site-b_ironic]`` where it reads ``conf.redfish_ironic``.
"""

import copy
import inspect
import typing
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg


def group_name(conf: cfg.ConfigOpts, name: str) -> str:
    """Return the name of a group in configuration files, for messages.

    :param conf: the argument of ``start()`` of a driver.
    :param name: name of the group in the code of the driver.
    """
    # The type of the argument of start() is that of the service.
    given: object = conf
    return (
        given.group_name(name) if isinstance(given, InstanceConfig) else name
    )


def own_groups(entry_point: str) -> frozenset[str]:
    """Return the groups that the code of a driver may call its own.

    Python reads ``conf.rack_lamps`` for the entry point ``rack-lamps``.
    """
    plain = entry_point.replace('-', '_').replace('.', '_')
    return frozenset({entry_point, plain, entry_point.lower(), plain.lower()})


def view(
    conf: cfg.ConfigOpts, *, name: str, entry_point: str
) -> cfg.ConfigOpts:
    """Return the configuration that the instance ``name`` is started with."""
    return typing.cast(cfg.ConfigOpts, InstanceConfig(conf, name, entry_point))


class InstanceConfig(Mapping[str, Any]):
    """A ConfigOpts with other names for the groups of one driver.

    They are the group with the name of the entry point and those that begin
    with it and an underscore. All other groups, the options of ``[DEFAULT]``
    and the files are those of ``conf``.

    :param conf: the configuration of the service.
    :param name: name of the instance.
    :param entry_point: name of the entry point, which the groups have in the
        code of the driver.
    """

    def __init__(
        self, conf: cfg.ConfigOpts, name: str, entry_point: str
    ) -> None:
        self._conf = conf
        self._name = name
        self._own_groups = own_groups(entry_point)

    def group_name(self, name: str) -> str:
        """Return the name of a group in the configuration of the service."""
        for own in self._own_groups:
            if name == own or name.startswith(f'{own}_'):
                return self._name + name[len(own) :]
        return name

    def __getattr__(self, name: str) -> Any:
        """Return a method, a group, or the value of an option."""
        if name.startswith('_'):
            raise AttributeError(name)
        if not hasattr(cfg.ConfigOpts, name):
            return getattr(self._conf, self._key(name))
        found = getattr(self._conf, name)
        if inspect.isroutine(found):
            parameters = inspect.signature(found)
            if 'group' in parameters.parameters:
                return self._renaming(found, parameters)
        return found

    def __getitem__(self, key: str) -> Any:
        """Return a group, or the value of an option of ``[DEFAULT]``."""
        return self._conf[self._key(key)]

    def __contains__(self, key: object) -> bool:
        """Return whether a group or an option of ``[DEFAULT]`` exists."""
        return isinstance(key, str) and self._key(key) in self._conf

    def __iter__(self) -> Iterator[str]:
        """Yield the names of options of ``[DEFAULT]`` and of groups."""
        return (key for key in self._conf if key in self)

    def __len__(self) -> int:
        """Return the number of names."""
        return sum(1 for _ in self)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Read command line and files again, for the whole service."""
        self._conf(*args, **kwargs)

    def _key(self, name: str) -> str:
        """Return the name in ``conf`` of a group or an option."""
        renamed = self.group_name(name)
        if renamed in self._conf or name not in self._conf:
            return renamed
        return renamed if self._is_group(name) else name

    def _is_group(self, name: str) -> bool:
        try:
            found = self._conf[name]
        except (cfg.Error, ValueError):
            # An option with an invalid value.
            return False
        return isinstance(found, cfg.ConfigOpts.GroupAttr)

    def _renaming(
        self, method: Callable[..., Any], parameters: inspect.Signature
    ) -> Callable[..., Any]:
        """Return a method of ``conf`` that takes groups of the instance."""

        def call(*args: Any, **kwargs: Any) -> Any:
            bound = parameters.bind(*args, **kwargs)
            given = bound.arguments
            if given.get('group') is not None:
                given['group'] = self._group(given['group'])
            if 'opt' in given:
                given['opt'] = self._option(given['opt'])
            if 'opts' in given:
                given['opts'] = [self._option(each) for each in given['opts']]
            return method(*bound.args, **bound.kwargs)

        return call

    def _group(self, group: str | cfg.OptGroup) -> str | cfg.OptGroup:
        if isinstance(group, str):
            return self.group_name(group)
        # oslo.config stores options in the group, which is often a constant
        # of a module: instances must not share it.
        return cfg.OptGroup(
            self.group_name(group.name), title=group.title, help=group.help
        )

    def _option(self, option: cfg.Opt) -> cfg.Opt:
        """Return an option whose former groups are those of the instance."""
        former = [
            cfg.DeprecatedOpt(
                each.name, group=each.group and self.group_name(each.group)
            )
            for each in option.deprecated_opts
        ]
        if former == option.deprecated_opts:
            return option
        renamed = copy.copy(option)
        renamed.deprecated_opts = former
        return renamed
