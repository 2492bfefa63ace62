# SPDX-License-Identifier: Apache-2.0
"""Driver with targets from a file, which records what it does to each."""

import pathlib
import time
from collections.abc import Mapping
from typing import Any
from typing import Unpack

from oslo_config import cfg

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.db import target_lists
from ironic_passthru.drivers import base
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection
from ironic_passthru.fleet import selector
from ironic_passthru.fleet import summary
from ironic_passthru.rpc import protocol
from ironic_passthru.tests.functional import marks

_OPTIONS = [
    # Each line has a name and tags.
    cfg.StrOpt('targets_file', required=True),
    # Whether the conductor is of a release that publishes no targets.
    cfg.BoolOpt('earlier', default=False),
]


def _become_earlier() -> None:
    """Turn this process into a conductor of an earlier release.

    It rejects the RPC argument ``routed``, and does not know the table of
    published targets.
    """
    del protocol._TYPES['routed']
    target_lists.save = lambda *_: None


class FleetVendor(base.VendorInterface):
    """Work on targets, one after another."""

    def start(self, conf: cfg.ConfigOpts) -> None:
        conf.register_opts(_OPTIONS, group='fleet')
        self._file = pathlib.Path(conf.fleet.targets_file)
        self._host = conf.host
        self._earlier = conf.fleet.earlier
        if self._earlier:
            _become_earlier()

    def get_targets(self) -> Mapping[str, list[str]] | None:
        return None if self._earlier else self._read()

    def _read(self) -> Mapping[str, list[str]]:
        lines = self._file.read_text().splitlines()
        return {name: tags for name, *tags in map(str.split, lines)}

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        self._select(kwargs, method)

    @base.driver_passthru(
        ['POST'], async_call=False, target=selection.NAMES, timeout=15.0
    )
    def work(
        self,
        context: request_context.RequestContext,
        *,
        key: str,
        seconds: float = 0.0,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[results.ChangedItem]:
        """Record each target, and wait."""
        items: dict[str, Any] = {}
        names = self._select(options, 'work')
        for number, name in enumerate(names):
            if context.cancel_requested:
                items[name] = {
                    'reachable': None,
                    'error': {
                        'code': 'not_attempted',
                        'message': 'Cancelled.',
                    },
                }
                continue
            self._record(key, name)
            context.report_progress(
                100 * number / len(names), f'{number} of {len(names)}'
            )
            time.sleep(seconds)
            items[name] = {'reachable': True, 'changed': True}
        if context.cancel_requested:
            cancelled = errors.Cancelled()
            cancelled.partial_result = summary.counted(items)
            raise cancelled
        return summary.of(items, require_all=options.get('require_all', False))

    @base.driver_passthru(['POST'], target=selection.NAMES, timeout=60.0)
    def work_later(
        self,
        context: request_context.RequestContext,
        *,
        key: str,
        seconds: float = 0.0,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[results.ChangedItem]:
        """Record each target, and wait, after the response."""
        return self.work(context, key=key, seconds=seconds, **options)

    def _record(self, key: str, target: str) -> None:
        """Record the execution of a call on a target."""
        marks.write(key, f'{target}@{self._host}')

    def _select(self, options: Any, method: str) -> list[str]:
        tags = {name: frozenset(its) for name, its in self._read().items()}
        return selector.select(tags, options, required_by=method)
