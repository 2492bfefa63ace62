# SPDX-License-Identifier: Apache-2.0
"""Measure the cost of ``inventory`` of many BMCs over a bare urllib3 loop.

The simulated BMCs run in a process of their own, each with an address in
127.0.0.0/8, TLS and a latency. The driver and a loop that sends the same three
requests over one connection for each BMC are run in turns. The result is the
median of the ratios within one round, since the speed of the machine drifts.
"""

import argparse
import contextlib
import json
import pathlib
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
from ironic_passthru.conf import redfish as options
from ironic_passthru.drivers import redfish
from ironic_passthru.testing import bmc

_ROUNDS = 5
_PATHS = ('/redfish/v1/', bmc.SYSTEMS, bmc.SYSTEM)
_LOGIN = 'admin', 'simulated-secret'


def serve(count: int, latency_seconds: float, ca: str) -> None:
    """Run BMCs until the end of the input."""
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
        for fake in fakes:
            fake.latency_seconds = latency_seconds
        pems = [fake.ca_file.read_bytes() for fake in fakes if fake.ca_file]
        pathlib.Path(ca).write_bytes(b''.join(pems))
        print(json.dumps([fake.url for fake in fakes]), flush=True)
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
    login = {'username': _LOGIN[0], 'password': _LOGIN[1], 'ca': str(ca)}
    entries = {
        f'node-{number}': {'address': url, **login}
        for number, url in enumerate(urls)
    }
    path.touch(0o600)
    path.write_text(yaml.safe_dump(entries))
    conf = cfg.ConfigOpts()
    project_conf.register_opts(conf, [options])
    conf([], project='ironic_passthru', default_config_files=[])
    conf.set_override('inventory_file', str(path), group='redfish')
    conf.set_override('concurrency', threads, group='redfish')
    conf.set_override('call_timeout', 600.0, group='redfish')
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
        items = driver.inventory(context)
        failed = [item for item in items.values() if 'error' in item]
        if failed or len(items) != len(urls):
            raise RuntimeError(f'{len(failed)} BMCs failed: {failed[:1]}')

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bmcs', type=int, default=200)
    parser.add_argument('--threads', type=int, default=32)
    parser.add_argument('--latency', type=float, default=0.1)
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
                urls = json.loads(server.stdout.readline())
                measure(urls, ca, arguments.threads)
            finally:
                server.terminate()


if __name__ == '__main__':
    main()
