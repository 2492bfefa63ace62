# SPDX-License-Identifier: Apache-2.0
"""Measure the catalog of an API process on large sites.

Requires PostgreSQL (Debian package postgresql), except with ``--sqlite``.
``catalog.py`` measures all sites. It starts ``catalog.py --url URL`` for each
registry, which prints one JSON object, so that each measurement of memory has
a process of its own.
"""

import argparse
import contextlib
import gc
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from collections.abc import Iterator

from ironic_passthru import threads

threads.init()

import fleet  # noqa: E402

from ironic_passthru.api.registry import catalog  # noqa: E402
from ironic_passthru.db import conductors  # noqa: E402
from ironic_passthru.db import migration  # noqa: E402
from ironic_passthru.db import session  # noqa: E402
from ironic_passthru.rpc import client  # noqa: E402
from ironic_passthru.tests.functional import servers  # noqa: E402

_MIB = 2**20
_REFRESHES = 15
_CALLS = 20000
# The default of [api] catalog_max_age.
_MAX_AGE_SECONDS = 2.0
# Total CPU time of a call in an API process, and calls per second of one
# process, as measured by run.py, for comparison.
_CALL_MS = 1.0
_CALLS_PER_SECOND = 400

# Conductors, and versions of their drivers.
_SITES = {
    '1 conductor': (1, 1),
    '1,000 conductors': (1000, 1),
    '1,000 conductors, 10 versions': (1000, 10),
}


def measure(url: str) -> dict[str, float]:
    """Measure the catalog of one registry."""
    database = session.Database(fleet.configuration(url))
    store = conductors.ConductorStore(database)
    # Excludes modules that libraries import at the first query.
    store.check()
    fleet.heartbeat(database)
    made = _catalog(store)
    gc.collect()
    before, peak_before = _resident_mib()
    result = _timed('first load', made.snapshot)
    gc.collect()
    after, peak = _resident_mib()
    result['resident, MiB'] = after - before
    result['resident at most, MiB'] = peak - max(before, peak_before)
    result |= _refreshes('unchanged', made, lambda number: None)
    result |= _refreshes(
        'one restarted', made, lambda number: fleet.restart(database, number)
    )
    result['route and choice, us'] = _route_us(made)
    fleet.heartbeat(database)
    result |= _allocations(_catalog(store))
    database.close()
    return result


def _catalog(store: conductors.ConductorStore) -> catalog.Catalog:
    return catalog.Catalog(
        store,
        # Refreshed explicitly only.
        max_age_seconds=3600.0,
        heartbeat_timeout_seconds=3600.0,
    )


def _resident_mib() -> tuple[float, float]:
    """Return the current and the maximum resident memory."""
    fields = {}
    status = pathlib.Path('/proc/self/status').read_text()
    for line in status.splitlines():
        name, _, value = line.partition(':')
        fields[name] = value.split()[0] if value.split() else ''
    return int(fields['VmRSS']) / 1024, int(fields['VmHWM']) / 1024


def _timed(what: str, work: Callable[[], object]) -> dict[str, float]:
    start, cpu = time.perf_counter(), time.thread_time()
    work()
    return {
        f'{what}, ms': 1000 * (time.perf_counter() - start),
        f'{what}, CPU ms': 1000 * (time.thread_time() - cpu),
    }


def _refreshes(
    what: str, made: catalog.Catalog, change: Callable[[int], None]
) -> dict[str, float]:
    """Return median times of refreshes, each after a change."""
    rows = []
    for number in range(_REFRESHES):
        change(number)
        rows.append(_timed(what, lambda: _refresh(made)))
    return {key: statistics.median(r[key] for r in rows) for key in rows[0]}


def _refresh(made: catalog.Catalog) -> None:
    made._refresh(not_older_than=-1.0)


def _route_us(made: catalog.Catalog) -> float:
    """Return the CPU time of the lookup of a method and a conductor."""
    names = [
        (fleet.driver_name(driver), fleet.method_name(method))
        for driver in range(fleet.DRIVERS)
        for method in range(fleet.METHODS)
    ]
    chosen = [random.choice(names) for _ in range(_CALLS)]
    for name in names:
        made.route(*name)
    start = time.thread_time()
    for name in chosen:
        servers = made.route(*name).servers
        next(client._in_random_order(servers))
    return 1e6 * (time.thread_time() - start) / _CALLS


def _allocations(made: catalog.Catalog) -> dict[str, float]:
    """Return the memory that a load and a refresh allocate."""
    result = {}
    tracemalloc.start()
    for what, work in (
        ('first load', made.snapshot),
        ('unchanged', lambda: _refresh(made)),
    ):
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        _, peak = tracemalloc.get_traced_memory()
        result[f'{what}, MiB allocated at most'] = (peak - before) / _MIB
    tracemalloc.stop()
    return result


@contextlib.contextmanager
def registries(sqlite: bool) -> Iterator[Callable[[], str]]:
    """Yield a function that returns the URL of an empty database."""
    if sqlite:
        with tempfile.TemporaryDirectory() as name:
            numbers = iter(range(len(_SITES)))
            yield lambda: f'sqlite:///{name}/{next(numbers)}.sqlite'
    else:
        with servers.PostgreSQL() as server:
            yield server.new_database


def measure_site(url: str, count: int, versions: int) -> dict[str, float]:
    """Fill a registry and measure it in another process."""
    database = session.Database(fleet.configuration(url))
    migration.upgrade(database)
    fleet.register(database, count, versions=versions)
    database.close()
    output = subprocess.run(
        [sys.executable, __file__, '--url', url],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return json.loads(output.splitlines()[-1])


def per_call_us(row: dict[str, float]) -> float:
    """Return the time of a lookup and its share of the refreshes."""
    calls = _CALLS_PER_SECOND * _MAX_AGE_SECONDS
    return (
        row['route and choice, us'] + 1000 * row['unchanged, CPU ms'] / calls
    )


def ratios(sites: dict[str, dict[str, float]]) -> dict[str, str]:
    """Return the values with targets."""
    rows = {}
    alone = per_call_us(sites['1 conductor'])
    for name, row in sites.items():
        slowest = max(row[key] for key in row if key.endswith('d, ms'))
        rows[f'{name}: slowest refresh'] = f'{slowest:.0f} ms (<= 1000)'
        most = max(row[key] for key in row if 'at most' in key)
        rows[f'{name}: memory'] = f'{most:.1f} MiB (<= 50)'
        times = (1000 * _CALL_MS + per_call_us(row)) / (
            1000 * _CALL_MS + alone
        )
        rows[f'{name}: call / call with 1 conductor'] = (
            f'{times:.3f} (<= 1.05)'
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--sqlite', action='store_true')
    parser.add_argument('--url', help='of a registry that is filled')
    options = parser.parse_args()
    if options.url:
        print(json.dumps(measure(options.url)))
        return
    with registries(options.sqlite) as new_database:
        sites = {
            name: measure_site(new_database(), *counts)
            for name, counts in _SITES.items()
        }
    print(json.dumps(sites, indent=2))
    for what, figure in ratios(sites).items():
        print(f'{what}: {figure}')


if __name__ == '__main__':
    main()
