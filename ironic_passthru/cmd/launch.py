# SPDX-License-Identifier: Apache-2.0
"""What the commands share: configuration, logging, errors and signals."""

import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

from oslo_config import cfg
from oslo_log import log
from pbr import version

from ironic_passthru import conf as project_conf
from ironic_passthru import errors
from ironic_passthru import service
from ironic_passthru.cmd import parsing
from ironic_passthru.conf import database
from ironic_passthru.conf import default
from ironic_passthru.conf import urls
from ironic_passthru.redaction import credentials
from ironic_passthru.redaction import log_filter

PROJECT = 'ironic_passthru'
CONFIG_FILES = 'OS_IRONIC_PASSTHRU_CONFIG_FILES'

# Exit codes of every command.
EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2

LOG = log.getLogger(__name__)

# At their usual level these describe every message and every request, tell
# how a database is set up step by step, or warn of what is told better by an
# error that follows, or of nothing.
_QUIET = (
    'oslo.messaging=INFO',
    'oslo_messaging=INFO',
    'amqp=ERROR',
    # What it does not understand is told in a line of our own.
    'oslo_policy._parser=CRITICAL',
    'stevedore=ERROR',
    'alembic=WARN',
)


def read_configuration(
    arguments: Sequence[str],
    *,
    prog: str | None = None,
    description: str | None = None,
    config_files: list[str] | None = None,
    also_arguments: Sequence[str] = (),
) -> cfg.ConfigOpts:
    """Read configuration and command line, and set up logging.

    :param arguments: of the command line, without the program's name.
    :param config_files: instead of the files in the usual places.
    :param also_arguments: options of the group DEFAULT that the command
        line may set too.
    :raises: ConfigError naming the option, its value and what is allowed, or
        a file with credentials that every user of the host can read.
    """
    conf = cfg.CONF
    # First: an option that is there already is not registered again.
    conf.register_cli_opts(
        option for option in default.OPTS if option.name in also_arguments
    )
    project_conf.register_opts(conf)
    log.register_options(conf)
    log.set_defaults(
        default_log_levels=[*log.get_default_log_levels(), *_QUIET]
    )
    conf.set_default('use_stderr', True)
    try:
        with parsing.strict():
            conf(
                arguments,
                project=PROJECT,
                prog=prog,
                description=description,
                version=version.VersionInfo(
                    'ironic-passthru'
                ).version_string(),
                default_config_files=config_files,
            )
        _check_values(conf)
    except cfg.Error as error:
        raise errors.ConfigError(credentials.describe(error)) from None
    credentials.check_configuration(conf)
    try:
        log.setup(conf, PROJECT)
    except log.LogConfigError as error:
        raise errors.ConfigError(credentials.describe(error)) from None
    except OSError as error:
        raise errors.ConfigError(
            f'The log cannot be written: {error.filename}: {error.strerror}'
        ) from None
    log_filter.install()
    return conf


def _check_values(conf: cfg.ConfigOpts) -> None:
    """Read every option once: oslo.config checks values when read."""
    for module in project_conf.MODULES:
        group = getattr(module, 'GROUP', None)
        where = group.name if group else 'DEFAULT'
        for option in module.OPTS:
            section = conf[group.name] if group else conf
            try:
                value = getattr(section, option.dest)
                if isinstance(value, float) and math.isnan(value):
                    # It is neither below a minimum nor above a maximum.
                    raise cfg.ConfigSourceValueError('Should be a number')
            except cfg.ConfigSourceValueError as error:
                raise errors.ConfigError(
                    f'Option {option.name} in group [{where}]'
                    f'{_written(conf, where, option)} is not valid: '
                    f'{_reason(option, error)}{_allowed(option)}'
                ) from None
            except cfg.Error as error:
                raise errors.ConfigError(
                    f'Option {option.name} in group [{where}] is not valid: '
                    f'{credentials.describe(error)}'
                ) from None


def _written(conf: cfg.ConfigOpts, group: str, option: cfg.Opt) -> str:
    """Return what stands for an option, which oslo.config does not tell."""
    if option.secret:
        return ''
    name = f'OS_{group}__{option.dest}'.upper()
    if name in os.environ:
        # oslo.config asks the environment before it asks the files.
        return f' is {os.environ[name]!r}, which'
    for path in reversed(credentials.files(conf)):
        sections: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(path, sections).parse()
        values = sections.get(group, {}).get(option.name)
        if values:
            return f' is {values[-1]!r}, which'
    return ''


def _reason(option: cfg.Opt, error: Exception) -> str:
    """Return why a value is refused, without where oslo.config read it."""
    if option.secret:
        # The reason may quote the value.
        return 'it cannot be read'
    text = credentials.describe(error)
    return text.rpartition(' is not valid: ')[2] or text


def _allowed(option: cfg.Opt) -> str:
    kind = option.type
    low, high = getattr(kind, 'min', None), getattr(kind, 'max', None)
    if low is None and high is None:
        return ''
    return f' (allowed: {low} to {high})'


def use_embedded_registry(conf: cfg.ConfigOpts) -> None:
    """Let the registry be an SQLite file unless one is configured.

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
    """Make sure that a registry is configured, for a split service.

    :raises: ConfigError.
    """
    if not urls.read(conf, option='connection', group='database'):
        raise errors.ConfigError(
            'Option connection in group [database] is not set: API and '
            'conductors need one registry that all of them reach'
        )


def run(main: Callable[[], int]) -> int:
    """Run a command; an error becomes one line and an exit code."""
    try:
        return main()
    except (errors.PassthruError, cfg.Error) as error:
        # Options of libraries are not read before they are used.
        print(f'{_program()}: {credentials.describe(error)}', file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FAILED


def leave(code: int) -> NoReturn:
    """End the process although calls still run.

    The interpreter would wait for the threads that they run in.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _program() -> str:
    return os.path.basename(sys.argv[0])


class Stop:
    """Waits for the signal to stop; a second one ends the process at once.

    So does one that comes before the start is complete: it may itself wait,
    for a broker that is away, and has nothing yet to bring to an end.
    SIGHUP makes the options that can change while running be read again.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._event = threading.Event()
        self._reread = threading.Event()
        self._wakeup = threading.Event()
        self._started = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hangup)

    def start_completed(self) -> None:
        """Let the first signal end the process in order from now on.

        Call it before the process announces that it serves.
        """
        self._started = True

    def wait(self, also: threading.Event | None = None) -> None:
        """Return when a signal says so, or when ``also`` is set."""
        self.start_completed()
        while not self._event.is_set() and not (also and also.is_set()):
            # A signal's handler runs between two rounds at the latest.
            self._wakeup.wait(0.5)
            self._wakeup.clear()
            if self._reread.is_set():
                self._reread.clear()
                self._read_again()

    def _read_again(self) -> None:
        LOG.info('Reading the configuration again')
        try:
            self._conf.mutate_config_files()
        except cfg.Error as error:
            # What runs is better than what a slip of the pen would end.
            LOG.error(
                'The configuration stays as it was: %s',
                credentials.describe(error),
            )
        # There may be other handlers now.
        log_filter.install()

    def _on_stop(self, number: int, frame: Any) -> None:
        if self._event.is_set() or not self._started:
            os._exit(128 + number)
        self._event.set()
        self._wakeup.set()

    def _on_hangup(self, number: int, frame: Any) -> None:
        self._reread.set()
        self._wakeup.set()


def wsgi_application() -> Any:
    """Build the application for a WSGI server.

    :raises: SystemExit after one line on the error stream.
    """
    files = os.environ.get(CONFIG_FILES)
    try:
        conf = read_configuration(
            [], prog='ironic-passthru-api', config_files=_split(files)
        )
        require_registry(conf)
        return service.build_api(conf).application
    except (errors.PassthruError, cfg.Error) as error:
        reason = credentials.describe(error)
        logging.getLogger(__name__).error('%s', reason)
        raise SystemExit(f'ironic-passthru-api: {reason}') from None


def _split(files: str | None) -> list[str] | None:
    if not files:
        return None
    return [name for name in files.split(';') if name]
