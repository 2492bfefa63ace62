# SPDX-License-Identifier: Apache-2.0
"""``ironic-passthru``: API and conductor in one process."""

import sys

from ironic_passthru import threads

threads.init()

from ironic_passthru import service  # noqa: E402
from ironic_passthru.cmd import launch  # noqa: E402
from ironic_passthru.httpd import server  # noqa: E402

_DESCRIPTION = (
    'Serve the vendor passthru methods of drivers from one process, without '
    'a broker or a database server. SIGTERM ends it.'
)


def main() -> int:
    """Run the command; return its exit code."""
    return launch.run(_main)


def _main() -> int:
    conf = launch.read_configuration(
        sys.argv[1:], prog='ironic-passthru', description=_DESCRIPTION
    )
    launch.use_embedded_registry(conf)
    # Whoever tries it on a laptop has no logins; it listens there alone.
    conf.set_default('auth_strategy', 'noauth')
    stop = launch.Stop(conf)
    everything = service.build_all_in_one(conf)
    http = server.HTTPServer(conf, everything.api.application)
    # First of all: were another one running here, the conductor would take
    # its name from it only to find that the port is taken.
    http.bind()
    try:
        everything.conductor.start()
    except BaseException:
        http.stop()
        raise
    http.start()
    drivers = everything.conductor.service.drivers
    stop.start_completed()
    print(f'Listening on {http.url}')
    print(f'Drivers: {", ".join(drivers)}')
    print('Try:')
    print(f'  curl {http.url}/v1/drivers', flush=True)
    stop.wait(everything.conductor.lost)
    http.stop()
    if not everything.close():
        launch.leave(launch.EXIT_FAILED)
    lost = everything.conductor.lost.is_set()
    return launch.EXIT_FAILED if lost else launch.EXIT_OK
