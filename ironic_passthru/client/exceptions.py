# SPDX-License-Identifier: Apache-2.0
"""The errors of the client.

::

    ClientError
    ├── InvalidCall         not sent: the client rejects the arguments
    ├── CallNotRun          certainly not run: no connection, or 503
    ├── RequestFailed       the service or the driver reports an error
    │   └── ResourceMissing the service reports 404
    ├── UnknownOutcome      504, or the connection was lost after the request
    ├── OperationStopped    the operation was cancelled
    └── WaitTimedOut        the operation has not finished in time
"""

from collections.abc import Sequence
from typing import Any

from ironic_passthru import errors


class ClientError(Exception):
    """Base class.

    :ivar message: the error for users.
    :ivar code: stable code of the service (doc/source/admin/errors.rst);
        empty for errors that the client detects.
    :ivar status: HTTP status; None without a response.
    :ivar request_id: id of the request in the logs of the service.
    :ivar field_errors: errors of single parameters with JSON pointers.
    :ivar partial_result: result of an operation that did not finish.
    :ivar operation_id: id of the recorded operation, if it is known.
    :ivar idempotency_key: key of the call; None for other requests. A call
        that is sent again with this key does not run twice.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = '',
        status: int | None = None,
        request_id: str | None = None,
        field_errors: Sequence[errors.FieldError] = (),
        partial_result: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.request_id = request_id
        self.field_errors = tuple(field_errors)
        self.partial_result = partial_result
        self.operation_id: str | None = None
        self.idempotency_key: str | None = None


class InvalidCall(ClientError):
    """The arguments are invalid; nothing was sent."""


class CallNotRun(ClientError):
    """The request was certainly not executed; it can be sent again."""


class RequestFailed(ClientError):
    """The service or the driver reports an error."""


class ResourceMissing(RequestFailed):
    """The driver, method, operation or conductor does not exist."""


class UnknownOutcome(ClientError):
    """The request may have been executed."""


class OperationStopped(ClientError):
    """The operation was cancelled; it may have a partial result."""


class WaitTimedOut(ClientError):
    """The operation has not finished in time; it continues."""
