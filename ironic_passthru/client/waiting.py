# SPDX-License-Identifier: Apache-2.0
"""Wait for operations by long polling."""

import contextlib
import math
import time
from collections.abc import Callable
from collections.abc import Iterator

import requests

from ironic_passthru.client import exceptions
from ironic_passthru.client import records
from ironic_passthru.client import responses
from ironic_passthru.client import transport

#: Receives the operation whenever it was read.
ProgressCallback = Callable[[records.OperationInfo], None]

# The service may apply a lower limit.
_LONGEST_WAIT_SECONDS = 20.0
# Progress is read again after this time.
_PROGRESS_SECONDS = 1.0
# How long the service may be unavailable.
_OUTAGE_SECONDS = 60.0
# Errors about the reader of an operation, not about the operation.
_UNREADABLE = ('', 'unauthorized', 'forbidden', 'operation_not_found')
# How long a response may take in addition.
_GRACE_SECONDS = 30.0


@contextlib.contextmanager
def accepted(operation_id: str) -> Iterator[None]:
    """Raise errors of requests about an accepted call as errors of the call.

    :raises: UnknownOutcome if its operation cannot be read.
    """
    try:
        yield
    except exceptions.ClientError as error:
        error.operation_id = operation_id
        if (
            isinstance(error, exceptions.CallNotRun)
            and error.code not in transport.LASTING_CODES
        ) or (
            isinstance(error, exceptions.RequestFailed)
            and error.code in _UNREADABLE
        ):
            unknown = exceptions.UnknownOutcome(
                'The call was accepted, but its operation cannot be read: '
                f'{error.message}',
                code=error.code,
                status=error.status,
                request_id=error.request_id,
            )
            unknown.operation_id = operation_id
            raise unknown from None
        raise


def wait(
    sender: transport.Transport,
    operation_id: str,
    *,
    timeout: float | None,
    progress: ProgressCallback | None,
) -> records.OperationInfo:
    """Return an operation when it has finished.

    :param timeout: in seconds; None for no limit.
    :raises: WaitTimedOut, ClientError.
    """
    deadline = time.monotonic() + (math.inf if timeout is None else timeout)
    limit = _LONGEST_WAIT_SECONDS if progress is None else _PROGRESS_SECONDS
    seen = time.monotonic()
    while True:
        seconds = max(min(deadline - time.monotonic(), limit), 0)
        try:
            response = _read(sender, operation_id, seconds)
        except (exceptions.CallNotRun, exceptions.UnknownOutcome):
            # Such as a restart; reading again is safe.
            now = time.monotonic()
            if now >= deadline or now - seen > _OUTAGE_SECONDS:
                raise
            time.sleep(_PROGRESS_SECONDS)
            continue
        seen = time.monotonic()
        found = responses.record(response, records.OperationInfo.from_json)
        if progress is not None:
            progress(found)
        if found.final:
            return found
        if seen >= deadline:
            error = exceptions.WaitTimedOut(
                f'Operation {operation_id} has not finished within {timeout:g}'
                f' seconds; its state is {found.state}.'
            )
            error.operation_id = operation_id
            raise error
        _pause(response, limit)


def _read(
    sender: transport.Transport, operation_id: str, seconds: float
) -> requests.Response:
    return sender.send(
        transport.HTTPRequest(
            'GET',
            f'/v1/operations/{operation_id}',
            # The header has whole seconds; the last wait may take longer.
            headers={'Prefer': f'wait={math.ceil(seconds)}'},
            repeatable=True,
            timeout=seconds + _GRACE_SECONDS,
        )
    )


def _pause(response: requests.Response, limit: float) -> None:
    """Pause if the service has not delayed its response.

    It delays a limited number of responses at a time.
    """
    if 'Preference-Applied' in response.headers:
        return
    recommended = response.headers.get('Retry-After', '')
    seconds = float(recommended) if recommended.isdecimal() else limit
    time.sleep(max(min(seconds, limit), 0.1))
