# SPDX-License-Identifier: Apache-2.0
"""Commands for drivers and their methods."""

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from cliff.formatters import table

from ironic_passthru.client import records
from ironic_passthru.client.osc import base
from ironic_passthru.client.osc import values
from ironic_passthru.sphinxext import markup
from ironic_passthru.sphinxext import parameters

_PARAMETERS = 'parameters'
_METHOD = (
    *('name', 'http_methods', 'async', 'attach', 'dangerous', 'description'),
)
_METHOD_ATTRIBUTES = ['is_async' if n == 'async' else n for n in _METHOD]
_DETAILS = (
    *('name', 'description', 'long_description', 'http_methods'),
    *('attach', 'target', 'timeout', 'dangerous'),
)
_ROW = ('name', 'type', 'required', 'default', 'description')


class ListDriver(base.PassthruLister):
    """List the drivers that live conductors offer."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Any]]:
        """Return columns and rows."""
        names = ('name', 'hosts')
        found = self.client.drivers()
        return names, [base.row(driver, names) for driver in found]


class ListMethod(base.PassthruLister):
    """List the methods of a driver that you may call."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser."""
        parser = super().get_parser(prog_name)
        parser.add_argument('driver', metavar='<driver>', help='The driver')
        base.add_conductor_group(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Any]]:
        """Return columns and rows."""
        found = self.client.methods(
            parsed_args.driver, conductor_group=parsed_args.conductor_group
        )
        return _METHOD, [
            base.row(method, _METHOD_ATTRIBUTES) for method in found
        ]


class ShowMethod(base.PassthruShowOne):
    """Show a method, its parameters and its result."""

    _rows: Sequence[Sequence[str]] = ()

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser."""
        parser = super().get_parser(prog_name)
        parser.add_argument('driver', metavar='<driver>', help='The driver')
        parser.add_argument('method', metavar='<method>', help='The method')
        base.add_conductor_group(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        """Return columns and data."""
        found = self.client.method(
            parsed_args.driver,
            parsed_args.method,
            conductor_group=parsed_args.conductor_group,
        )
        self._rows = parameter_rows(found)
        return base.table(
            {
                'driver': parsed_args.driver,
                **{name: getattr(found, name) for name in _DETAILS},
                'async': found.is_async,
                'deprecated': found.deprecated,
                'examples': found.examples,
                _PARAMETERS: found.parameters,
                'result': found.result,
            }
        )

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Sequence[Any],
    ) -> int:
        """Print the method; as a table, the parameters are a second one."""
        if parsed_args.formatter != 'table' or parsed_args.columns:
            return super().produce_output(parsed_args, column_names, data)
        kept = {
            name: value
            for name, value in zip(column_names, data, strict=True)
            # Schemas are for programs, and empty members explain nothing.
            if name not in (_PARAMETERS, 'result') and str(value)
        }
        super().produce_output(parsed_args, list(kept), list(kept.values()))
        if self._rows:
            print('Parameters:', file=self.app.stdout)
            table.TableFormatter().emit_list(
                _ROW, self._rows, self.app.stdout, parsed_args
            )
        return 0


def parameter_rows(method: records.MethodInfo) -> list[list[str]]:
    """Return a row of texts for each parameter, and for fields of objects."""
    described = values.ParameterReader(method).spec
    return [
        [
            base.printable(text.replace(markup.LITERAL, ''))
            for text in (
                row.name,
                row.type,
                'yes' if row.required else 'no',
                row.default,
                ' '.join(str(part) for part in row.description),
            )
        ]
        for row in parameters.Parameters(described).rows()
    ]
