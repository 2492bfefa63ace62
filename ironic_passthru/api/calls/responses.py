# SPDX-License-Identifier: Apache-2.0
"""What a client is answered for a call, at once or from its record."""

import json
from collections.abc import Mapping
from typing import Any

import webob

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.api.http import content_disposition
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import links
from ironic_passthru.db import operations
from ironic_passthru.rpc import protocol


class CallResponses:
    """Makes the answers that a call can have.

    :param retry_after_seconds: when to ask again.
    """

    def __init__(
        self,
        operations: operations.OperationStore,
        links: links.Links,
        *,
        retry_after_seconds: int,
    ) -> None:
        self._operations = operations
        self._links = links
        self.retry_after_seconds = retry_after_seconds

    def location(self, request: Any, operation_id: str) -> str:
        """Return the URL of an operation.

        :raises: RequestError if the Host header is needed and not valid.
        """
        return self._links.href(request, 'operations', operation_id)

    def accepted(self, location: str) -> webob.Response:
        """Return the answer to a call that was accepted, or is not done."""
        response = webob.Response(status=202, location=location)
        del response.headers['Content-Type']
        response.retry_after = self.retry_after_seconds
        return response

    def error(
        self, request: Any, error: Exception, *, location: str | None = None
    ) -> webob.Response:
        """Return the answer that tells of an error.

        :param location: URL of the operation that it is about.
        """
        return error_responses.render(
            error,
            request.environ,
            retry_after_seconds=self.retry_after_seconds,
            location=location,
        )

    def outcome(
        self, request: Any, found: operation.Operation
    ) -> webob.Response:
        """Return what a synchronous call would have been answered.

        :param found: a final operation.
        :raises: RegistryUnavailable.
        """
        if found.state is operation.State.UNKNOWN:
            return self.error(
                request,
                errors.OutcomeUnknown(request_id=found.request_id),
                location=self.location(request, found.id),
            )
        if found.state is not operation.State.SUCCEEDED:
            return self.error(request, _error(found))
        if found.result_parts == 0:
            return expose.json_response(None)
        text = self._operations.result(found.id)
        if text is None:
            return self.error(request, errors.ResultGone(operation=found.id))
        return result(json.loads(text), attach=found.attach)


def result(value: Any, *, attach: bool) -> webob.Response:
    """Return the answer that holds what a method returned.

    :param attach: whether the value is what
        :meth:`protocol.Attached.from_bus` reads.
    """
    return _attachment(value) if attach else expose.json_response(value)


def _error(found: operation.Operation) -> errors.PassthruError:
    """Return why an operation has no result."""
    if found.state is operation.State.CANCELLED:
        return errors.OperationCancelled(operation=found.id)
    if found.state is operation.State.EXPIRED:
        return errors.OperationExpired()
    if found.error is None:
        return errors.PassthruError()
    return errors.VendorError(
        message=found.error.message,
        status=found.error.status,
        code=found.error.code,
    )


def _attachment(value: Mapping[str, Any]) -> webob.Response:
    attached = protocol.Attached.from_bus(value)
    response = webob.Response(body=attached.data)
    response.headers['Content-Type'] = attached.media_type
    header = content_disposition.header(attached.media_type, attached.filename)
    if header is not None:
        response.headers['Content-Disposition'] = header
    return response
