# SPDX-License-Identifier: Apache-2.0
"""The Redfish nodes of an existing Ironic as inventory."""

import threading

from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.conf import redfish_ironic
from ironic_passthru.drivers import instance_config
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish.inventories import base
from ironic_passthru.drivers.redfish.inventories import exposure
from ironic_passthru.drivers.redfish.inventories import ironic_api
from ironic_passthru.drivers.redfish.inventories import ironic_nodes

LOG = log.getLogger(__name__)

# Names of nodes in one log record.
_NAMED = 10


class IronicSource(base.InventorySource):
    """The nodes, read again every ``[redfish] inventory_refresh`` seconds.

    The last nodes remain in use while Ironic is unavailable.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._inventory: base.Inventory | None = None
        self._failed = False
        # The last log record about unusable nodes.
        self._unusable = ''

    def start(self, conf: cfg.ConfigOpts) -> None:
        """Read the nodes, and start to refresh them.

        An Ironic that is unavailable does not prevent the start.

        :raises: ConfigError if an option is missing or invalid.
        """
        self._driver = instance_config.group_name(conf, 'redfish')
        self._group = instance_config.group_name(
            conf, redfish_ironic.GROUP.name
        )
        self._reader = ironic_api.NodeReader(conf)
        self._refresh_seconds = conf.redfish.inventory_refresh
        self._refresh()
        self._thread = threading.Thread(
            target=self._run, name='redfish-inventory', daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Start no further request."""
        self._stopped.set()

    def current(self) -> base.Inventory:
        """Return the targets of the last response.

        :raises: TemporaryFailure before the first response.
        """
        if self._inventory is None:
            raise errors.TemporaryFailure(
                'The targets are not known yet: Ironic is unavailable.'
            )
        return self._inventory

    def _run(self) -> None:
        while not self._stopped.wait(self._refresh_seconds):
            self._refresh()

    def _refresh(self) -> None:
        try:
            targets = self._targets()
        except Exception as error:
            # The thread must survive any response.
            self._fail(error)
            return
        before = len(self._inventory) if self._inventory else None
        if self._failed or before != len(targets):
            LOG.info(
                'Ironic of [%s] has %d usable Redfish nodes',
                self._group,
                len(targets),
            )
        self._failed = False
        self._inventory = base.Inventory(targets)

    def _targets(self) -> list[bmc_target.Target]:
        converter = ironic_nodes.NodeConverter()
        targets = []
        unusable = []
        masked = 0
        for node in self._reader.nodes('redfish'):
            try:
                targets.append(converter.target(node))
            except ironic_nodes.MaskedCredentials:
                masked += 1
            except ironic_nodes.UnusableNode as error:
                unusable.append(f'{ironic_nodes.name(node)} ({error})')
        self._warn_unusable(masked, unusable)
        self._warn_exposed(targets)
        return targets

    def _warn_unusable(self, masked: int, unusable: list[str]) -> None:
        """Log nodes that are not targets, once until they change."""
        more = (
            f' and {len(unusable) - _NAMED} more' if unusable[_NAMED:] else ''
        )
        names = ', '.join(unusable[:_NAMED]) + more
        state = f'{masked} {names}'
        if state == self._unusable:
            return
        self._unusable = state
        if masked:
            LOG.warning(
                'Ironic hides the credentials of %d Redfish nodes, which are '
                'not targets: its policy show_password must allow the user of '
                '[%s]',
                masked,
                self._group,
            )
        if unusable:
            LOG.warning(
                '%d Redfish nodes of Ironic of [%s] are not targets: %s',
                len(unusable),
                self._group,
                names,
            )

    def _warn_exposed(self, targets: list[bmc_target.Target]) -> None:
        """Log exposed targets that are new or changed."""
        known = {}
        if self._inventory is not None:
            known = {t.name: t.address for t in self._inventory.everything()}
        exposure.warn(
            self._driver,
            [
                target
                for target in targets
                if known.get(target.name) != target.address
            ],
        )

    def _fail(self, error: Exception) -> None:
        LOG.debug('Nodes of Ironic cannot be read', exc_info=error)
        if self._failed:
            return
        self._failed = True
        LOG.warning(
            'Nodes of Ironic of [%s] cannot be read: %s; the last %d targets '
            'remain in use',
            self._group,
            ' '.join(f'{type(error).__name__}: {error}'.split()),
            len(self._inventory or ()),
        )
