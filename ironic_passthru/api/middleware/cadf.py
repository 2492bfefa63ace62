# SPDX-License-Identifier: Apache-2.0
"""CADF events for each request, by the audit filter of keystonemiddleware.

The filter receives only the parts of a request that its events may contain:
no body, no token, the name of the method as the only query parameter, and
nothing that a client could forge.
"""

import configparser
import io
import json
import urllib.parse
import uuid
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.types import WSGIApplication
from wsgiref.types import WSGIEnvironment

from oslo_config import cfg
from oslo_log import log

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.api import audit_data
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import routes
from ironic_passthru.api.middleware import audit
from ironic_passthru.api.middleware import client_address
from ironic_passthru.rpc import notifications

LOG = log.getLogger(__name__)

_OPTIONS = 'audit_middleware_notifications'
_CALL = 'ironic_passthru.cadf'

# Number of events that may wait to be sent.
_BACKLOG = 1000

# Keys that the filter receives unchanged.
_COPIED = (
    *('REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'SERVER_PROTOCOL'),
    'HTTP_USER_AGENT',
    *(environ_keys.REQUEST_ID, environ_keys.GLOBAL_REQUEST_ID),
)
# It would read the body of requests whose path ends in "action", and fail
# for some Host headers.
_FIXED = {
    'QUERY_STRING': '',
    'CONTENT_LENGTH': '0',
    'SERVER_NAME': 'localhost',
    'SERVER_PORT': '80',
    'wsgi.url_scheme': 'http',
}


class CADFSink:
    """CADF events of requests; this base sends nothing."""

    def wrap(self, application: WSGIApplication) -> WSGIApplication:
        """Return the application."""
        return application

    def close(self) -> None:
        """Send what waits, for a bounded time."""


NO_EVENTS = CADFSink()


class CADFEvents(CADFSink):
    """Sends events in a thread of its own.

    :raises: ConfigError.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        _check_map(conf.audit.cadf_map_file)
        # Not at the top: it registers options in every process.
        from keystonemiddleware import audit as filters

        self._filter = filters.AuditMiddleware(
            _call_application,
            audit_map_file=conf.audit.cadf_map_file,
            oslo_config_config=conf,
            # It would wait for the bus before and after each request.
            use_oslo_messaging=False,
        )
        self._service = _service(conf)
        self._queue: notifications.NotificationQueue | None = None
        options = conf[_OPTIONS]
        if options.use_oslo_messaging:
            notifier = notifications.Notifier(
                conf,
                f'ironic_passthru.api.{conf.host}',
                driver=options.driver,
                topics=options.topics,
                url=options.transport_url,
                group=_OPTIONS,
            )
            self._queue = notifications.NotificationQueue(notifier, _BACKLOG)
            # There is no argument for a notifier.
            self._filter._notifier = _QueueNotifier(self._queue)

    def wrap(self, application: WSGIApplication) -> WSGIApplication:
        """Return an application that also sends events."""

        def wrapped(
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            if routes.match(environ).public:
                # There is no initiator.
                return application(environ, start_response)
            entered = False

            def call(
                filtered: WSGIEnvironment, start_filtered: StartResponse
            ) -> Iterable[bytes]:
                nonlocal entered
                entered = True
                body = application(environ, start_filtered)
                _attach_targets(filtered.get('cadf_event'), environ)
                return body

            try:
                filtered = self._filtered(environ) | {_CALL: call}
                body: Iterable[bytes] = self._filter(filtered, start_response)
                return body
            except Exception as error:
                if entered:
                    raise
                LOG.error('A CADF event is lost: %s', type(error).__name__)
                return application(environ, start_response)

        return wrapped

    def close(self) -> None:
        """Send what waits, for a bounded time."""
        if self._queue is not None:
            self._queue.close()

    def _filtered(self, environ: WSGIEnvironment) -> WSGIEnvironment:
        """Return the request that the filter receives."""
        filtered: WSGIEnvironment = {
            **{key: environ[key] for key in _COPIED if key in environ},
            **_FIXED,
            'wsgi.input': io.BytesIO(),
            'HTTP_X_SERVICE_CATALOG': self._service,
        }
        address = client_address.client_of(environ)
        if address is not None:
            filtered['REMOTE_ADDR'] = address
        subject = audit.subject_of(environ)
        if subject and subject['event'] == 'call':
            # Both forms of a call get the path of the one with a query.
            path, _, _ = environ['PATH_INFO'].partition('/vendor_passthru')
            filtered['PATH_INFO'] = f'{path}/vendor_passthru'
            if subject['method']:
                filtered['QUERY_STRING'] = urllib.parse.urlencode(
                    {'method': subject['method']}
                )
        return filtered | _identity(environ[environ_keys.CONTEXT])


class _QueueNotifier:
    """The notifier of the filter: it does not wait for the bus."""

    def __init__(self, queue: notifications.NotificationQueue) -> None:
        self._queue = queue

    def notify(
        self, _context: Any, event_type: str, payload: dict[str, Any]
    ) -> None:
        """Queue an event."""
        self._queue.put(notifications.Notification(event_type, payload))


def _call_application(
    filtered: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    body: Iterable[bytes] = filtered[_CALL](filtered, start_response)
    return body


def _attach_targets(event: Any, environ: WSGIEnvironment) -> None:
    """Attach the targets of a call to its event, if there are both."""
    try:
        targets = audit.targets_of(audit_data.of(environ))
        if event is None or not targets:
            return
        # Not at the top: an optional dependency, of keystonemiddleware.
        from pycadf import attachment

        event.add_attachment(
            attachment.Attachment(
                typeURI='mime:application/json',
                content=targets,
                name='targets',
            )
        )
    except Exception as error:
        # Not its text, which may contain a parameter.
        LOG.error('A CADF event has no targets: %s', type(error).__name__)


def _identity(context: request_context.RequestContext) -> dict[str, Any]:
    """Return the identity headers of keystonemiddleware.

    They come from the context of any auth strategy, not from the client.
    """
    values = {
        'HTTP_X_USER_ID': context.user_id,
        'HTTP_X_USER_NAME': context.user_name,
        'HTTP_X_PROJECT_ID': context.project_id,
        'HTTP_X_IDENTITY_STATUS': context.user_id and 'Confirmed',
    }
    return {name: value for name, value in values.items() if value}


def _service(conf: cfg.ConfigOpts) -> str:
    """Return a service catalog that contains this service.

    The catalog of a token may lack it, and other logins have none.
    """
    endpoint = {
        # CADF recommends UUIDs.
        'id': str(uuid.uuid5(uuid.NAMESPACE_DNS, conf.host)),
    }
    if conf.api.public_endpoint:
        endpoint['publicURL'] = conf.api.public_endpoint
    service = {'type': 'baremetal', 'name': 'ironic_passthru'}
    return json.dumps([{**service, 'endpoints': [endpoint]}])


def _check_map(path: str) -> None:
    """Check the mapping file, which the filter reads later.

    :raises: ConfigError.
    """
    try:
        with open(path, encoding='utf-8') as file:
            configparser.ConfigParser().read_file(file)
    except OSError as error:
        reason = error.strerror
    except (configparser.Error, UnicodeError):
        reason = 'the file is not a mapping of names to names'
    else:
        return
    raise errors.ConfigError(
        f'Option cadf_map_file in group [audit]: {path}: {reason}'
    )


def make(conf: cfg.ConfigOpts) -> CADFSink:
    """Return the layer that the configuration selects.

    :raises: ConfigError.
    """
    return CADFEvents(conf) if conf.audit.cadf_map_file else NO_EVENTS
