# SPDX-License-Identifier: Apache-2.0
"""``ironic-passthru-conductor``: a conductor, which owns the drivers."""

import os
import sys

from ironic_passthru import threads

threads.init()

from ironic_passthru import service  # noqa: E402
from ironic_passthru import supervisor  # noqa: E402
from ironic_passthru.cmd import launch  # noqa: E402

_DESCRIPTION = (
    'Own the drivers and run their methods, as calls come in over the bus. '
    'SIGTERM lets running calls finish; a second one ends it at once.'
)

# How long the registry may take to note what has not finished in time.
_LAST_NOTES_SECONDS = 60.0


def main() -> int:
    """Run the command; return its exit code."""
    return launch.run(_main)


def _main() -> int:
    conf = launch.read_configuration(
        sys.argv[1:],
        prog='ironic-passthru-conductor',
        description=_DESCRIPTION,
        also_arguments=['host'],
    )
    launch.require_registry(conf)
    stop = launch.Stop(conf)
    watcher = supervisor.from_environment(os.environ)
    conductor = service.build_conductor(conf, watcher)
    conductor.start()
    watcher.ready()
    stop.wait(conductor.lost)
    options = conf.conductor
    watcher.stopping(options.graceful_shutdown_timeout + _LAST_NOTES_SECONDS)
    if not conductor.stop():
        launch.leave(launch.EXIT_FAILED)
    lost = conductor.lost.is_set()
    return launch.EXIT_FAILED if lost else launch.EXIT_OK
