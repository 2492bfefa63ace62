# SPDX-License-Identifier: Apache-2.0
"""Errors, exit codes and columns of all commands."""

import argparse
import json
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from cliff import columns
from osc_lib.command import command

from ironic_passthru import client
from ironic_passthru.client import exceptions
from ironic_passthru.client.osc import plugin

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNKNOWN = 3
EXIT_NOT_RUN = 4
EXIT_CANCELLED = 5
EXIT_UNFINISHED = 6

_EXIT_CODES: dict[type[exceptions.ClientError], int] = {
    exceptions.InvalidCall: EXIT_USAGE,
    exceptions.CallNotRun: EXIT_NOT_RUN,
    exceptions.UnknownOutcome: EXIT_UNKNOWN,
    exceptions.OperationStopped: EXIT_CANCELLED,
    exceptions.WaitTimedOut: EXIT_UNFINISHED,
}


class PassthruCommand(command.Command):
    """Base class: it reports errors of the client."""

    @property
    def client(self) -> client.Client:
        """Client with the login of the command line."""
        found: client.Client = getattr(
            self.app.client_manager, plugin.API_NAME
        )
        return found

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command and return the exit code."""
        try:
            return super().run(parsed_args)
        except exceptions.ClientError as error:
            self.log.debug('The command failed', exc_info=True)
            self.report(error)
            return _EXIT_CODES.get(type(error), EXIT_FAILED)

    def report(self, error: exceptions.ClientError) -> None:
        """Print an error, and what to do if the call may have run."""
        print_note(error.message)
        if error.status is not None and error.status >= 500:
            print_note(f'Request id: {error.request_id}')
        if isinstance(
            error, exceptions.UnknownOutcome | exceptions.WaitTimedOut
        ):
            if error.operation_id:
                print_note(
                    f'Wait for it: openstack passthru operation wait '
                    f'{error.operation_id}'
                )
            elif error.idempotency_key:
                print_note(
                    'The same command with --idempotency-key '
                    f'{error.idempotency_key} does not run the method twice'
                )
        if error.partial_result is not None:
            print_note(f'Partial result: {json.dumps(error.partial_result)}')


class PassthruLister(PassthruCommand, command.Lister):
    """Base class of commands that print a table."""


class PassthruShowOne(PassthruCommand, command.ShowOne):
    """Base class of commands that print one object."""


class JSONColumn(columns.FormattableColumn[Any]):
    """A JSON value: text in tables, unchanged in machine formats."""

    def human_readable(self) -> str:
        """Return JSON, or nothing for null.

        An object of objects, such as the items of several servers, has a line
        for each of them.
        """
        value = self._value
        if value is None:
            return ''
        if (
            isinstance(value, dict)
            and value
            and all(isinstance(each, dict) for each in value.values())
        ):
            # A name must not begin a line of its own.
            lines = (
                f'{_json(name)[1:-1]}: {_json(each)}'
                for name, each in value.items()
            )
            return printable('\n'.join(lines))
        return printable(_json(value))


class TextColumn(columns.FormattableColumn[str]):
    """A text: unchanged in machine formats, unless a terminal shows it."""

    def human_readable(self) -> str:
        """Return the text without control characters."""
        return printable(self._value)

    def machine_readable(self) -> str:
        """Return the text."""
        if sys.stdout.isatty():
            return self.human_readable()
        return self._value


class ListColumn(columns.FormattableColumn[Any]):
    """A list of names."""

    def human_readable(self) -> str:
        """Return the names with commas."""
        return printable(', '.join(self._value))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def add_conductor_group(parser: argparse.ArgumentParser) -> None:
    """Add the option for the conductor group of methods."""
    parser.add_argument(
        '--conductor-group',
        metavar='<group>',
        help='Only conductors of this group; an empty text for conductors '
        'without a group',
    )


def row(record: Any, names: Sequence[str]) -> list[Any]:
    """Return the attributes of a record for the columns of a table."""
    return [cell(getattr(record, name)) for name in names]


def cell(value: Any) -> Any:
    """Return a value for a column."""
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return ListColumn(value)
    if value is None or isinstance(value, list | dict):
        return JSONColumn(value)
    return TextColumn(value) if isinstance(value, str) else value


def table(values: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    """Return columns and data of one object."""
    return list(values), [cell(value) for value in values.values()]


def print_note(text: str) -> None:
    """Print a text for people, without control characters, to stderr."""
    print(printable(text), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Return a text without characters that control a terminal."""
    return ''.join(
        char if char.isprintable() or char in '\n\t' else '?' for char in text
    )


def confirm(question: str) -> bool | None:
    """Ask a question; return None if there is no terminal to ask on."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    print(f'{printable(question)} [y/N] ', end='', file=sys.stderr, flush=True)
    try:
        return sys.stdin.readline().strip().lower() in ('y', 'yes')
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return False
