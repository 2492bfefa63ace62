# SPDX-License-Identifier: Apache-2.0
"""``ironic-passthru-conductor``: a conductor, which owns the drivers."""

import sys

from ironic_passthru import threads

threads.init()

from ironic_passthru import service  # noqa: E402
from ironic_passthru.cmd import launch  # noqa: E402

_DESCRIPTION = (
    'Own the drivers and run their methods, as calls come in over the bus. '
    'SIGTERM lets running calls finish; a second one ends it at once.'
)


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
    conductor = service.build_conductor(conf)
    conductor.start()
    stop.wait(conductor.lost)
    if not conductor.stop():
        launch.leave(launch.EXIT_FAILED)
    lost = conductor.lost.is_set()
    return launch.EXIT_FAILED if lost else launch.EXIT_OK
