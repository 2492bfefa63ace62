# SPDX-License-Identifier: Apache-2.0
"""Commands for operations."""

import argparse
import dataclasses
import itertools
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from ironic_passthru.client import exceptions
from ironic_passthru.client import records
from ironic_passthru.client.osc import base
from ironic_passthru.client.osc import calls
from ironic_passthru.client.osc import progress
from ironic_passthru.client.osc import results

# Limit of the service.
_MAX_PAGE = 1000

_EXIT_CODES = {
    'succeeded': base.EXIT_OK,
    'unknown': base.EXIT_UNKNOWN,
    'expired': base.EXIT_NOT_RUN,
    'cancelled': base.EXIT_CANCELLED,
}

# Options of the list: filter of the API, value, help.
_FILTERS = (
    ('driver', '<driver>', 'Driver'),
    ('method', '<method>', 'Method'),
    ('target', '<target>', 'Hardware that the call acts on'),
    ('user-id', '<id>', 'User who called'),
    ('project-id', '<id>', 'Project of the user'),
    ('request-id', '<id>', 'Request that started the operation'),
    ('conductor', '<host>', 'Conductor'),
    ('created-after', '<time>', 'Created after this time, ISO 8601'),
    ('created-before', '<time>', 'Created before this time, ISO 8601'),
    ('sort-key', '<field>', 'Field to sort by'),
    ('sort-dir', '<asc|desc>', 'Direction of the sort'),
)


class ListOperation(base.PassthruLister):
    """List operations, by default newest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--state',
            metavar='<state>',
            action='append',
            help='State; the option can be repeated',
        )
        for name, metavar, text in _FILTERS:
            parser.add_argument(f'--{name}', metavar=metavar, help=text)
        parser.add_argument(
            '--limit',
            type=int,
            metavar='<number>',
            help='Maximum number of operations; by default all',
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Any]]:
        """Return columns and rows."""
        limit = parsed_args.limit
        if limit is not None and limit < 1:
            raise exceptions.InvalidCall('--limit must be 1 or more')
        filters = {
            name: getattr(parsed_args, name)
            for name in (each[0].replace('-', '_') for each in _FILTERS)
        }
        found = self.client.operations(
            state=parsed_args.state,
            limit=limit and min(limit, _MAX_PAGE),
            **filters,
        )
        names = ('id', 'driver', 'method', 'targets', 'state', 'created_at')
        return (*names, 'progress'), [
            [*base.row(each, names), _progress(each)]
            for each in itertools.islice(found, limit)
        ]


class OperationCommand(base.PassthruCommand):
    """Base class of commands with the id of an operation."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser."""
        parser = super().get_parser(prog_name)
        parser.add_argument('id', metavar='<id>', help='The operation')
        return parser


class ShowOperation(OperationCommand, base.PassthruShowOne):
    """Show an operation."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        """Return columns and data."""
        return _shown(self.client.operation(parsed_args.id))


class CancelOperation(OperationCommand, base.PassthruShowOne):
    """Cancel a queued operation; request it for a running one."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        """Return columns and data."""
        return _shown(self.client.cancel(parsed_args.id))


class _Waiting(OperationCommand):
    """Base class of commands that wait; the exit code shows the state."""

    _state: str | None = None

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--timeout',
            type=calls.seconds,
            metavar='<seconds>',
            help='Limit of the wait; the operation continues',
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command and return the exit code."""
        code = super().run(parsed_args)
        if code or self._state is None:
            return code
        return _EXIT_CODES.get(self._state, base.EXIT_FAILED)

    def follow(
        self,
        parsed_args: argparse.Namespace,
        display: progress.ProgressBar | progress.ProgressLog,
    ) -> records.OperationInfo:
        """Wait for the operation and keep its state."""
        found = progress.follow(
            self.client,
            parsed_args.id,
            timeout=parsed_args.timeout,
            display=display,
        )
        self._state = found.state
        return found


class WaitOperation(_Waiting, base.PassthruShowOne):
    """Wait until an operation has finished, and show it."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        """Return columns and data."""
        return _shown(self.follow(parsed_args, progress.ProgressBar()))


class WatchOperation(_Waiting):
    """Print each change of an operation until it has finished."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Print the changes."""
        self.follow(parsed_args, progress.ProgressLog(self.app.stdout))


class ShowResult(OperationCommand, results.ResultCommand):
    """Print the result of an operation."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        """Return columns and data."""
        output = self.destination(parsed_args)
        result = self.client.result(parsed_args.id, output=output)
        return self.shown(parsed_args, result)


def _progress(operation: records.OperationInfo) -> str:
    return progress.describe(dataclasses.replace(operation, state=None))


def _shown(
    operation: records.OperationInfo,
) -> tuple[Sequence[str], Sequence[Any]]:
    return base.table(dataclasses.asdict(operation))
