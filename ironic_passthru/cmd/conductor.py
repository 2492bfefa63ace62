# SPDX-License-Identifier: Apache-2.0
"""``ironic-passthru-conductor``: a conductor with its drivers."""

import os
import signal
import sys
import time

from ironic_passthru import threads

with threads.imports():
    from oslo_config import cfg
    from oslo_log import log

    from ironic_passthru import errors
    from ironic_passthru import service
    from ironic_passthru.cmd import launch
    from ironic_passthru.cmd import service_manager
    from ironic_passthru.secret_store import store

LOG = log.getLogger(__name__)

_PROG = 'ironic-passthru-conductor'

_DESCRIPTION = (
    'Receive calls from the message bus and run the methods of drivers. '
    'SIGTERM stops it after running calls have finished, a second one at '
    'once.'
)

# Time to record unfinished operations after the graceful shutdown timeout.
_RECORDING_SECONDS = 60.0

# Interval of the attempts to connect to registry and key manager.
_RETRY_SECONDS = 5.0


def main() -> int:
    """Run the command; return its exit code."""
    return launch.run(_main, loads_drivers=True)


def _main() -> int:
    conf = _read_configuration()
    launch.require_registry(conf)
    signals = launch.SignalHandler(conf)
    manager = service_manager.from_environment(os.environ)
    conductor = _start(conf, manager)
    signals.start_completed()
    manager.ready()
    signals.wait(conductor.lost)
    seconds = conf.conductor.graceful_shutdown_timeout
    manager.stopping(seconds + _RECORDING_SECONDS)
    if not conductor.stop():
        launch.exit_now(launch.EXIT_FAILED)
    lost = conductor.lost.is_set()
    return launch.EXIT_FAILED if lost else launch.EXIT_OK


def _read_configuration() -> cfg.ConfigOpts:
    """Return the configuration; wait for a key manager of its options.

    :raises: ConfigError.
    """
    reported = ''
    while True:
        try:
            return launch.read_configuration(
                sys.argv[1:],
                prog=_PROG,
                description=_DESCRIPTION,
                also_arguments=['host'],
            )
        except errors.ConfigError as error:
            if not isinstance(error.__cause__, store.StoreUnavailable):
                raise
            # The next attempt reads the files again.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            # The log is not set up yet.
            if error.message != reported:
                reported = error.message
                print(
                    f'{_PROG}: {reported}; the start is delayed',
                    file=sys.stderr,
                    flush=True,
                )
        time.sleep(_RETRY_SECONDS)


def _start(
    conf: cfg.ConfigOpts, manager: service_manager.ServiceManager
) -> service.Conductor:
    """Return a started conductor.

    It waits for the registry, as oslo.messaging waits for a broker: service
    managers limit the number of restarts.
    """
    while True:
        conductor = service.build_conductor(
            conf,
            alive=manager.alive,
            watchdog_seconds=manager.watchdog_seconds,
        )
        try:
            conductor.start()
            return conductor
        except errors.RegistryUnavailable:
            LOG.warning('Registry database unavailable; the start is delayed')
        time.sleep(_RETRY_SECONDS)
