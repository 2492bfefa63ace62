# SPDX-License-Identifier: Apache-2.0
"""Errors and results in responses of the service."""

import contextlib
import email.message
import json
import os
import pathlib
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import BinaryIO
from typing import TypeVar

import requests

from ironic_passthru import errors
from ironic_passthru.client import exceptions
from ironic_passthru.client import records

#: Destination of a result: a path, or a binary file.
Output = str | os.PathLike[str] | BinaryIO

JSON = 'application/json'

#: Each response of the service contains it, unlike those of a proxy.
REQUEST_ID_HEADER = 'x-openstack-request-id'

_T = TypeVar('_T')
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
        text = _text(response) or response.reason
        message = f'HTTP {response.status_code}: {text}'
    code = str(document.get('code', ''))
    kind = _BY_CODE.get(code) or _BY_STATUS.get(
        response.status_code, exceptions.RequestFailed
    )
    found = kind(
        message,
        code=code,
        status=response.status_code,
        request_id=response.headers.get(REQUEST_ID_HEADER),
        field_errors=_field_errors(document.get('errors')),
        partial_result=document.get('partial_result'),
    )
    found.operation_id = operation_id(response)
    return found


def _object(response: requests.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except (requests.RequestException, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text(response: requests.Response) -> str:
    try:
        return ' '.join(response.text.split())[:_MAX_TEXT]
    except requests.RequestException:
        # The connection was lost.
        return ''


def _field_errors(found: Any) -> list[errors.FieldError]:
    return [
        errors.FieldError(str(item['pointer']), str(item['detail']))
        for item in (found if isinstance(found, list) else ())
        if isinstance(item, dict) and item.keys() >= {'pointer', 'detail'}
    ]


def record(response: requests.Response, make: Callable[[Any], _T]) -> _T:
    """Return what ``make`` returns for the JSON value of a response.

    :raises: RequestFailed if the response is not one of the service, such as
        a page of a proxy.
    """
    try:
        return make(response.json())
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RecursionError,
    ):
        kind = response.headers.get('Content-Type', 'no type')
        raise exceptions.RequestFailed(
            f'The response of {response.url} (HTTP {response.status_code}, '
            f'{kind}) is not one of this service; check the endpoint.',
            status=response.status_code,
            request_id=response.headers.get(REQUEST_ID_HEADER),
        ) from None


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
    if not is_json(response) and REQUEST_ID_HEADER not in response.headers:
        raise exceptions.UnknownOutcome(
            'The response is not one of this service, but of a proxy: '
            f'{_text(response)}',
            status=response.status_code,
        )
    try:
        if output is not None:
            return _file(response, _saved(response, output))
        if is_json(response):
            return response.json()
        data = response.content
        return _file(response, len(data), data)
    except (requests.exceptions.JSONDecodeError, RecursionError):
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
    except (TypeError, ValueError, RecursionError) as reason:
        raise exceptions.InvalidCall(
            f'The parameters have no JSON form: {reason}'
        ) from None
