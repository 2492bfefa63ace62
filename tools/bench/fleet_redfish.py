# SPDX-License-Identifier: Apache-2.0
"""Measure the cost of ``inventory`` of many BMCs over a bare urllib3 loop.

The simulated BMCs run in a process of their own, each with an address in
127.0.0.0/8, TLS and a latency. The driver and a loop that sends the same three
requests over one connection for each BMC are run in turns. The result is the
median of the ratios within one round, since the speed of the machine drifts.

With ``--targets`` one call over so many targets follows, of which a tenth does
not respond: its time, and its memory in addition to that of the idle driver.
"""

import argparse
import contextlib
import json
import pathlib
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent import futures

import urllib3
import yaml
from oslo_config import cfg

from ironic_passthru import conf as project_conf
from ironic_passthru import context as request_context
from ironic_passthru.drivers import redfish
from ironic_passthru.testing import bmc

_ROUNDS = 5
_PATHS = ('/redfish/v1/', bmc.SYSTEMS, bmc.SYSTEM)
_LOGIN = 'admin', 'simulated-secret'

_READ_SECONDS = 3.0


def serve(count: int, latency_seconds: float, ca: str) -> None:
    """Run BMCs until the end of the input, and a tenth as many silent ones."""
    with contextlib.ExitStack() as stack:
        fakes = [
            stack.enter_context(
                bmc.SimulatedBmc(
                    address=f'127.1.{number // 250}.{number % 250 + 1}',
                    tls=True,
                )
            )
            for number in range(count)
        ]
        silent = [
            stack.enter_context(
                bmc.SimulatedBmc(address=f'127.2.0.{number + 1}')
            )
            for number in range(count // 10)
        ]
        for fake in silent:
            fake.faults['GET'] = bmc.faults.hang
        for fake in fakes:
            fake.latency_seconds = latency_seconds
        pems = [fake.ca_file.read_bytes() for fake in fakes if fake.ca_file]
        pathlib.Path(ca).write_bytes(b''.join(pems))
        urls = [[fake.url for fake in each] for each in (fakes, silent)]
        print(json.dumps(urls), flush=True)
        sys.stdin.read()


def bare(urls: list[str], ca: pathlib.Path, threads: int) -> None:
    """Send the requests of an inventory without the driver."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    headers = urllib3.util.make_headers(basic_auth=':'.join(_LOGIN))

    def read(url: str) -> None:
        parts = urllib3.util.parse_url(url)
        with urllib3.HTTPSConnectionPool(
            str(parts.host), parts.port, ssl_context=context
        ) as pool:
            for path in _PATHS:
                answer = pool.request('GET', path, headers=headers)
                json.loads(answer.data)

    with futures.ThreadPoolExecutor(threads) as executor:
        list(executor.map(read, urls))


def started(
    urls: list[str], ca: pathlib.Path, threads: int
) -> redfish.RedfishVendor:
    """Return the driver with an inventory of the BMCs."""
    path = ca.with_name('inventory.yaml')
    login = {'username': _LOGIN[0], 'password': _LOGIN[1]}
    entries = {
        f'node-{number}': {'address': url, **login}
        | ({'ca': str(ca)} if url.startswith('https') else {})
        for number, url in enumerate(urls)
    }
    path.touch(0o600)
    path.write_text(yaml.safe_dump(entries))
    conf = cfg.ConfigOpts()
    project_conf.register_opts(conf)
    conf([], project='ironic_passthru', default_config_files=[])
    for name, value in {
        'inventory_file': str(path),
        'concurrency': threads,
        'call_timeout': 600.0,
        'read_timeout': _READ_SECONDS,
        # Several targets share a simulated BMC.
        'reads_per_bmc': 64,
    }.items():
        conf.set_override(name, value, group='redfish')
    driver = redfish.RedfishVendor()
    driver.start(conf)
    return driver


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU time in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(urls: list[str], ca: pathlib.Path, threads: int) -> None:
    driver = started(urls, ca, threads)
    context = request_context.RequestContext(overwrite=False)

    def inventory() -> None:
        summary = driver.inventory(context)['summary']
        if summary['succeeded'] != len(urls):
            raise RuntimeError(str(summary))

    ratios = []
    for number in range(_ROUNDS + 1):
        loop = timed(lambda: bare(urls, ca, threads))
        ours = timed(inventory)
        if number:  # The first round warms up.
            ratios.append([ours[each] / loop[each] for each in (0, 1)])
            print(
                f'bare: {loop[0]:.2f} s, {1000 * loop[1] / len(urls):.1f} ms '
                f'CPU per BMC; driver: {ours[0]:.2f} s, '
                f'{1000 * ours[1] / len(urls):.1f} ms CPU per BMC'
            )
    driver.stop()
    wall, cpu = (statistics.median(each) for each in zip(*ratios, strict=True))
    print(f'wall ratio {wall:.2f}, CPU ratio {cpu:.2f}')


def large(
    urls: list[str], silent: list[str], ca: pathlib.Path, *, targets: int
) -> None:
    """Measure one call over many targets, a tenth of which hangs."""
    some = [
        urls[number % len(urls)]
        if number % 10
        else silent[number // 10 % len(silent)]
        for number in range(targets)
    ]
    driver = started(some, ca, 1024)
    context = request_context.RequestContext(overwrite=False)
    driver.inventory(context, target='node-1')
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results: list[dict[str, int]] = []
    wall, cpu = timed(
        lambda: results.append(driver.inventory(context)['summary'])
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f'{targets} targets: {wall:.1f} s, {cpu:.1f} s CPU, '
        f'{(peak - idle) / 1024:.0f} MiB more than idle; {results[0]}; '
        f'timeouts alone: {targets / 10 * _READ_SECONDS / 1024:.1f} s'
    )
    driver.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bmcs', type=int, default=200)
    parser.add_argument('--threads', type=int, default=32)
    parser.add_argument('--latency', type=float, default=0.1)
    parser.add_argument('--targets', type=int, default=0)
    parser.add_argument('--serve', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.bmcs, arguments.latency, arguments.serve)
        return
    with tempfile.TemporaryDirectory() as directory:
        ca = pathlib.Path(directory) / 'ca.pem'
        command = [sys.executable, __file__, '--serve', str(ca)]
        command += ['--bmcs', str(arguments.bmcs)]
        command += ['--latency', str(arguments.latency)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as server:
            try:
                urls, silent = json.loads(server.stdout.readline())
                measure(urls, ca, arguments.threads)
                if arguments.targets:
                    large(urls, silent, ca, targets=arguments.targets)
            finally:
                server.terminate()


if __name__ == '__main__':
    main()
