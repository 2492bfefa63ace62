# SPDX-License-Identifier: Apache-2.0
"""Output of results."""

import argparse
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import yaml

from ironic_passthru.client import exceptions
from ironic_passthru.client import records
from ironic_passthru.client.osc import base

# Formats that show every JSON value as it is.
_MACHINE_FORMATS = {
    'json': lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    'yaml': lambda value: yaml.safe_dump(value, allow_unicode=True).rstrip(),
}


class ResultCommand(base.PassthruShowOne):
    """Base class of commands that print the result of a method.

    An object is printed like every other object. Other values are printed by
    themselves: JSON and YAML show the value, tables a column ``result``. A
    file is written to ``--output``, or to standard output.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser with the option ``--output``."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--output',
            metavar='<file>',
            help='Write the result to a file, as it was received; - is the '
            'standard output',
        )
        return parser

    def destination(self, parsed_args: argparse.Namespace) -> Any:
        """Return the output for the client; None to print the result."""
        if parsed_args.output == '-':
            return sys.stdout.buffer
        return parsed_args.output

    def shown(
        self, parsed_args: argparse.Namespace, result: Any
    ) -> tuple[Sequence[str], Sequence[Any]]:
        """Return columns and data of a result; None for data that is printed.

        :raises: RequestFailed for a binary file on a terminal.
        """
        self._printed = True
        if isinstance(result, records.DownloadedFile):
            _print_file(parsed_args, result)
        elif isinstance(result, dict):
            self._printed = False
            return base.table(result)
        elif parsed_args.formatter in _MACHINE_FORMATS:
            text = _MACHINE_FORMATS[parsed_args.formatter](result)
            print(text, file=self.app.stdout)
        elif result is not None:
            self._printed = False
            return base.table({'result': result})
        return (), ()

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Sequence[Any],
    ) -> int:
        """Print the result, unless it was printed."""
        if self._printed:
            return 0
        if parsed_args.formatter == 'table':
            column_names = [base.printable(name) for name in column_names]
        return super().produce_output(parsed_args, column_names, data)


def _print_file(
    parsed_args: argparse.Namespace, file: records.DownloadedFile
) -> None:
    if file.data is None:
        if parsed_args.output != '-':
            path = pathlib.Path(parsed_args.output)
            base.print_note(f'{path}: {file.size} bytes, {file.media_type}')
        return
    is_text = file.media_type.startswith('text/')
    if sys.stdout.isatty():
        if not is_text:
            raise exceptions.RequestFailed(
                f'The result is a file of type {file.media_type}, which is '
                'not printed on a terminal; use --output'
            )
        print(base.printable(file.data.decode('utf-8', 'replace')), end='')
        return
    sys.stdout.buffer.write(file.data)
    sys.stdout.buffer.flush()
