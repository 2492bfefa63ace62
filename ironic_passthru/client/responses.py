# SPDX-License-Identifier: Apache-2.0
"""Errors and results in responses of the service."""

import contextlib
import email.message
import json
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any
from typing import BinaryIO

import requests

from ironic_passthru import errors
from ironic_passthru.client import exceptions
from ironic_passthru.client import records

#: Destination of a result: a path, or a binary file.
Output = str | os.PathLike[str] | BinaryIO

JSON = 'application/json'

_CHUNK_BYTES = 64 * 1024
_MAX_TEXT = 300

# Some errors have the status of another kind.
_BY_CODE: dict[str, type[exceptions.ClientError]] = {
    'operation_cancelled': exceptions.OperationStopped,
}
_BY_STATUS: dict[int, type[exceptions.ClientError]] = {
    404: exceptions.ResourceMissing,
    # A proxy lost the connection to the service.
    502: exceptions.UnknownOutcome,
    503: exceptions.CallNotRun,
    504: exceptions.UnknownOutcome,
}


def error(response: requests.Response) -> exceptions.ClientError:
    """Return the exception for a response with an error status."""
    document = _object(response)
    message = document.get('detail')
    if not isinstance(message, str):
        # Of a proxy or of another service.
        text = ' '.join(response.text.split())[:_MAX_TEXT]
        message = f'HTTP {response.status_code}: {text or response.reason}'
    code = str(document.get('code', ''))
    kind = _BY_CODE.get(code) or _BY_STATUS.get(
        response.status_code, exceptions.RequestFailed
    )
    found = kind(
        message,
        code=code,
        status=response.status_code,
        request_id=response.headers.get('x-openstack-request-id'),
        field_errors=[
            errors.FieldError(item['pointer'], item['detail'])
            for item in document.get('errors', ())
        ],
        partial_result=document.get('partial_result'),
    )
    found.operation_id = operation_id(response)
    return found


def _object(response: requests.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except requests.exceptions.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def operation_id(response: requests.Response) -> str | None:
    """Return the id of the operation that a response refers to."""
    location = response.headers.get('Location', '')
    parent, _, last = location.rstrip('/').rpartition('/')
    return last if parent.endswith('/operations') else None


def check_output(output: Output | None) -> None:
    """Check that a result can be written, before the method runs.

    :raises: InvalidCall.
    """
    if not isinstance(output, str | os.PathLike):
        return
    path = pathlib.Path(output)
    directory = path.parent
    if path.is_dir() or not os.access(
        directory if not path.exists() or path.is_file() else path, os.W_OK
    ):
        raise exceptions.InvalidCall(f'The file {path} cannot be written.')


def result(response: requests.Response, output: Output | None = None) -> Any:
    """Return the result of a method.

    :param output: destination of the result as it was received.
    :returns: the JSON value; a :class:`records.DownloadedFile` for a file,
        and for every result with ``output``.
    :raises: UnknownOutcome if the response is incomplete; RequestFailed if
        the output cannot be written.
    """
    try:
        if output is not None:
            return _file(response, _saved(response, output))
        if is_json(response):
            return response.json()
        data = response.content
        return _file(response, len(data), data)
    except requests.exceptions.JSONDecodeError:
        raise exceptions.UnknownOutcome(
            'The response is not valid JSON.', status=response.status_code
        ) from None
    except requests.RequestException as reason:
        raise exceptions.UnknownOutcome(
            f'The result was not received completely: {reason}',
            status=response.status_code,
        ) from None
    except OSError as reason:
        raise exceptions.RequestFailed(
            f'The method has run, but its result cannot be written: {reason}'
        ) from None


def is_json(response: requests.Response) -> bool:
    """Return whether a result is a JSON value, not a file."""
    kind = response.headers.get('Content-Type', JSON).partition(';')[0].strip()
    return kind == JSON and 'Content-Disposition' not in response.headers


def _file(
    response: requests.Response, size: int, data: bytes | None = None
) -> records.DownloadedFile:
    message = email.message.Message()
    message['Content-Disposition'] = response.headers.get(
        'Content-Disposition', 'inline'
    )
    return records.DownloadedFile(
        media_type=response.headers.get('Content-Type', ''),
        filename=message.get_filename(),
        size=size,
        data=data,
    )


def _saved(response: requests.Response, output: Output) -> int:
    """Write the body to ``output`` and return its size in bytes.

    :raises: requests.RequestException, OSError.
    """
    size = 0
    with _opened(output) as file:
        for chunk in response.iter_content(_CHUNK_BYTES):
            file.write(chunk)
            size += len(chunk)
    return size


@contextlib.contextmanager
def _opened(output: Output) -> Iterator[BinaryIO]:
    """Open a destination.

    A path is replaced when the file is complete, so that it never contains a
    part of a result. Other users cannot read the file.
    """
    if not isinstance(output, str | os.PathLike):
        yield output
        return
    path = pathlib.Path(output)
    if path.exists() and not path.is_file():
        # Such as /dev/stdout.
        with path.open('wb') as file:
            yield file
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with os.fdopen(handle, 'wb') as file:
            yield file
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def dumps(value: Any) -> bytes:
    """Return the body of a request with a JSON value.

    :raises: InvalidCall if the value has no JSON form.
    """
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError) as reason:
        raise exceptions.InvalidCall(
            f'The parameters have no JSON form: {reason}'
        ) from None
