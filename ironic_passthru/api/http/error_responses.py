# SPDX-License-Identifier: Apache-2.0
"""The one renderer of errors, whatever layer of the API failed."""

import json
import traceback
from typing import Any

import webob
from oslo_log import log
from webob import acceptparse

from ironic_passthru import errors
from ironic_passthru.api.calls import audit_data
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.redaction import log_filter

LOG = log.getLogger(__name__)

JSON = 'application/json'
PROBLEM = 'application/problem+json'


class InternalError(errors.PassthruError):
    """Something failed that should not have; the log has the details."""

    _msg_fmt = (
        'The service met an internal error; its log names the cause. '
        'Request id: %(request_id)s'
    )
    debuginfo: str | None = None


def render(
    error: Exception,
    environ: dict[str, Any],
    *,
    retry_after_seconds: int,
    location: str | None = None,
) -> webob.Response:
    """Return the response that tells a client of ``error``.

    :param retry_after_seconds: what a 503 names.
    :param location: URL of the operation that the error is about.
    """
    fault = _as_fault(error, environ)
    audit_data.of(environ).error = fault
    if _wants_problem(environ):
        media_type, body = PROBLEM, _problem(fault, environ)
    else:
        media_type, body = JSON, _envelope(fault)
    response = webob.Response(status=fault.status, charset='UTF-8')
    response.content_type = media_type
    response.body = json.dumps(body).encode('ascii')
    if fault.status == 503:
        response.retry_after = retry_after_seconds
    elif fault.status == 405:
        response.allow = fault.kwargs.get('allow')
    elif fault.status == 401 and 'challenge' in fault.kwargs:
        response.headers['WWW-Authenticate'] = fault.kwargs['challenge']
    if location is not None:
        response.location = location
    return response


def _as_fault(
    error: Exception, environ: dict[str, Any]
) -> errors.PassthruError:
    """Return an error that a client may see."""
    request_id = environ.get(keys.REQUEST_ID)
    if not isinstance(error, errors.PassthruError):
        http_method = environ.get('REQUEST_METHOD')
        path = environ.get('PATH_INFO')
        LOG.error(
            # A path can hold ends of lines, which would make lines of a log.
            'Request %s failed: %r',
            request_id,
            f'{http_method} {path}',
            exc_info=error,
        )
        internal = InternalError(request_id=request_id)
        if keys.TRACEBACKS in environ:
            lines = traceback.format_exception(error)
            internal.debuginfo = log_filter.redact(''.join(lines))
        return internal
    if type(error) is errors.PassthruError:
        return InternalError(request_id=request_id)
    return error


def _wants_problem(environ: dict[str, Any]) -> bool:
    """Tell whether the client asks for RFC 9457's media type by name."""
    accept = environ.get(keys.ACCEPT) or environ.get('HTTP_ACCEPT')
    if not accept or PROBLEM not in accept.lower():
        return False
    offers = _accept_header(accept).acceptable_offers([PROBLEM, JSON])
    return bool(offers) and offers[0][0] == PROBLEM


def _envelope(fault: errors.PassthruError) -> dict[str, Any]:
    """Return the body as Ironic has it: JSON text inside JSON."""
    inner = {
        'faultcode': 'Client' if fault.status < 500 else 'Server',
        'faultstring': fault.message,
        'debuginfo': _debuginfo(fault),
    }
    return {'error_message': json.dumps(inner)}


def _debuginfo(fault: errors.PassthruError) -> str | None:
    # Not of any class: a driver's own may have such an attribute.
    return fault.debuginfo if isinstance(fault, InternalError) else None


def _problem(
    fault: errors.PassthruError, environ: dict[str, Any]
) -> dict[str, Any]:
    """Return the body of RFC 9457."""
    body = {
        'type': 'about:blank',
        'title': webob.util.status_reasons.get(fault.status, 'Error'),
        'status': fault.status,
        'detail': fault.message,
        'code': fault.code,
        'request_id': environ.get(keys.REQUEST_ID),
    }
    debuginfo = _debuginfo(fault)
    if debuginfo is not None:
        body['debuginfo'] = debuginfo
    faults = fault.field_errors()
    if faults:
        body['errors'] = [
            {'pointer': one.pointer, 'detail': one.detail} for one in faults
        ]
    return body


def check_accept(environ: dict[str, Any]) -> None:
    """Make sure that the client accepts JSON.

    A header that is not valid counts as absent, as RFC 9110 allows.

    :raises: NotAcceptable.
    """
    accept = environ.get(keys.ACCEPT)
    if not accept or accept in ('*/*', JSON):
        return
    if not _accept_header(accept).acceptable_offers([JSON, PROBLEM]):
        raise errors.NotAcceptable()


def _accept_header(text: str) -> Any:
    """Return what a client accepts, without regard to parameters.

    WebOb would not take JSON for ``application/json; charset=utf-8``.
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
