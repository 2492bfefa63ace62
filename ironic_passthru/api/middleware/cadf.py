# SPDX-License-Identifier: Apache-2.0
"""CADF events for each request, made by keystonemiddleware's audit filter.

The filter gets no more of a request than its events may tell: no body, no
token, of the query only the method's name, and nothing that a client could
forge.
"""

import configparser
import io
import json
import urllib.parse
import uuid
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.api.auth import login
from ironic_passthru.api.calls import audit_data
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.api.middleware import audit
from ironic_passthru.api.middleware import client_address
from ironic_passthru.rpc import notifications

LOG = log.getLogger(__name__)

_OPTIONS = 'audit_middleware_notifications'
_INNER = 'ironic_passthru.cadf'

# How many events may wait to be sent.
_BACKLOG = 1000

# How long the end of the process waits for those.
_CLOSE_SECONDS = 2.0

# What of a request the filter sees as it came.
_SHOWN = (
    *('REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'SERVER_PROTOCOL'),
    'HTTP_USER_AGENT',
    *(keys.REQUEST_ID, keys.GLOBAL_REQUEST_ID),
)
# For all else it gets these: the body of what ends in "action" it would
# read, and an odd Host header it could not.
_FIXED = {
    'QUERY_STRING': '',
    'CONTENT_LENGTH': '0',
    'SERVER_NAME': 'localhost',
    'SERVER_PORT': '80',
    'wsgi.url_scheme': 'http',
}


class NoCADFEvents:
    """Sends nothing."""

    def wrap(self, application: Any) -> Any:
        """Return an application that does what ``application`` does."""
        return application

    def close(self) -> None:
        """End."""


NO_EVENTS = NoCADFEvents()


class CADFEvents:
    """Sends events, by a thread of its own.

    :raises: ConfigError.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        _check_map(conf.audit.cadf_map_file)
        # Not at the top: it brings options along, for every process.
        from keystonemiddleware import audit as filters

        self._filter = filters.AuditMiddleware(
            _continue,
            audit_map_file=conf.audit.cadf_map_file,
            oslo_config_config=conf,
            # It would wait for the bus before and after each request.
            use_oslo_messaging=False,
        )
        self._service = _service(conf)
        options = conf[_OPTIONS]
        self._close: Callable[[], None] = _nothing
        if options.use_oslo_messaging:
            sender = notifications.Notifier(
                conf,
                f'ironic_passthru.api.{conf.host}',
                driver=options.driver,
                topics=options.topics,
                url=options.transport_url,
                group=_OPTIONS,
            )
            queue = _Queue(sender)
            self._filter._notifier = queue
            self._close = queue.close

    def wrap(self, application: Any) -> Any:
        """Return an application that also sends events."""

        def wrapped(
            environ: dict[str, Any], start_response: Any
        ) -> Iterable[bytes]:
            if login.is_public(environ):
                # There is nobody to tell of.
                return application(environ, start_response)
            inner = _Inner(application, environ)
            shown = self._shown(environ) | {_INNER: inner}
            try:
                return self._filter(shown, start_response)
            except Exception as error:
                if inner.entered:
                    raise
                LOG.error('No CADF event: %s', type(error).__name__)
                return application(environ, start_response)

        return wrapped

    def close(self) -> None:
        """End, when all is sent or there was no time for that."""
        self._close()

    def _shown(self, environ: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request as the filter may see it."""
        shown: dict[str, Any] = {
            **{key: environ[key] for key in _SHOWN if key in environ},
            **_FIXED,
            'wsgi.input': io.BytesIO(),
            'HTTP_X_SERVICE_CATALOG': self._service,
        }
        address = client_address.client_of(environ)
        if address is not None:
            shown['REMOTE_ADDR'] = address
        subject = audit.subject_of(environ)
        if subject and subject['event'] == 'call':
            # In the form that says by its path what it is.
            path, _, _ = environ['PATH_INFO'].partition('/vendor_passthru')
            shown['PATH_INFO'] = f'{path}/vendor_passthru'
            if subject['method']:
                shown['QUERY_STRING'] = urllib.parse.urlencode(
                    {'method': subject['method']}
                )
        return shown | _identity(environ[keys.CONTEXT])


class _Queue:
    """Stands where the filter has a notifier; nobody waits for this one."""

    def __init__(self, sender: notifications.Notifier) -> None:
        self._sender = sender
        self._outbox = notifications.Outbox(self._send, _BACKLOG)

    def notify(
        self, context: Any, event_type: str, payload: dict[str, Any]
    ) -> None:
        """Take an event from the filter."""
        self._outbox.put((event_type, payload))

    def close(self) -> None:
        """End, when all is sent or there was no time for that."""
        if self._outbox.close(_CLOSE_SECONDS):
            self._sender.close()

    def _send(self, event: tuple[str, dict[str, Any]]) -> None:
        self._sender.send(*event, failure=False)


class _Inner:
    """The way on to the application, with the request as it is."""

    def __init__(self, application: Any, environ: dict[str, Any]) -> None:
        self._application = application
        self._environ = environ
        self.entered = False

    @property
    def noted(self) -> audit_data.AuditData:
        """The facts that the application has noted."""
        return audit_data.of(self._environ)

    def __call__(self, start_response: Any) -> Iterable[bytes]:
        self.entered = True
        return self._application(self._environ, start_response)


def _nothing() -> None:
    """Do nothing."""


def _continue(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    inner: _Inner = environ[_INNER]
    answer = inner(start_response)
    try:
        _attach_targets(environ.get('cadf_event'), inner.noted)
    except Exception as error:
        # Its text might hold a parameter.
        LOG.error('A CADF event has no targets: %s', type(error).__name__)
    return answer


def _attach_targets(event: Any, noted: audit_data.AuditData) -> None:
    """Let an event, if there is one, list the targets of a call."""
    targets = audit.targets_of(noted)
    if event is None or not targets:
        return
    # Not at the top: keystonemiddleware brings it, which is optional.
    from pycadf import attachment

    event.add_attachment(
        attachment.Attachment(
            typeURI='mime:application/json', content=targets, name='targets'
        )
    )


def _identity(context: Any) -> dict[str, Any]:
    """Return the headers that keystonemiddleware would make of a login.

    Whatever the strategy was: these cannot have come from a client.
    """
    values = {
        'HTTP_X_USER_ID': context.user_id,
        'HTTP_X_USER_NAME': context.user_name,
        'HTTP_X_PROJECT_ID': context.project_id,
        'HTTP_X_IDENTITY_STATUS': context.user_id and 'Confirmed',
    }
    return {name: value for name, value in values.items() if value}


def _service(conf: cfg.ConfigOpts) -> str:
    """Return a catalog that names this service.

    The one of a token need not hold it, and other logins have none.
    """
    endpoint = {
        # Identifiers of CADF should be UUIDs.
        'id': str(uuid.uuid5(uuid.NAMESPACE_DNS, conf.host)),
    }
    if conf.api.public_endpoint:
        endpoint['publicURL'] = conf.api.public_endpoint
    service = {'type': 'baremetal', 'name': 'ironic_passthru'}
    return json.dumps([{**service, 'endpoints': [endpoint]}])


def _check_map(path: str) -> None:
    """Make sure that there is a mapping.

    :raises: ConfigError.
    """
    try:
        with open(path, encoding='utf-8') as file:
            configparser.ConfigParser().read_file(file)
    except OSError as error:
        reason = error.strerror
    except (configparser.Error, UnicodeError):
        reason = 'It is not a mapping of names to names'
    else:
        return
    raise errors.ConfigError(
        f'Option cadf_map_file in group [audit]: {path}: {reason}'
    )


Layer = NoCADFEvents | CADFEvents


def make(conf: cfg.ConfigOpts) -> Layer:
    """Return what sends events, if it is wanted.

    :raises: ConfigError if it cannot work as it is configured.
    """
    return CADFEvents(conf) if conf.audit.cadf_map_file else NO_EVENTS
