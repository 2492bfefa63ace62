# SPDX-License-Identifier: Apache-2.0
"""One line for each call, whatever becomes of it: who asked for what.

A line tells of one request that calls a method or cancels an operation. It
is written before the client has its answer.
"""

import datetime
import json
import logging
import re
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru import spec
from ironic_passthru.api.calls import audit_data
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.api.http import query
from ironic_passthru.api.middleware import client_address
from ironic_passthru.redaction import control_characters
from ironic_passthru.redaction import log_filter
from ironic_passthru.redaction import masking
from ironic_passthru.redaction import truncation

LOG = log.getLogger(__name__)
#: Where the lines go; not one of oslo.log's, which add to what programs read.
AUDIT = logging.getLogger('ironic_passthru.audit')

#: No line is longer, in bytes.
MAX_LENGTH = 16 * 1024
# Of a line that would be: for one field, for one parameter or target with
# its name, and for all parameters.
_MAX_FIELD = 512
_MAX_ITEM = 256
_MAX_ITEMS = 8 * 1024
_MAX_TARGETS = 1024
# For an entry such as "...": "100000 more".
_COUNT = 64

_CALL = re.compile('/v1/drivers/([^/]+)/vendor_passthru(?:/([^/]+))?/?')
_CANCELLATION = re.compile('/v1/operations/([^/]+)/?')
_READING = ('GET', 'HEAD')

Form = Callable[[Mapping[str, Any]], str]


# json.dumps() would look for its encoder each time.
_encode = json.JSONEncoder().encode


def _encoded(value: Any) -> str:
    # JSON escapes all control characters but DEL.
    return control_characters.escape(_encode(value))


def _text(record: Mapping[str, Any]) -> str:
    """Return name=value pairs; the values are JSON, so on one line."""
    return ' '.join(
        f'{name}={"null" if value is None else _encoded(value)}'
        for name, value in record.items()
    )


FORMS: dict[str, Form] = {'text': _text, 'json': _encoded}


class Audit:
    """Writes the lines.

    :param form: turns a record, a JSON object, into one line of ASCII.
    """

    def __init__(self, application: Any, form: Form) -> None:
        self._application = application
        self._form = form

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        subject = None
        if AUDIT.isEnabledFor(logging.INFO):
            # Else nobody would read what is dear to write.
            subject = subject_of(environ)
        if subject is None:
            return self._application(environ, start_response)
        statuses: list[str] = []

        def start(status: str, headers: Any, *args: Any) -> Any:
            statuses.append(status)
            return start_response(status, headers, *args)

        noted = environ[keys.FACTS] = audit_data.AuditData()
        moment = datetime.datetime.now(datetime.UTC)
        began = time.monotonic()
        try:
            return self._application(environ, start)
        finally:
            self._write(
                {
                    'time': moment.isoformat(timespec='milliseconds'),
                    'event': subject['event'],
                    **_caller(environ),
                    **subject,
                },
                noted,
                # None: the server must think of something.
                status=int(statuses[-1][:3]) if statuses else None,
                seconds=time.monotonic() - began,
            )

    def _write(
        self,
        record: dict[str, Any],
        noted: audit_data.AuditData,
        *,
        status: int | None,
        seconds: float,
    ) -> None:
        """Write a line; no mistake that is made here becomes the caller's.

        :param record: what is known from the request alone.
        """
        end = {
            'outcome': _outcome(noted, status),
            'code': noted.error and noted.error.code,
            'status': status,
            'duration': round(seconds, 6),
        }
        try:
            try:
                record |= _details(noted, record['event'])
            except Exception as error:
                # Its text might hold a parameter.
                LOG.error(
                    'The audit line of request %s has no details: %s',
                    record['request_id'],
                    type(error).__name__,
                )
            record |= end
            line = self._form(record)
            if len(line) > MAX_LENGTH:
                record = _bounded(record)
                line = self._form(record)
            # It is masked, and a search for passwords would tear JSON apart.
            # Formatters of oslo.log that write objects add "extra" as one.
            extra = log_filter.WHOLE | {'extra': {'audit': record}}
            AUDIT.info('%s', line, extra=extra)
        except Exception as error:
            LOG.error(
                'An audit line is lost: %s: %s; %s',
                type(error).__name__,
                {name: str(value)[:200] for name, value in record.items()},
                end,
            )


def subject_of(environ: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a request is about, or None if it needs no line.

    It goes by the path alone: most of those that are refused never reach a
    controller.
    """
    http_method = environ.get('REQUEST_METHOD', '')
    path = environ.get('PATH_INFO', '')
    # WSGI hands out bytes as Latin-1.
    path = path.encode('latin-1', 'replace').decode('utf-8', 'replace')
    called = _CALL.fullmatch(path)
    if called and http_method != 'OPTIONS':
        driver, method = called.groups()
        if method == 'methods' and http_method in _READING:
            return None
        if method is None:
            method = _queried(environ)
        return {
            'event': 'call',
            'driver': driver,
            'method': method,
            'http_method': http_method,
        }
    cancelled = _CANCELLATION.fullmatch(path)
    if cancelled and http_method == 'DELETE':
        return {'event': 'cancel', 'operation': cancelled[1]}
    return None


def _queried(environ: Mapping[str, Any]) -> str | None:
    text = environ.get('QUERY_STRING', '')
    try:
        return query.first({keys.QUERY: text}, 'method') or None
    except errors.RequestError:
        return None


def _caller(environ: Mapping[str, Any]) -> dict[str, Any]:
    context = environ.get(keys.CONTEXT)
    return {
        'request_id': environ.get(keys.REQUEST_ID),
        'global_request_id': environ.get(keys.GLOBAL_REQUEST_ID),
        'user': context and context.user_id,
        'project': context and context.project_id,
        'address': client_address.client_of(environ),
        'proxy': client_address.proxy_of(environ),
    }


def _details(noted: audit_data.AuditData, event: str) -> dict[str, Any]:
    """Return what layers and controllers have found out."""
    if event == 'cancel':
        found = noted.cancelled
        return {
            'driver': found and found.driver,
            'method': found and found.method,
            'conductor': found and found.conductor,
        }
    return {
        **_masked(noted),
        'conductor': noted.tried[-1].hostname if noted.tried else None,
        'operation': noted.operation_id,
    }


def _masked(noted: audit_data.AuditData) -> dict[str, Any]:
    values, method = noted.parameters, noted.method
    if values is None:
        return {'parameters': None, 'targets': None}
    if method is None:
        # What does not fit its schema cannot be masked by it.
        return {
            'parameters': dict.fromkeys(values, masking.MASK),
            'targets': None,
        }
    masked, more = method.shown(values)
    return {
        'parameters': _fitting(masked, more),
        'targets': _targets(method, masked, noted.reported),
    }


def targets_of(noted: audit_data.AuditData) -> list[str]:
    """Return the targets of a call as its line lists them, cut."""
    if noted.parameters is None or noted.method is None:
        return []
    masked, _ = noted.method.shown(noted.parameters)
    return _cut(_targets(noted.method, masked, noted.reported))


def _targets(
    method: spec.MethodSpec,
    masked: Mapping[str, Any],
    reported: Sequence[str],
) -> list[str]:
    """Return the targets that parameters name, and those reported."""
    # Of what is masked, because a target may be a secret, too.
    named = sorted(method.targets(masked))
    return list(dict.fromkeys([*named, *reported]))


def _cut(targets: Sequence[str]) -> list[str]:
    return truncation.of_list(targets, _MAX_TARGETS, each=_MAX_ITEM)


def _fitting(masked: dict[str, Any], more: int) -> dict[str, Any]:
    """Return parameters, cut if they are not all that there were.

    :param more: how many are left out already.
    """
    if not more:
        return masked
    # So that it is not cut again, which would count them anew.
    limit = _MAX_ITEMS - _COUNT
    return truncation.of_object(masked, limit, each=_MAX_ITEM, more=more)


def _outcome(noted: audit_data.AuditData, status: int | None) -> str:
    """Return in one word what has become of a request."""
    error = noted.error
    if noted.repeated:
        return 'repeated'
    if noted.requested:
        # Whatever its client is told: it may be that nobody could look
        # again, or that it had come to its own end by then.
        found = noted.cancelled
        done = found is not None and found.state is operation.State.CANCELLED
        return 'cancelled' if done else 'requested'
    if isinstance(error, errors.ResultGone):
        # The method has returned; it is the record that is not there.
        return 'succeeded'
    if isinstance(error, errors.OperationCancelled):
        # Its method may have started and stopped on request.
        return 'cancelled'
    if isinstance(error, errors.NotRun | errors.RequestError):
        return 'refused'
    if isinstance(error, errors.OutcomeUnknown):
        return 'unknown'
    if error is not None or status is None or status >= 500:
        return 'failed'
    if status >= 400:
        # A layer has answered by itself.
        return 'refused'
    return 'accepted' if status == 202 else 'succeeded'


def _bounded(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with what is too long cut, which it then says."""
    cut: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            cut[name] = truncation.of_object(value, _MAX_ITEMS, each=_MAX_ITEM)
        elif isinstance(value, list):
            cut[name] = _cut(value)
        else:
            cut[name] = truncation.of_value(value, _MAX_FIELD)
    return cut
