# SPDX-License-Identifier: Apache-2.0
"""Error responses of every layer of the API."""

import dataclasses
import json
import traceback
from typing import Any
from wsgiref import types as wsgi_types

import webob
from oslo_log import log
from webob import acceptparse

from ironic_passthru import errors
from ironic_passthru.api import audit_data
from ironic_passthru.api.http import environ_keys
from ironic_passthru.redaction import log_filter

LOG = log.getLogger(__name__)

JSON = 'application/json'
PROBLEM = 'application/problem+json'


class InternalError(errors.PassthruError):
    """An unexpected exception; the log contains the details."""

    _msg_fmt = (
        'Internal error; the log of the service contains the cause. '
        'Request id: %(request_id)s'
    )
    debuginfo: str | None = None


class ErrorRenderer:
    """Render exceptions as responses.

    :param retry_after_seconds: value of the Retry-After header of 503, and of
        responses about unfinished operations.
    :param tracebacks: whether responses contain the tracebacks of unexpected
        exceptions.
    """

    def __init__(
        self, retry_after_seconds: int, *, tracebacks: bool = False
    ) -> None:
        self.retry_after_seconds = retry_after_seconds
        self._tracebacks = tracebacks
        if tracebacks:
            LOG.warning(
                'Option debug_tracebacks_in_api in group [api] is set: '
                'responses contain tracebacks of the service'
            )

    def render(
        self,
        error: Exception,
        environ: wsgi_types.WSGIEnvironment,
        *,
        location: str | None = None,
    ) -> webob.Response:
        """Return the response to an error, and record it for the audit.

        :param location: URL of the operation that failed.
        """
        public = self._public_error(error, environ)
        audit_data.of(environ).error = public
        if _prefers_problem(environ):
            media_type, body = PROBLEM, _problem(public, environ)
        else:
            media_type, body = JSON, _envelope(public)
        response = webob.Response(status=public.status, charset='UTF-8')
        response.content_type = media_type
        response.body = json.dumps(body).encode('ascii')
        if public.status == 503:
            response.retry_after = self.retry_after_seconds
        elif public.status == 405:
            response.allow = public.kwargs.get('allow')
        elif public.status == 401 and 'challenge' in public.kwargs:
            response.headers['WWW-Authenticate'] = public.kwargs['challenge']
        if location is not None:
            response.location = location
        return response

    def problem(
        self, error: Exception, environ: wsgi_types.WSGIEnvironment
    ) -> dict[str, Any]:
        """Return an error during a response, as in RFC 9457."""
        return _problem(self._public_error(error, environ), environ)

    def _public_error(
        self, error: Exception, environ: wsgi_types.WSGIEnvironment
    ) -> errors.PassthruError:
        """Return the error that the client may see."""
        request_id = environ.get(environ_keys.REQUEST_ID)
        if not isinstance(error, errors.PassthruError):
            request = (
                f'{environ.get("REQUEST_METHOD")} {environ.get("PATH_INFO")}'
            )
            # A path can contain line feeds; %r keeps the record in one line.
            LOG.error(
                'Request %s failed: %r', request_id, request, exc_info=error
            )
            internal = InternalError(request_id=request_id)
            if self._tracebacks:
                lines = traceback.format_exception(error)
                internal.debuginfo = log_filter.redact(''.join(lines))
            return internal
        if type(error) is errors.PassthruError:
            return InternalError(request_id=request_id)
        return error


def _prefers_problem(environ: wsgi_types.WSGIEnvironment) -> bool:
    """Return whether the client names RFC 9457's media type and prefers it."""
    accept = environ.get(environ_keys.ACCEPT) or environ.get('HTTP_ACCEPT')
    if not accept or PROBLEM not in accept.lower():
        return False
    offers = _accept_header(accept).acceptable_offers([PROBLEM, JSON])
    return bool(offers) and offers[0][0] == PROBLEM


def _envelope(error: errors.PassthruError) -> dict[str, Any]:
    """Return Ironic's body: a JSON text inside a JSON string."""
    content = {
        'faultcode': 'Client' if error.status < 500 else 'Server',
        'faultstring': error.message,
        'debuginfo': _debuginfo(error),
        **_partial_result(error),
    }
    return {'error_message': json.dumps(content)}


def _debuginfo(error: errors.PassthruError) -> str | None:
    # The class of a driver may have an attribute of this name too.
    return error.debuginfo if isinstance(error, InternalError) else None


def _partial_result(error: errors.PassthruError) -> dict[str, Any]:
    partial = error.kwargs.get(errors.PARTIAL_RESULT)
    return {} if partial is None else {errors.PARTIAL_RESULT: partial}


def _problem(
    error: errors.PassthruError, environ: wsgi_types.WSGIEnvironment
) -> dict[str, Any]:
    """Return the body of RFC 9457."""
    body = {
        'type': 'about:blank',
        'title': webob.util.status_reasons.get(error.status, 'Error'),
        'status': error.status,
        'detail': error.message,
        'code': error.code,
        'request_id': environ.get(environ_keys.REQUEST_ID),
        **_partial_result(error),
    }
    debuginfo = _debuginfo(error)
    if debuginfo is not None:
        body['debuginfo'] = debuginfo
    field_errors = error.field_errors()
    if field_errors:
        body['errors'] = [dataclasses.asdict(item) for item in field_errors]
    return body


def check_accept(environ: wsgi_types.WSGIEnvironment, *offers: str) -> None:
    """Check that the client accepts one of several media types.

    An invalid header is ignored, as RFC 9110 allows.

    :param offers: media types; those of JSON by default.
    :raises: NotAcceptable.
    """
    accept = environ.get(environ_keys.ACCEPT)
    offers = offers or (JSON, PROBLEM)
    if not accept or accept in ('*/*', offers[0]):
        return
    if not _accept_header(accept).acceptable_offers(offers):
        raise errors.NotAcceptable(offers=' or '.join(offers))


def _accept_header(text: str) -> Any:
    """Return the parsed header without the parameters of media types.

    WebOb does not match JSON with ``application/json; charset=utf-8``.
    """
    header = acceptparse.create_accept_header(text)
    if not any(parameters for _, _, parameters, _ in header.parsed or ()):
        return header
    return acceptparse.create_accept_header(
        ', '.join(
            f'{media_range.partition(";")[0]};q={quality}'
            for media_range, quality, _, _ in header.parsed
        )
    )
