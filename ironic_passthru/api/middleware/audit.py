# SPDX-License-Identifier: Apache-2.0
"""Audit records, one for each call and each cancel request.

A record is written before the client receives the response.
"""

import datetime
import json
import logging
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from wsgiref import types as wsgi_types

from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru import spec
from ironic_passthru.api import audit_data
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import query
from ironic_passthru.api.http import routes
from ironic_passthru.api.middleware import client_address
from ironic_passthru.redaction import control_characters
from ironic_passthru.redaction import log_filter
from ironic_passthru.redaction import masking
from ironic_passthru.redaction import truncation

LOG = log.getLogger(__name__)
#: Logger of the records; loggers of oslo.log would add their own fields.
AUDIT = logging.getLogger('ironic_passthru.audit')

#: Limit of a line, in bytes.
MAX_LENGTH = 16 * 1024
# Limits within a line that would be longer: of one field, of one parameter or
# target with its name, of all parameters, and of all targets.
_MAX_FIELD = 512
_MAX_ITEM = 256
_MAX_ITEMS = 8 * 1024
_MAX_TARGETS = 1024
# Space for an entry such as "...": "100000 more".
_COUNT = 64

Format = Callable[[Mapping[str, Any]], str]


# json.dumps() would create an encoder for each record.
_encode = json.JSONEncoder().encode


def _encoded(value: Any) -> str:
    # JSON escapes all control characters except DEL.
    return control_characters.escape(_encode(value))


def _text(record: Mapping[str, Any]) -> str:
    """Return name=value pairs; each value is JSON, without line feeds."""
    return ' '.join(
        f'{name}={"null" if value is None else _encoded(value)}'
        for name, value in record.items()
    )


FORMATS: dict[str, Format] = {'text': _text, 'json': _encoded}


def make(
    conf: cfg.ConfigOpts, application: wsgi_types.WSGIApplication
) -> wsgi_types.WSGIApplication:
    """Return the application, audited if that is enabled."""
    if conf.audit.enabled:
        return Audit(application, FORMATS[conf.audit.format])
    return application


class Audit:
    """Write audit records.

    :param to_line: returns a record, a JSON object, as one line of ASCII.
    """

    def __init__(
        self, application: wsgi_types.WSGIApplication, to_line: Format
    ) -> None:
        self._application = application
        self._to_line = to_line

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        subject = None
        if AUDIT.isEnabledFor(logging.INFO):
            subject = subject_of(environ)
        if subject is None:
            return self._application(environ, start_response)
        statuses: list[str] = []

        def start(status: str, headers: Any, *args: Any) -> Any:
            statuses.append(status)
            return start_response(status, headers, *args)

        data = environ[environ_keys.AUDIT_DATA] = audit_data.AuditData()
        now = datetime.datetime.now(datetime.UTC)
        started_at = time.monotonic()
        try:
            return self._application(environ, start)
        finally:
            self._write(
                {
                    'time': now.isoformat(timespec='milliseconds'),
                    'event': subject['event'],
                    **_caller(environ),
                    **subject,
                },
                data,
                # Without a status the application has failed, and the HTTP
                # server sends the response.
                status=int(statuses[-1][:3]) if statuses else None,
                seconds=time.monotonic() - started_at,
            )

    def _write(
        self,
        record: dict[str, Any],
        data: audit_data.AuditData,
        *,
        status: int | None,
        seconds: float,
    ) -> None:
        """Write a record; a failure is logged and does not fail the request.

        :param record: the fields that the request alone determines.
        """
        end = {
            'outcome': outcome(data, status),
            'code': data.error and data.error.code,
            'status': status,
            'duration': round(seconds, 6),
        }
        try:
            try:
                record |= _details(data, record['event'])
            except Exception as error:
                # The text of the exception may contain a parameter.
                LOG.error(
                    'Audit record of request %s has no details: %s',
                    record['request_id'],
                    type(error).__name__,
                )
            record |= end
            line = self._to_line(record)
            if len(line) > MAX_LENGTH:
                record = _truncated(record)
                line = self._to_line(record)
            # The line is masked; a search for passwords would break its JSON.
            # The JSON formatters of oslo.log write "extra" as an object.
            extra = log_filter.WHOLE | {'extra': {'audit': record}}
            AUDIT.info('%s', line, extra=extra)
        except Exception as error:
            LOG.error(
                'Audit record lost: %s: %s; %s',
                type(error).__name__,
                {name: str(value)[:200] for name, value in record.items()},
                end,
            )


def subject_of(
    environ: wsgi_types.WSGIEnvironment,
) -> dict[str, Any] | None:
    """Return event and subject of a request, None if it is not audited.

    They depend only on the request line: most rejected requests never reach
    a controller.
    """
    match = routes.match(environ)
    if match.route is None or match.route.audit_event is None:
        return None
    event = match.route.audit_event
    if event == 'cancel':
        return {'event': event, **match.variables}
    method = match.variables.get('method')
    return {
        'event': event,
        'driver': match.variables['driver'],
        'method': method or _method_of_query(environ),
        'http_method': environ.get('REQUEST_METHOD', ''),
    }


def _method_of_query(environ: wsgi_types.WSGIEnvironment) -> str | None:
    try:
        return query.first(environ.get('QUERY_STRING', ''), 'method') or None
    except errors.RequestError:
        return None


def _caller(environ: wsgi_types.WSGIEnvironment) -> dict[str, Any]:
    context = environ.get(environ_keys.CONTEXT)
    return {
        'request_id': environ.get(environ_keys.REQUEST_ID),
        'global_request_id': environ.get(environ_keys.GLOBAL_REQUEST_ID),
        'user': context and context.user_id,
        'project': context and context.project_id,
        'address': client_address.client_of(environ),
        'proxy': client_address.proxy_of(environ),
    }


def _details(data: audit_data.AuditData, event: str) -> dict[str, Any]:
    """Return the fields that layers and controllers determine."""
    if event == 'cancel':
        found = data.cancel_target
        return {
            'driver': found and found.driver,
            'method': found and found.method,
            'conductor': found and found.conductor,
        }
    return {
        **_masked(data),
        'conductor': _conductors(data),
        'operation': data.operation_id,
        **({'forwarded': True} if data.forwarded else {}),
        **(
            {}
            if data.conductor_group is None
            else {'conductor_group': data.conductor_group}
        ),
    }


def _conductors(data: audit_data.AuditData) -> str | None:
    """Return the conductors of a call, usually one; None without any."""
    hostnames = {server.hostname for server in data.tried[-data.parts :]}
    return ', '.join(sorted(hostnames)) or None


def _masked(data: audit_data.AuditData) -> dict[str, Any]:
    values, method = data.parameters, data.method
    if values is None:
        return {'parameters': None, 'targets': None}
    if method is None:
        # Parameters that do not match the schema are masked completely.
        return {
            'parameters': dict.fromkeys(values, masking.MASK),
            'targets': None,
        }
    masked, more = method.shown(values)
    return {
        'parameters': _with_count(masked, more),
        'targets': _targets(method, masked, data.reported_targets),
    }


def targets_of(data: audit_data.AuditData) -> list[str]:
    """Return the targets of a call as in its record, truncated."""
    if data.parameters is None or data.method is None:
        return []
    masked, _ = data.method.shown(data.parameters)
    return _truncated_targets(
        _targets(data.method, masked, data.reported_targets)
    )


def _targets(
    method: spec.MethodSpec,
    masked: Mapping[str, Any],
    reported: Sequence[str],
) -> list[str]:
    """Return the targets in the parameters, and the reported ones."""
    # A target may be a secret: use the masked parameters.
    named = sorted(method.targets(masked))
    return list(dict.fromkeys([*named, *reported]))


def _truncated_targets(targets: Sequence[str]) -> list[str]:
    return truncation.of_list(targets, _MAX_TARGETS, each=_MAX_ITEM)


def _with_count(masked: dict[str, Any], more: int) -> dict[str, Any]:
    """Return parameters, with the number of omitted ones if there are any.

    :param more: number of parameters that the caller has omitted.
    """
    if not more:
        return masked
    # Truncating again would lose the number.
    limit = _MAX_ITEMS - _COUNT
    return truncation.of_object(masked, limit, each=_MAX_ITEM, more=more)


def outcome(data: audit_data.AuditData, status: int | None) -> str:
    """Return the outcome of a request."""
    error = data.error
    if data.repeated:
        return 'repeated'
    if data.cancel_requested:
        # Whatever the response is: the second read of the operation may
        # have failed, or the operation may have finished by itself.
        found = data.cancel_target
        done = found is not None and found.state is operation.State.CANCELLED
        return 'cancelled' if done else 'requested'
    if isinstance(error, errors.ResultGone):
        # The method succeeded; its result was purged.
        return 'succeeded'
    if isinstance(error, errors.OperationCancelled):
        # The method may have started.
        return 'cancelled'
    if isinstance(error, errors.NotRun | errors.RequestError):
        return 'refused'
    if isinstance(error, errors.OutcomeUnknown):
        return 'unknown'
    if error is not None or status is None or status >= 500:
        return 'failed'
    if status >= 400:
        # A layer responded without an exception.
        return 'refused'
    return 'accepted' if status == 202 else 'succeeded'


def _truncated(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with long values truncated and marked."""
    result: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            result[name] = truncation.of_object(
                value, _MAX_ITEMS, each=_MAX_ITEM
            )
        elif isinstance(value, list):
            result[name] = _truncated_targets(value)
        else:
            result[name] = truncation.of_value(value, _MAX_FIELD)
    return result
