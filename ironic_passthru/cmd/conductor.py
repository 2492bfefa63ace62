# SPDX-License-Identifier: Apache-2.0
"""``ironic-passthru-conductor``: a conductor, which owns the drivers."""

import os
import sys
import time

from ironic_passthru import threads

threads.init()

from oslo_config import cfg  # noqa: E402
from oslo_log import log  # noqa: E402

from ironic_passthru import errors  # noqa: E402
from ironic_passthru import service  # noqa: E402
from ironic_passthru.cmd import launch  # noqa: E402
from ironic_passthru.cmd import service_manager  # noqa: E402

LOG = log.getLogger(__name__)

_DESCRIPTION = (
    'Own the drivers and run their methods, as calls come in over the bus. '
    'SIGTERM lets running calls finish; a second one ends it at once.'
)

# How long the registry may take to note what has not finished in time.
_LAST_NOTES_SECONDS = 60.0

# Between two attempts to reach a registry that is away.
_RETRY_SECONDS = 5.0


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
    watcher = service_manager.from_environment(os.environ)
    conductor = _started(conf, watcher)
    stop.start_completed()
    watcher.ready()
    stop.wait(conductor.lost)
    options = conf.conductor
    watcher.stopping(options.graceful_shutdown_timeout + _LAST_NOTES_SECONDS)
    if not conductor.stop():
        launch.leave(launch.EXIT_FAILED)
    lost = conductor.lost.is_set()
    return launch.EXIT_FAILED if lost else launch.EXIT_OK


def _started(
    conf: cfg.ConfigOpts, watcher: service_manager.ServiceManager
) -> service.Conductor:
    """Return a conductor that serves.

    It waits for a registry that is away, as oslo.messaging does for a
    broker: whoever starts it again and again instead would soon give up.
    """
    while True:
        conductor = service.build_conductor(conf, watcher)
        try:
            conductor.start()
            return conductor
        except errors.RegistryUnavailable:
            LOG.warning('The registry is away; the start waits for it')
        time.sleep(_RETRY_SECONDS)
