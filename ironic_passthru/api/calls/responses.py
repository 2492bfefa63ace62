# SPDX-License-Identifier: Apache-2.0
"""Responses to calls, from a result or from a recorded operation."""

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
    """Make the responses to calls."""

    def __init__(
        self,
        operations: operations.OperationStore,
        links: links.Links,
        renderer: error_responses.ErrorRenderer,
    ) -> None:
        self._operations = operations
        self._links = links
        self._renderer = renderer

    @property
    def retry_after_seconds(self) -> int:
        """Recommended interval for polling an operation."""
        return self._renderer.retry_after_seconds

    def location(self, request: webob.Request, operation_id: str) -> str:
        """Return the URL of an operation.

        :raises: RequestError as :meth:`links.Links.base`.
        """
        return self._links.href(request, 'operations', operation_id)

    def accepted(self, location: str) -> webob.Response:
        """Return the response to a call that is accepted but not final."""
        response = webob.Response(status=202, location=location)
        del response.headers['Content-Type']
        response.retry_after = self.retry_after_seconds
        return response

    def error(
        self,
        request: webob.Request,
        error: Exception,
        *,
        location: str | None = None,
    ) -> webob.Response:
        """Return the response to an error.

        :param location: URL of the operation that failed.
        """
        return self._renderer.render(error, request.environ, location=location)

    def outcome(
        self, request: webob.Request, found: operation.Operation
    ) -> webob.Response:
        """Return the response that a synchronous call would have had.

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
            return self.error(request, self._error(found))
        if found.result_parts == 0:
            return expose.json_response(None)
        text = self._operations.result(found.id)
        if text is None:
            return self.error(request, errors.ResultGone(operation=found.id))
        return result(json.loads(text), attach=found.attach)

    def _error(self, found: operation.Operation) -> errors.PassthruError:
        """Return the error of an operation without a complete result."""
        details = {}
        if found.result_parts:
            text = self._operations.result(found.id)
            if text is not None:
                details = {errors.PARTIAL_RESULT: json.loads(text)}
        if found.state is operation.State.CANCELLED:
            return errors.OperationCancelled(operation=found.id, **details)
        if found.state is operation.State.EXPIRED:
            return errors.OperationExpired()
        if found.error is None:
            return errors.PassthruError()
        return errors.VendorError(
            message=found.error.message,
            status=found.error.status,
            code=found.error.code,
            **details,
        )


def result(value: Any, *, attach: bool) -> webob.Response:
    """Return the response with the result of a method.

    :param attach: whether ``value`` is input of
        :meth:`protocol.Attached.from_bus`.
    """
    return _attachment(value) if attach else expose.json_response(value)


def _attachment(value: Mapping[str, Any]) -> webob.Response:
    attached = protocol.Attached.from_bus(value)
    response = webob.Response(body=attached.data)
    response.headers['Content-Type'] = attached.media_type
    header = content_disposition.header(attached.media_type, attached.filename)
    if header is not None:
        response.headers['Content-Disposition'] = header
    return response
