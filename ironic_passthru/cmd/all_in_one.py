# SPDX-License-Identifier: Apache-2.0
"""``ironic-passthru``: API and conductor in one process."""

import sys

from ironic_passthru import threads

with threads.imports():
    from ironic_passthru import service
    from ironic_passthru.cmd import launch
    from ironic_passthru.httpd import server

_DESCRIPTION = (
    'Serve the vendor passthru methods of drivers from one process, without '
    'a broker or a database server. SIGTERM stops it.'
)


def main() -> int:
    """Run the command; return its exit code."""
    return launch.run(_main, loads_drivers=True)


def _main() -> int:
    conf = launch.read_configuration(
        sys.argv[1:],
        prog='ironic-passthru',
        description=_DESCRIPTION,
        also_arguments=['host'],
        short_arguments={
            'host-ip': ('api', 'host_ip'),
            'port': ('api', 'port'),
            'state-path': (None, 'state_path'),
            'drivers': ('conductor', 'enabled_drivers'),
            'dangerous': ('conductor', 'allowed_dangerous_methods'),
        },
    )
    launch.use_embedded_registry(conf)
    # HTTPServer then accepts only loopback addresses.
    conf.set_default('auth_strategy', 'noauth')
    conf.set_default('console', True, group='api')
    signals = launch.SignalHandler(conf)
    services = service.build_all_in_one(conf)
    http = server.HTTPServer(conf, services.api.application)
    # Before the start of the conductor, which would take over the name of
    # another instance on this host.
    http.bind()
    try:
        services.conductor.start()
    except BaseException:
        http.stop()
        raise
    http.start()
    drivers = services.conductor.service.drivers
    signals.start_completed()
    print(f'Listening on {http.url}')
    print(f'Drivers: {", ".join(drivers)}')
    if conf.api.console:
        print(f'Console: {http.url}/console/')
    print('Try:')
    print(f'  curl {http.url}/v1/drivers', flush=True)
    signals.wait(services.conductor.lost)
    http.stop()
    if not services.close():
        launch.exit_now(launch.EXIT_FAILED)
    lost = services.conductor.lost.is_set()
    return launch.EXIT_FAILED if lost else launch.EXIT_OK
