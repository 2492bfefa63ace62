# SPDX-License-Identifier: Apache-2.0
"""Start of the commands: configuration, logging, errors and signals."""

import copy
import functools
import logging
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

from oslo_config import cfg
from oslo_log import log

from ironic_passthru import conf as project_conf
from ironic_passthru import errors
from ironic_passthru import service
from ironic_passthru.cmd import parsing
from ironic_passthru.conf import database
from ironic_passthru.conf import default
from ironic_passthru.conf import urls
from ironic_passthru.conf import values
from ironic_passthru.redaction import credentials
from ironic_passthru.redaction import log_filter

CONFIG_FILES = 'OS_IRONIC_PASSTHRU_CONFIG_FILES'

# Exit codes of every command.
EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2

# An option that conf() registers.
_FILES = 'config_file'

_NO_ARGUMENTS: Mapping[str, tuple[str | None, str]] = types.MappingProxyType(
    {}
)

# How long threads may delay the exit before they are logged.
EXIT_WARNING_SECONDS = 5.0

LOG = log.getLogger(__name__)

# Their default levels log every message and request, or warnings that a
# following error replaces.
_QUIET = (
    'oslo.messaging=INFO',
    'oslo_messaging=INFO',
    'amqp=ERROR',
    # The policy reports the error itself.
    'oslo_policy._parser=CRITICAL',
    'stevedore=ERROR',
    'alembic=WARN',
    # tracing/exporting.py logs when exports fail, and when they recover.
    'opentelemetry.exporter.otlp.proto.http.trace_exporter=CRITICAL',
    # It logs OTEL_EXPORTER_OTLP_HEADERS, which may contain a password.
    'opentelemetry.util.re=ERROR',
)


def read_configuration(
    arguments: Sequence[str],
    *,
    prog: str | None = None,
    description: str | None = None,
    config_files: list[str] | None = None,
    also_arguments: Sequence[str] = (),
    short_arguments: Mapping[str, tuple[str | None, str]] = _NO_ARGUMENTS,
) -> cfg.ConfigOpts:
    """Read configuration and command line, and set up logging.

    :param arguments: command line without the name of the program.
    :param config_files: replaces the default configuration files.
    :param also_arguments: options of the group DEFAULT that are accepted as
        arguments.
    :param short_arguments: names of further arguments with group (None is
        DEFAULT) and option; they precede files and environment.
    :raises: ConfigError for an invalid option, or for a file with
        credentials that every user of the host can read.
    """
    log.set_defaults(
        default_log_levels=[*log.get_default_log_levels(), *_QUIET]
    )
    try:
        conf = parsing.configuration(
            functools.partial(
                _register,
                also_arguments=also_arguments,
                short_arguments=short_arguments,
            ),
            arguments,
            prog=prog,
            description=description,
            default_config_files=config_files,
        )
        for name, (group, option) in short_arguments.items():
            value = conf[_destination(name, group)]
            if value is not None:
                conf.set_override(option, value, group=group)
        _check_values(conf)
    except cfg.Error as error:
        raise errors.ConfigError(credentials.describe(error)) from None
    credentials.check_configuration(conf)
    _set_up_log(conf)
    return conf


def _register(
    conf: cfg.ConfigOpts,
    *,
    also_arguments: Sequence[str],
    short_arguments: Mapping[str, tuple[str | None, str]],
) -> None:
    # First: oslo.config ignores later registrations of the same option.
    conf.register_cli_opts(
        option for option in default.OPTS if option.name in also_arguments
    )
    project_conf.register_opts(conf)
    for name, (group, option) in short_arguments.items():
        conf.register_cli_opt(_argument(name, group, option))
    log.register_options(conf)
    conf.set_default('use_stderr', True)


def _argument(name: str, group: str | None, option: str) -> cfg.Opt:
    """Return an option of the command line for an option of a group.

    oslo.config would begin its name with the name of the group, and would not
    replace underscores.
    """
    (found,) = (
        each
        for module in project_conf.MODULES
        for each in module.OPTS
        if getattr(getattr(module, 'GROUP', None), 'name', None) == group
        and each.name == option
    )
    argument: cfg.Opt = copy.copy(found)
    argument.name, argument.dest = name, _destination(name, group)
    argument.default = None
    argument.metavar = option.upper()
    return argument


def _destination(name: str, group: str | None) -> str:
    found = name.replace('-', '_')
    # oslo.config shows it in errors, but options of DEFAULT have the name.
    return found if group else f'argument_{found}'


def _set_up_log(conf: cfg.ConfigOpts) -> None:
    try:
        log.setup(conf, parsing.PROJECT)
    except log.LogConfigError as error:
        raise errors.ConfigError(credentials.describe(error)) from None
    except OSError as error:
        raise errors.ConfigError(
            f'Cannot write the log: {error.filename}: {error.strerror}'
        ) from None
    log_filter.install()
    threading.excepthook = _log_thread_error


def _log_thread_error(arguments: threading.ExceptHookArgs) -> None:
    """Log the exception that ended a thread, such as one of a driver."""
    if arguments.exc_value is None or arguments.exc_type is SystemExit:
        return
    LOG.error(
        'An exception ended thread %s',
        arguments.thread.name if arguments.thread else '?',
        exc_info=arguments.exc_value,
    )


def _check_values(conf: cfg.ConfigOpts) -> None:
    for module in project_conf.MODULES:
        values.check(conf, module)


def use_embedded_registry(conf: cfg.ConfigOpts) -> None:
    """Use an SQLite file as the registry unless one is configured.

    :raises: ConfigError if its directory cannot be created.
    """
    if conf.database.connection:
        return
    try:
        url = database.default_connection(conf)
    except OSError as error:
        raise errors.ConfigError(
            f'Option state_path in group [DEFAULT]: {conf.state_path}: '
            f'{error.strerror}'
        ) from None
    conf.set_default('connection', url, group='database')


def require_registry(conf: cfg.ConfigOpts) -> None:
    """Check that a registry is configured.

    :raises: ConfigError.
    """
    if not urls.read(conf, option='connection', group='database'):
        raise errors.ConfigError(
            'Option connection in group [database] is not set: API and '
            'conductors require a common registry'
        )


def run(main: Callable[[], int], *, loads_drivers: bool = False) -> int:
    """Run a command; print an error as one line and return the exit code.

    :param loads_drivers: whether a start that failed may leave threads of
        drivers, which must not delay the exit.
    """
    try:
        return main()
    except (errors.PassthruError, cfg.Error) as error:
        print(f'{_program()}: {credentials.describe(error)}', file=sys.stderr)
        if loads_drivers and _blocking_threads():
            exit_now(EXIT_FAILED)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FAILED
    finally:
        if _blocking_threads():
            # It ends with the process.
            threading.Thread(target=_log_blocking_threads, daemon=True).start()


def _blocking_threads() -> list[threading.Thread]:
    """Return the threads that the interpreter waits for at its exit."""
    return [
        thread
        for thread in threading.enumerate()
        if not thread.daemon and thread is not threading.main_thread()
    ]


def _log_blocking_threads() -> None:
    time.sleep(EXIT_WARNING_SECONDS)
    for thread in _blocking_threads():
        LOG.warning(
            'The exit of the process waits for thread %s, which is not a '
            'daemon thread',
            thread.name,
        )


def exit_now(code: int) -> NoReturn:
    """Exit although calls are running.

    The interpreter would wait for their threads.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _program() -> str:
    return os.path.basename(sys.argv[0])


class SignalHandler:
    """Handler of SIGTERM, SIGINT and SIGHUP.

    SIGTERM and SIGINT stop the process gracefully; a second signal, or one
    before the start is complete, ends it at once: a start may wait for the
    bus, and has nothing to complete. SIGHUP reloads mutable options.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._stop = threading.Event()
        self._reload = threading.Event()
        self._wakeup = threading.Event()
        self._started = False
        self._install()

    def _install(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hangup)

    def start_completed(self) -> None:
        """Enable the graceful stop; call it before reporting readiness."""
        self._started = True
        # Modules of drivers may have replaced the handlers.
        self._install()

    def wait(self, lost: threading.Event | None = None) -> None:
        """Wait for a signal to stop, or until ``lost`` is set."""
        self.start_completed()
        while not self._stop.is_set() and not (lost and lost.is_set()):
            # Python runs signal handlers when wait() returns.
            self._wakeup.wait(0.5)
            self._wakeup.clear()
            if self._reload.is_set():
                self._reload.clear()
                self._reload_configuration()

    def _reload_configuration(self) -> None:
        LOG.info('Reloading the configuration')
        # Until conf() is called, there is nothing to reload.
        used = [conf for conf in (self._conf, cfg.CONF) if _FILES in conf]
        for conf in used:
            try:
                conf.mutate_config_files()
            except Exception as error:
                # Keep the running configuration: neither a typo nor a library
                # of a vendor must stop the service.
                LOG.error(
                    'Invalid configuration not applied: %s',
                    credentials.describe(error),
                )
        # The log handlers may have changed.
        log_filter.install()

    def _on_stop(self, number: int, _frame: Any) -> None:
        if self._stop.is_set() or not self._started:
            os._exit(128 + number)
        self._stop.set()
        self._wakeup.set()

    def _on_hangup(self, _number: int, _frame: Any) -> None:
        self._reload.set()
        self._wakeup.set()


def wsgi_application() -> Any:
    """Build the application for a WSGI server.

    :raises: SystemExit with the error.
    """
    files = os.environ.get(CONFIG_FILES, '').split(';')
    try:
        conf = read_configuration(
            [],
            prog='ironic-passthru-api',
            config_files=[name for name in files if name] or None,
        )
        require_registry(conf)
        api = service.build_api(conf)
        api.metrics.serve_in_workers()
        return api.application
    except (errors.PassthruError, cfg.Error) as error:
        reason = credentials.describe(error)
        logging.getLogger(__name__).error('%s', reason)
        # mod_wsgi tries again at each request, in the same process. Without
        # this, later errors are about options that are registered again.
        cfg.CONF.clear()
        raise SystemExit(f'ironic-passthru-api: {reason}') from None
