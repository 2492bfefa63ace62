# SPDX-License-Identifier: Apache-2.0
"""Loading of the inventory source that the configuration names."""

from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import instance_config
from ironic_passthru.drivers.redfish.inventories import base

NAMESPACE = 'ironic_passthru.redfish.inventories'


def start(conf: cfg.ConfigOpts) -> base.InventorySource:
    """Return the started source.

    :raises: ConfigError if it does not exist, fails, or is not an
        InventorySource.
    """
    name = conf.redfish.inventory
    try:
        source = entry_points.instance(name, group=NAMESPACE)
        if not isinstance(source, base.InventorySource):
            kind = type(source)
            raise errors.DriverLoadError(
                driver=name,
                reason=f'{kind.__module__}.{kind.__qualname__} is not a '
                f'subclass of {base.__name__}.InventorySource',
            )
        with entry_points.reported(name, 'start() failed', NAMESPACE):
            source.start(conf)
    except errors.DriverLoadError as error:
        group = instance_config.group_name(conf, 'redfish')
        raise errors.ConfigError(
            f'[{group}] inventory {name}: {error.kwargs["reason"]}'
        ) from error
    return source
