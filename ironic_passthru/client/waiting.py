# SPDX-License-Identifier: Apache-2.0
"""Wait for operations by long polling."""

import time
from collections.abc import Callable

import requests

from ironic_passthru.client import exceptions
from ironic_passthru.client import records
from ironic_passthru.client import transport

#: Receives the operation whenever it was read.
ProgressCallback = Callable[[records.OperationInfo], None]

# The service may apply a lower limit.
_LONGEST_WAIT_SECONDS = 20.0
# Progress is read again after this time.
_PROGRESS_SECONDS = 1.0
# How long a response may take in addition.
_GRACE_SECONDS = 30.0


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
    deadline = None if timeout is None else time.monotonic() + timeout
    limit = _LONGEST_WAIT_SECONDS if progress is None else _PROGRESS_SECONDS
    while True:
        left = limit if deadline is None else deadline - time.monotonic()
        seconds = max(min(left, limit), 0)
        # The header has whole seconds; the last wait may take longer.
        response = sender.send(
            transport.HTTPRequest(
                'GET',
                f'/v1/operations/{operation_id}',
                headers={'Prefer': f'wait={int(seconds + 0.999)}'},
                repeatable=True,
                timeout=seconds + _GRACE_SECONDS,
            )
        )
        found = records.OperationInfo.from_json(response.json())
        if progress is not None:
            progress(found)
        if found.final:
            return found
        if deadline is not None and time.monotonic() >= deadline:
            error = exceptions.WaitTimedOut(
                f'Operation {operation_id} has not finished within {timeout:g}'
                f' seconds; its state is {found.state}.'
            )
            error.operation_id = operation_id
            raise error
        _pause(response, limit)


def _pause(response: requests.Response, limit: float) -> None:
    """Pause if the service has not delayed its response.

    It delays a limited number of responses at a time.
    """
    if 'Preference-Applied' in response.headers:
        return
    recommended = response.headers.get('Retry-After', '')
    seconds = float(recommended) if recommended.isdecimal() else limit
    time.sleep(max(min(seconds, limit), 0.1))
