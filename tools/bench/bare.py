# SPDX-License-Identifier: Apache-2.0
"""A bare no-op over oslo.messaging, for comparison.

``bare.py server URL`` serves it; ``bare.py client URL THREADS SECONDS``
calls it, with the options that the API uses, and prints one JSON object.
"""

import json
import sys
import threading
import time

from ironic_passthru import threads

threads.init()

import oslo_messaging  # noqa: E402
from oslo_config import cfg  # noqa: E402

_TARGET = oslo_messaging.Target(topic='bare', server='bare')

# As large as that of a call of the API without login.
_CONTEXT = {
    'request_id': 'req-5a6f4ab3-5c41-4b2e-9a3e-0d0f6f0c2f11',
    'user_id': None,
    'project_id': None,
    'roles': [],
    'is_admin_project': True,
}


class Endpoint:
    """Endpoint with a no-op."""

    def no_op(self, context: dict) -> None:
        """Do nothing."""


def serve(url: str) -> None:
    """Serve until the process is terminated."""
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url)
    server = oslo_messaging.get_rpc_server(transport, _TARGET, [Endpoint()])
    server.start()
    print('ready', flush=True)
    threading.Event().wait()


def call(url: str, count: int, seconds: float) -> dict[str, float]:
    """Call in ``count`` threads for some seconds; return rate and times."""
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url)
    client = oslo_messaging.get_rpc_client(
        transport,
        _TARGET,
        retry=0,
        call_monitor_timeout=6,
        transport_options=oslo_messaging.TransportOptions(at_least_once=True),
    )
    # Open the connections before the measurement.
    _run(client, count, 1.0)
    started = time.perf_counter()
    cpu = time.process_time()
    times = sorted(_run(client, count, seconds))
    elapsed = time.perf_counter() - started
    return {
        'rate': len(times) / elapsed,
        'p50_ms': 1000 * times[len(times) // 2],
        'p99_ms': 1000 * times[len(times) * 99 // 100],
        'client_cpu_ms': 1000 * (time.process_time() - cpu) / len(times),
    }


def _run(
    client: oslo_messaging.RPCClient, count: int, seconds: float
) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds

    def work() -> None:
        while (now := time.perf_counter()) < end:
            client.call(_CONTEXT, 'no_op')
            times.append(time.perf_counter() - now)

    workers = [threading.Thread(target=work) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return times


if __name__ == '__main__':
    cfg.CONF([], project='bench')
    if sys.argv[1] == 'server':
        serve(sys.argv[2])
    else:
        print(
            json.dumps(call(sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
        )
