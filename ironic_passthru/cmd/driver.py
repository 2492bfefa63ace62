# SPDX-License-Identifier: Apache-2.0
"""``ironic-passthru-driver``: tools for authors of drivers."""

import argparse
import logging
import os
import pathlib
import sys
import threading
import traceback
from typing import TypeAlias

from ironic_passthru import threads

with threads.imports():
    from oslo_config import cfg
    from pbr import version

    from ironic_passthru import conf as project_conf
    from ironic_passthru import errors
    from ironic_passthru.cmd import launch
    from ironic_passthru.cmd import parsing
    from ironic_passthru.driver_kit import docs
    from ironic_passthru.driver_kit import new
    from ironic_passthru.driver_kit import page_formats
    from ironic_passthru.driver_kit import serve

PROG = 'ironic-passthru-driver'

_CONFIG_FILE = 'Configuration file; can be repeated.'
_NAME = 'Name of the driver, or NAME:ENTRY_POINT of an instance.'


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    arguments = _parser().parse_args(argv)
    level = logging.DEBUG if arguments.debug else logging.CRITICAL
    logging.basicConfig(level=level)
    before = set(threading.enumerate())
    try:
        code = launch.run(lambda: _run(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as head, has ended. The interpreter flushes again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = launch.EXIT_FAILED
    left = {
        thread.name
        for thread in set(threading.enumerate()) - before
        if not thread.daemon
    }
    if left:
        print(
            f'{PROG}: The driver left threads that prevent the end of the '
            f'process: {", ".join(sorted(left))}; start threads in start(), '
            'not at import, and end them in stop()',
            file=sys.stderr,
        )
        launch.exit_now(launch.EXIT_FAILED)
    return code


def _run(arguments: argparse.Namespace) -> int:
    """Run a subcommand; with ``--debug``, print tracebacks of errors.

    :raises: PassthruError, cfg.Error.
    """
    try:
        code: int = arguments.function(arguments)
        return code
    except BrokenPipeError:
        raise
    except Exception as error:
        if arguments.debug:
            traceback.print_exc()
        if isinstance(error, errors.PassthruError | cfg.Error):
            raise
        raise errors.ConfigError(
            f'Unexpected {type(error).__name__}: {error} (--debug prints the '
            'traceback)'
        ) from None


def _new(arguments: argparse.Namespace) -> int:
    for path in new.run(arguments.name, arguments.directory):
        print(path)
    return launch.EXIT_OK


def _check(arguments: argparse.Namespace) -> int:
    # It imports the code of conductors.
    from ironic_passthru.driver_kit import check

    conf = _configuration(arguments.config_file)
    code = launch.EXIT_OK
    for driver in check.drivers(arguments.target):
        try:
            found = check.run(driver, conf)
        except errors.DriverLoadError as error:
            if arguments.debug:
                traceback.print_exc()
            print(f'error: {error.message}')
            code = launch.EXIT_FAILED
            continue
        for problem in found:
            print(f'{problem.level}: {problem}')
        if any(problem.level == check.ERROR for problem in found):
            code = launch.EXIT_FAILED
        else:
            print(f"Driver '{driver.name}': {len(found)} warning(s), no error")
    return code


def _serve(arguments: argparse.Namespace) -> int:
    serve.run(
        arguments.name,
        port=arguments.port,
        config_files=arguments.config_file,
    )
    return launch.EXIT_OK


def _docs(arguments: argparse.Namespace) -> int:
    # It imports the code of conductors.
    from ironic_passthru.driver_kit import check

    with check.reported(arguments.name):
        page = docs.run(arguments.name, arguments.format)
    print(page, end='')
    return launch.EXIT_OK


def _port(arguments: argparse.Namespace) -> int:
    # It parses the modules of Ironic's interfaces.
    from ironic_passthru.driver_kit import port

    found = port.run(arguments.path)
    for finding in found:
        print(finding)
    return launch.EXIT_FAILED if found else launch.EXIT_OK


def _configuration(files: list[str]) -> cfg.ConfigOpts:
    """Read the configuration that a driver is started with.

    :raises: ConfigError, cfg.Error.
    """
    conf = cfg.ConfigOpts()
    project_conf.register_opts(conf)
    parsing.parse(conf, [], default_config_files=files)
    return conf


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROG,
        description='Create, check, run, document and port drivers.',
        epilog=f'"{PROG} COMMAND --help" describes the arguments.',
    )
    release = version.VersionInfo('ironic-passthru').version_string()
    parser.add_argument('--version', action='version', version=release)
    parser.add_argument(
        '--debug',
        action='store_true',
        help='Print the tracebacks of errors, and debug log records.',
    )
    commands = parser.add_subparsers(
        title='commands', metavar='COMMAND', required=True
    )
    for add in (_add_new, _add_check, _add_serve, _add_docs, _add_port):
        add(commands)
    return parser


# The class of subparsers is generic in type stubs only.
_Commands: TypeAlias = 'argparse._SubParsersAction[argparse.ArgumentParser]'


def _add_new(commands: _Commands) -> None:
    text = 'Write a package with a driver and its tests.'
    parser = commands.add_parser('new', help=text, description=text)
    parser.add_argument('name', metavar='NAME', help='Name of the driver.')
    parser.add_argument(
        '--directory',
        type=pathlib.Path,
        default=pathlib.Path(),
        metavar='DIR',
        help='Parent directory of the package; by default the working '
        'directory.',
    )
    parser.set_defaults(function=_new)


def _add_check(commands: _Commands) -> None:
    text = 'Load drivers without a service and report all problems.'
    parser = commands.add_parser('check', help=text, description=text)
    parser.add_argument(
        'target',
        metavar='PACKAGE_OR_NAME',
        help='Name of a driver, NAME:ENTRY_POINT of an instance, or name of '
        'an installed package with drivers.',
    )
    _add_config_file(parser)
    parser.set_defaults(function=_check)


def _add_serve(commands: _Commands) -> None:
    text = (
        'Serve a driver on this host; restart the service when its source '
        'files change.'
    )
    parser = commands.add_parser('serve', help=text, description=text)
    parser.add_argument('name', metavar='NAME', help=_NAME)
    parser.add_argument(
        '--port', type=int, help='Port of the API; default: [api] port.'
    )
    _add_config_file(parser)
    parser.set_defaults(function=_serve)


def _add_docs(commands: _Commands) -> None:
    text = 'Print the reference page of a driver.'
    parser = commands.add_parser('docs', help=text, description=text)
    parser.add_argument('name', metavar='NAME', help=_NAME)
    parser.add_argument(
        '--format',
        choices=sorted(page_formats.FORMATS),
        default='markdown',
        help='Format of the page; default: markdown.',
    )
    parser.set_defaults(function=_docs)


def _add_port(commands: _Commands) -> None:
    text = (
        'List what must be edited in vendor interfaces of Ironic. The exit '
        'code is 1 if there is anything to edit.'
    )
    parser = commands.add_parser('port', help=text, description=text)
    parser.add_argument(
        'path',
        metavar='PATH',
        nargs='+',
        type=pathlib.Path,
        help='Python file, or directory of a package.',
    )
    parser.set_defaults(function=_port)


def _add_config_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--config-file',
        action='append',
        default=[],
        metavar='PATH',
        help=_CONFIG_FILE,
    )
