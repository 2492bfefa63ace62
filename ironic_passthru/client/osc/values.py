# SPDX-License-Identifier: Apache-2.0
"""Parameters of a call from the arguments of a command."""

import getpass
import os
import pathlib
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.client import exceptions
from ironic_passthru.client import records
from ironic_passthru.validation import schema
from ironic_passthru.validation import strict_json


class ParameterReader:
    """Read and validate the parameters of one method.

    :param method: the method, as the service describes it.
    """

    def __init__(self, method: records.MethodInfo) -> None:
        self.spec = spec.MethodSpec(
            name=method.name,
            http_methods=tuple(method.http_methods),
            async_call=method.is_async,
            attach=method.attach,
            description=method.description,
            schema=method.parameters,
            secret=tuple(method.secret),
        )
        try:
            schema.check_schema(method.parameters)
        except schema.InvalidSchema as error:
            raise exceptions.InvalidCall(
                f'The schema of method {method.name} is wrong: {error}'
            ) from None
        self._names = list(self.spec.parameters.names)

    def read(
        self,
        document: Mapping[str, Any],
        texts: Sequence[str],
        secrets: Sequence[str],
    ) -> dict[str, Any]:
        """Return the parameters of a call.

        :param document: parameters of a file, which the others replace.
        :param texts: ``name=value``.
        :param secrets: ``name``, ``name=env:VARIABLE``, ``name=file:PATH``.
        :raises: InvalidCall.
        """
        values = dict(document)
        for name, given in _by_name(texts).items():
            values[name] = self._value(name, given)
            masked = self.spec.masked({name: values[name]})
            if masked != {name: values[name]}:
                raise exceptions.InvalidCall(
                    f'Parameter {name} is secret, and other users can read '
                    f'command lines: use --secret {name} or --params'
                )
        for text in secrets:
            name, equals, source = text.partition('=')
            values[name] = self._value(
                name, [_secret(name, source if equals else 'prompt:')]
            )
        self._check(values)
        return values

    def _value(self, name: str, texts: Sequence[str]) -> Any:
        query = self.spec.parameters.query
        if len(texts) > 1 and name not in query.arrays:
            raise exceptions.InvalidCall(f'Parameter {name} is given twice')
        if name in self._names:
            return query.read(name, texts)
        try:
            return strict_json.loads(texts[0])
        except strict_json.InvalidJSON:
            return texts[0]

    def _check(self, values: Mapping[str, Any]) -> None:
        try:
            self.spec.parameters.check(values)
        except errors.InvalidParameters as error:
            message = error.message
            if values.keys() - self._names:
                allowed = ', '.join(self._names) or 'none'
                message = f'{message}; declared parameters: {allowed}'
            found = exceptions.InvalidCall(
                message, field_errors=error.field_errors()
            )
            raise found from None


def read_document(path: str) -> dict[str, Any]:
    """Return the JSON object of a file.

    :param path: path of the file; ``-`` is the standard input.
    :raises: InvalidCall.
    """
    try:
        if path == '-':
            text = sys.stdin.read()
        else:
            text = pathlib.Path(path).read_text('utf-8-sig')
        document = strict_json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise exceptions.InvalidCall(
            f'The file {path} cannot be read: {error}'
        ) from None
    except strict_json.InvalidJSON as error:
        raise exceptions.InvalidCall(
            f'The file {path} is not valid JSON: {error}'
        ) from None
    if not isinstance(document, dict):
        raise exceptions.InvalidCall(
            f'The file {path} must contain a JSON object with the parameters'
        )
    return document


def _by_name(texts: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in texts:
        name, equals, value = text.partition('=')
        if not equals or not name:
            # It may contain a secret.
            raise exceptions.InvalidCall(
                'An argument of --param is not of the form NAME=VALUE'
            )
        found.setdefault(name, []).append(value)
    return found


def _secret(name: str, source: str) -> str:
    """Return the text of a secret parameter.

    :raises: InvalidCall.
    """
    kind, _, where = source.partition(':')
    if kind == 'prompt' and sys.stdin.isatty():
        return getpass.getpass(f'{name}: ')
    if kind == 'env' and where in os.environ:
        return os.environ[where]
    if kind == 'file':
        try:
            return pathlib.Path(where).read_text().rstrip('\r\n')
        except (OSError, UnicodeDecodeError) as error:
            raise exceptions.InvalidCall(
                f'Secret {name}: the file {where} cannot be read: {error}'
            ) from None
    if kind == 'env':
        reason = f'the variable {where} is not set'
    elif kind == 'prompt':
        reason = 'there is no terminal to ask on'
    else:
        reason = 'its source is unknown'
    raise exceptions.InvalidCall(
        f'Secret {name}: {reason}; use --secret {name}=env:VARIABLE or '
        f'--secret {name}=file:PATH'
    )
