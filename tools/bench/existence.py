# SPDX-License-Identifier: Apache-2.0
"""Measure whether response times of refused requests reveal existence.

A caller without permission requests existing and missing resources in random
order. Results for each kind of path: the area under the ROC curve (0.5: no
information), the share of correct guesses with a threshold from the other
half of the samples, and the ratio of the medians. The registry is an SQLite
file; the application is called without a server, so that no network hides a
difference.

``existence.py --samples 5000`` takes about a minute.
"""

import argparse
import bisect
import json
import pathlib
import random
import statistics
import tempfile
import time
from typing import Any
from unittest import mock

from ironic_passthru import threads

threads.init()

import webob  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_utils import uuidutils  # noqa: E402

from ironic_passthru import conf as project_conf  # noqa: E402
from ironic_passthru import operation  # noqa: E402
from ironic_passthru.api import app  # noqa: E402
from ironic_passthru.api.auth import policy  # noqa: E402
from ironic_passthru.api.auth import strategies  # noqa: E402
from ironic_passthru.api.registry import catalog  # noqa: E402
from ironic_passthru.conf import database as database_conf  # noqa: E402
from ironic_passthru.db import conductors  # noqa: E402
from ironic_passthru.db import migration  # noqa: E402
from ironic_passthru.db import operations  # noqa: E402
from ironic_passthru.db import session  # noqa: E402
from ironic_passthru.drivers import fake  # noqa: E402
from ironic_passthru.drivers import loader  # noqa: E402
from ironic_passthru.tests import callers  # noqa: E402

_DRIVER, _METHOD, _HOST = 'fake-hardware', 'hello', 'host'
_HEADERS = {'X-Caller': 'caller', 'X-OpenStack-Ironic-API-Version': '1.115'}

# Rules that refuse all requests below: the defaults, and rules that depend
# on names.
_RULES: dict[str, dict[str, str]] = {
    'defaults': {},
    'names': {
        'baremetal:driver:get': "role:reader and 'other':%(driver)s",
        'baremetal:driver:vendor_passthru': "'other':%(method)s",
    },
    'danger': {'baremetal:driver:vendor_passthru': 'False:%(dangerous)s'},
}


class Site:
    """An application with one conductor and operations in its registry."""

    def __init__(self, directory: pathlib.Path, rules: dict[str, str]) -> None:
        url = database_conf.sqlite_url(directory / 'registry.sqlite')
        conf = cfg.ConfigOpts()
        project_conf.register_opts(conf)
        conf([], project='ironic_passthru', default_config_files=[])
        conf.set_override('connection', url, group='database')
        conf.set_override('auth_strategy', 'noauth')
        file = directory / 'policy.yaml'
        file.write_text(json.dumps(rules))
        conf.set_override('policy_file', str(file), 'oslo_policy')
        self.database = session.Database(conf)
        migration.upgrade(self.database)
        store = conductors.ConductorStore(self.database)
        driver = loader.make(_DRIVER, fake.FakeVendor()).spec
        store.register(
            _HOST,
            'run',
            group='',
            drivers={
                _DRIVER: conductors.CatalogEntry(
                    driver.digest, driver.to_document()
                )
            },
        )
        self.operation_id = uuidutils.generate_uuid()
        records = operations.OperationStore(self.database)
        records.apply([_record(self.operation_id)])
        self._application = app.make(
            conf,
            catalog.Catalog(
                store,
                max_age_seconds=2.0,
                heartbeat_timeout_seconds=3600.0,
            ),
            mock.Mock(),
            operations=records,
            policy=policy.Policy(conf),
            checks={},
        )

    def seconds(self, http_method: str, path: str) -> float:
        """Return the time of one refused request."""
        request = webob.Request.blank(
            path, method=http_method, headers=_HEADERS
        )
        start = time.perf_counter()
        response = request.get_response(self._application)
        taken = time.perf_counter() - start
        if response.status_int not in (403, 404):
            raise SystemExit(f'{path} was answered {response.status}')
        return taken


def _record(operation_id: str) -> operation.NewOperation:
    return operation.NewOperation(
        id=operation_id,
        driver=_DRIVER,
        method=_METHOD,
        http_method='POST',
        parameters={'text': 'x' * 100_000},
        user_id='somebody',
        project_id='theirs',
        request_id=None,
        conductor=_HOST,
        incarnation='run',
        accepted=True,
        attach=False,
    )


def measure(
    site: Site, http_method: str, path: str, existing: str, *, samples: int
) -> dict[str, float]:
    """Return the results of one kind of path."""
    missing = [f'no{uuidutils.generate_uuid()}' for _ in range(samples)]
    order = [True, False] * samples
    random.shuffle(order)
    for _ in range(50):
        site.seconds(
            http_method, path.format(f'no{uuidutils.generate_uuid()}')
        )
    times: list[tuple[float, bool]] = []
    for exists in order:
        name = existing if exists else missing.pop()
        times.append((site.seconds(http_method, path.format(name)), exists))
    medians = {
        exists: statistics.median(t for t, its in times if its is exists)
        for exists in (True, False)
    }
    return {
        'area': _area(times),
        'guessed': _guessed(times[:samples], times[samples:]),
        'ratio': medians[False] / medians[True],
        'median_ms': 1000 * medians[True],
    }


def _area(times: list[tuple[float, bool]]) -> float:
    """Return the area under the ROC curve."""
    hits = sorted(t for t, exists in times if exists)
    misses = [t for t, exists in times if not exists]
    below = sum(
        bisect.bisect_left(hits, t) + bisect.bisect_right(hits, t)
        for t in misses
    )
    return below / (2 * len(hits) * len(misses))


def _guessed(
    learned: list[tuple[float, bool]], judged: list[tuple[float, bool]]
) -> float:
    """Return the share that the best threshold of one half guesses right."""
    ordered = sorted(learned)
    hits = sum(exists for _, exists in ordered)
    # Right so far, if all below the threshold are taken for hits.
    right = len(ordered) - hits
    best, threshold, upwards = max(right, len(ordered) - right), 0.0, True
    upwards = right * 2 >= len(ordered)
    for seconds, exists in ordered:
        right += 1 if exists else -1
        for count, direction in (
            (right, True),
            (len(ordered) - right, False),
        ):
            if count > best:
                best, threshold, upwards = count, seconds, direction
    return sum(
        ((t <= threshold) is upwards) is exists for t, exists in judged
    ) / len(judged)


def main() -> None:
    # As if the requests were further apart: each miss could be looked up.
    catalog._MISS_SECONDS = 0.0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--samples', type=int, default=5000)
    samples = parser.parse_args().samples
    caller: dict[str, Any] = {
        'caller': {'roles': [], 'project_id': 'ours', 'user_id': 'max'}
    }
    reader = {'caller': {**caller['caller'], 'roles': ['reader']}}
    for name, rules in _RULES.items():
        known = caller if name == 'defaults' else reader
        login = callers.Callers(known)
        strategies.STRATEGIES['noauth'] = lambda conf, its=login: its
        with tempfile.TemporaryDirectory() as directory:
            site = Site(pathlib.Path(directory), rules)
            for http_method, path, existing in _paths(name, site.operation_id):
                found = measure(
                    site, http_method, path, existing, samples=samples
                )
                figures = ' '.join(f'{k} {v:.3f}' for k, v in found.items())
                print(
                    f'{name:8} {http_method:6} {path:50} {figures}', flush=True
                )
            site.database.close()


def _paths(rules: str, operation_id: str) -> list[tuple[str, str, str]]:
    call = '/v1/drivers/{}/vendor_passthru'
    method = f'/v1/drivers/{_DRIVER}/vendor_passthru/{{}}'
    if rules == 'danger':
        return [('POST', method, 'erase')]
    found = [
        ('GET', method, _METHOD),
        ('GET', f'{call}/{_METHOD}', _DRIVER),
        ('GET', f'{call}/methods', _DRIVER),
        ('GET', '/v1/drivers/{}', _DRIVER),
    ]
    if rules == 'defaults':
        found += [
            ('GET', '/v1/conductors/{}', _HOST),
            ('GET', '/v1/operations/{}', operation_id),
            ('DELETE', '/v1/operations/{}', operation_id),
        ]
    return found


if __name__ == '__main__':
    main()
