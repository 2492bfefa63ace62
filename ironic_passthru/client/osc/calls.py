# SPDX-License-Identifier: Apache-2.0
"""The command that calls a method."""

import argparse
import difflib
from collections.abc import Sequence
from typing import Any

from ironic_passthru.client import arguments
from ironic_passthru.client import exceptions
from ironic_passthru.client import records
from ironic_passthru.client import waiting
from ironic_passthru.client.osc import base
from ironic_passthru.client.osc import progress
from ironic_passthru.client.osc import results
from ironic_passthru.client.osc import values

_OPERATION = ('id', 'driver', 'method', 'state', 'created_at')


class CallMethod(results.ResultCommand):
    """Call a method of a driver.

    The result of an asynchronous method is an operation, or with --wait the
    result of the operation.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser."""
        parser = super().get_parser(prog_name)
        parser.add_argument('driver', metavar='<driver>', help='The driver')
        parser.add_argument('method', metavar='<method>', help='The method')
        _add_parameters(parser)
        parser.add_argument(
            '--http-method',
            metavar='<verb>',
            help='HTTP method, needed if the method supports several',
        )
        base.add_conductor_group(parser)
        waiting = parser.add_mutually_exclusive_group()
        waiting.add_argument(
            '--wait',
            action='store_true',
            help='Wait for the result of an asynchronous method',
        )
        waiting.add_argument(
            '--async',
            dest='respond_async',
            action='store_true',
            help='Run a synchronous method as an operation, and do not wait',
        )
        parser.add_argument(
            '--timeout',
            type=seconds,
            metavar='<seconds>',
            help='Limit of the wait; the method continues',
        )
        parser.add_argument(
            '--idempotency-key',
            metavar='<key>',
            help='Key of an earlier call to repeat: the method runs once '
            '(1 to 255 visible ASCII characters; by default random)',
        )
        parser.add_argument(
            '--yes',
            action='store_true',
            help='Do not ask before a dangerous method runs',
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        """Call the method; return columns and data."""
        method = self._method(parsed_args)
        document = (
            values.read_document(parsed_args.params)
            if parsed_args.params is not None
            else {}
        )
        parameters = values.ParameterReader(method).read(
            document, parsed_args.param, parsed_args.secret
        )
        if method.deprecated is not None:
            base.print_note(f'Deprecated: {method.deprecated}')
        if method.dangerous and not parsed_args.yes:
            _ask(parsed_args, method)
        result = self._call(parsed_args, method, parameters)
        if method.forwarded and method.is_async:
            base.print_note('Accepted by Ironic, which records no operation.')
        if isinstance(result, records.OperationInfo):
            base.print_note(
                f'Wait for it: openstack passthru operation wait {result.id}'
            )
            result = {name: getattr(result, name) for name in _OPERATION}
        return self.shown(parsed_args, result)

    def _method(self, parsed_args: argparse.Namespace) -> records.MethodInfo:
        """Return the method.

        :raises: ResourceMissing with similar names.
        """
        driver, name = parsed_args.driver, parsed_args.method
        group = parsed_args.conductor_group
        try:
            return self.client.method(driver, name, conductor_group=group)
        except exceptions.ResourceMissing as error:
            if error.code != 'unknown_method':
                raise
            found = self.client.methods(driver, conductor_group=group)
            names = sorted(each.name for each in found)
            similar = difflib.get_close_matches(name, names, 3)
            if similar:
                hint = f'Did you mean: {", ".join(similar)}?'
            elif group and not names:
                hint = '"openstack passthru conductor list" lists the groups.'
            else:
                hint = f'Methods: {", ".join(names) or "none"}.'
            raise exceptions.InvalidCall(f'{error.message} {hint}') from None

    def _call(
        self,
        parsed_args: argparse.Namespace,
        method: records.MethodInfo,
        parameters: dict[str, Any],
    ) -> Any:
        key = parsed_args.idempotency_key
        if not method.forwarded:
            key = arguments.idempotency_key(key)
        output = self.destination(parsed_args)
        try:
            result = self.client.call(
                parsed_args.driver,
                method.name,
                parameters,
                http_method=parsed_args.http_method,
                timeout=parsed_args.timeout,
                idempotency_key=key,
                conductor_group=parsed_args.conductor_group,
                respond_async=parsed_args.respond_async,
                output=output,
            )
        except KeyboardInterrupt:
            error = exceptions.UnknownOutcome(
                'Interrupted; the method may have run, or still be running.'
            )
            error.idempotency_key = key
            raise error from None
        if (
            not isinstance(result, records.OperationInfo)
            or parsed_args.respond_async
            or not (parsed_args.wait or not method.is_async)
        ):
            return result
        with waiting.accepted(result.id):
            progress.follow(
                self.client,
                result.id,
                timeout=parsed_args.timeout,
                display=progress.ProgressBar(),
            )
            return self.client.result(result.id, output=output)


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--param',
        metavar='<name=value>',
        action='append',
        default=[],
        help='Parameter, read by its type; an array is items with commas, '
        'repeated options or JSON, an object is JSON',
    )
    parser.add_argument(
        '--params',
        metavar='<file>',
        help='File with the parameters as a JSON object; - is the standard '
        'input. --param replaces its members',
    )
    parser.add_argument(
        '--secret',
        metavar='<name[=env:VARIABLE|=file:PATH]>',
        action='append',
        default=[],
        help='Secret parameter, from a prompt without echo, a variable or a '
        'file',
    )


def seconds(text: str) -> float:
    """Return a positive number of seconds.

    :raises: argparse.ArgumentTypeError.
    """
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float('inf'):
        raise argparse.ArgumentTypeError(
            f'must be a number of seconds above 0, not {text!r}'
        )
    return found


def _ask(parsed_args: argparse.Namespace, method: records.MethodInfo) -> None:
    """Ask before a dangerous method runs.

    :raises: InvalidCall without a terminal or without consent.
    """
    name = f'{parsed_args.driver} {method.name}'
    answer = base.confirm(f'{name} is dangerous: {method.description} Run it?')
    if answer is None:
        raise exceptions.InvalidCall(
            f'{name} is dangerous; without a terminal it needs --yes'
        )
    if not answer:
        raise exceptions.InvalidCall('Not run')
