# SPDX-License-Identifier: Apache-2.0
"""``ironic-passthru-api``: the API under the built-in HTTP server."""

import sys

from ironic_passthru import threads

with threads.imports():
    from ironic_passthru import service
    from ironic_passthru.cmd import launch
    from ironic_passthru.httpd import server

_DESCRIPTION = (
    'Serve the REST API and forward calls to conductors over the bus. For '
    'production run ironic_passthru.wsgi:application under Apache mod_wsgi, '
    'uWSGI or gunicorn instead. SIGTERM stops it.'
)


def main() -> int:
    """Run the command; return its exit code."""
    return launch.run(_main)


def _main() -> int:
    conf = launch.read_configuration(
        sys.argv[1:], prog='ironic-passthru-api', description=_DESCRIPTION
    )
    launch.require_registry(conf)
    signals = launch.SignalHandler(conf)
    api = service.build_api(conf)
    http = server.HTTPServer(conf, api.application)
    http.bind()
    api.metrics.serve()
    http.start()
    signals.start_completed()
    print(f'Listening on {http.url}', flush=True)
    signals.wait()
    http.stop()
    api.close()
    return launch.EXIT_OK
