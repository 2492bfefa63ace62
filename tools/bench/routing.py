# SPDX-License-Identifier: Apache-2.0
"""Measure what routing to many conductors adds to a call in the API.

Two applications are called without a server, with a fake registry and a fake
bus that returns at once: one knows a single conductor with 500 targets, the
other 20 conductors with 500 different targets each. Each round calls both, in
random order; the results are medians over the rounds.

``routing.py --rounds 30`` takes about a minute.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from ironic_passthru import threads

threads.init()

import webob  # noqa: E402
from oslo_config import cfg  # noqa: E402

from ironic_passthru import conf as project_conf  # noqa: E402
from ironic_passthru.api import app  # noqa: E402
from ironic_passthru.api.auth import policy  # noqa: E402
from ironic_passthru.api.registry import catalog  # noqa: E402
from ironic_passthru.fleet import selector  # noqa: E402
from ironic_passthru.fleet import target_list  # noqa: E402
from ironic_passthru.tests.unit.api import fakes  # noqa: E402

_TARGETS = 500
_CONDUCTORS = 20
_PATH = '/v1/drivers/d/vendor_passthru/power'

# Calls in a round, and parameters.
_SELECTIONS: dict[str, tuple[int, dict[str, Any]]] = {
    'one target by name': (200, {'target': 'rack00-n0001'}),
    'one target by tag': (20, {'tag': 'rack00-n0001'}),
    'all targets': (2, {'tag': 'all'}),
}


def application(conductors: int) -> Callable[..., Any]:
    """Return an API with this number of conductors."""
    conf = cfg.ConfigOpts()
    project_conf.register_opts(conf)
    conf([], project='ironic_passthru', default_config_files=[])
    conf.set_override('auth_strategy', 'noauth')
    store = fakes.FakeStore()
    names = (*selector.PARAMETERS, 'expected_targets')
    method = fakes.method(
        'power',
        schema={'type': 'object', 'properties': {name: {} for name in names}},
        target=selector.NAMES,
        http_methods=('POST',),
    )
    driver = fakes.driver('d', method)
    for number in range(conductors):
        host = f'rack{number:02}'
        store.add(host, driver)
        targets = [f'{host}-n{target:04}' for target in range(_TARGETS)]
        store.target_lists.lists[host, 'd'] = target_list.TargetList(
            {name: frozenset({name, 'all'}) for name in targets}
        )
    bus = fakes.FakeConductorAPI()
    bus.answer = _answer
    return app.make(
        conf,
        catalog.Catalog(
            store, max_age_seconds=3600.0, heartbeat_timeout_seconds=3600.0
        ),
        bus,
        operations=fakes.FakeOperations(),
        policy=policy.Policy(conf),
        checks={},
    )


def _answer(arguments: dict[str, Any]) -> dict[str, Any]:
    names = arguments['info'].get('targets', ['rack00-n0000'])
    items = {name: {'reachable': True} for name in names}
    return {'return': {'items': items}, 'async': False, 'attach': False}


def measure(
    called: Callable[..., Any], calls: int, parameters: dict[str, Any]
) -> tuple[float, float]:
    """Return wall and CPU time of a call in milliseconds.

    The CPU time is that of the process: parts are sent by threads.
    """
    body = json.dumps(parameters).encode()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        request = webob.Request.blank(_PATH, method='POST', body=body)
        response = request.get_response(called)
        if response.status_int != 200:
            raise SystemExit(f'{parameters}: {response.status}')
    return (
        1000 * (time.perf_counter() - wall) / calls,
        1000 * (time.process_time() - cpu) / calls,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=30)
    options = parser.parse_args()
    applications = {count: application(count) for count in (1, _CONDUCTORS)}
    for what, (calls, parameters) in _SELECTIONS.items():
        found: dict[int, list[tuple[float, float]]] = {
            count: [] for count in applications
        }
        # The first round fills the caches.
        for _ in range(options.rounds + 1):
            for count in random.sample([*applications], len(applications)):
                found[count].append(
                    measure(applications[count], calls, parameters)
                )
        wall, cpu = (
            {
                count: statistics.median(row[column] for row in rows[1:])
                for count, rows in found.items()
            }
            for column in (0, 1)
        )
        for name, values in (('wall', wall), ('CPU', cpu)):
            one, many = values.values()
            print(
                f'{what}, {name}: {one:.3f} ms with 1 conductor, '
                f'{many:.3f} ms with {_CONDUCTORS}, ratio {many / one:.2f}'
            )


if __name__ == '__main__':
    main()
