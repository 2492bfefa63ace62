# SPDX-License-Identifier: Apache-2.0
"""Server-Sent Events (WHATWG HTML, section 9.2) of an operation."""

import contextlib
import hashlib
import itertools
import json
import re
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import webob

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.api.calls import watch
from ironic_passthru.api.http import disconnect
from ironic_passthru.api.http import error_responses
from ironic_passthru.db import operations

MEDIA_TYPE = 'text/event-stream'

# Members of the record in the data of each event. The state is the last of
# several events at once, so that the last event of a stream is final.
_EVENTS = {
    'progress': ('progress',),
    'state': ('state', 'cancel_requested', 'started_at', 'finished_at'),
}
_HEARTBEAT_SECONDS = 15.0
# Under servers that detect only by sending that a client has disconnected;
# mod_wsgi needs three attempts.
_PROBE_SECONDS = 5.0
_HEARTBEAT = b': heartbeat\n\n'
_ID = re.compile(r'[0-9a-f]{12}(-[0-9a-f]{12})?')

#: Returns the members of an operation as in its record.
Members = Callable[[operation.Operation], Mapping[str, Any]]


class EventStream:
    """Body of a response: the events of one operation.

    :param events: the events as text.
    :param slot: released when the server closes the stream, which it does
        too if the client has disconnected.
    """

    def __init__(
        self, events: Iterator[bytes], slot: contextlib.ExitStack
    ) -> None:
        self._events = events
        self._slot = slot

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._events)

    def close(self) -> None:
        """Free the slot."""
        self._slot.close()


class EventStreams:
    """Make event streams, with limits.

    :param max_seconds: limit of one stream; clients reconnect after that.
    :param max_streams: number of streams; each occupies a thread.
    """

    def __init__(
        self,
        operations: operations.OperationStore,
        renderer: error_responses.ErrorRenderer,
        *,
        max_seconds: int,
        max_streams: int,
    ) -> None:
        self._operations = operations
        self._renderer = renderer
        self._max_seconds = max_seconds
        self._max_streams = max_streams
        self._slots = threading.Semaphore(max_streams)

    def response(
        self, request: webob.Request, operation_id: str, members: Members
    ) -> webob.Response:
        """Return the response with the events of an operation.

        It is 204, which ends the reconnections of browsers, if the client
        has received all events of a final operation.

        :raises: NoEventStream, RegistryUnavailable.
        """
        received = _Received(request.headers.get('Last-Event-ID'))
        found = self._operations.summary(operation_id)
        if found is None:
            raise errors.OperationNotFound(operation=operation_id)
        first = received.new_events(members(found))
        if found.final and not first:
            return webob.Response(status=204)
        slot = self._slot(request)
        response = webob.Response(content_type=MEDIA_TYPE, charset='UTF-8')
        del response.headers['Content-Length']
        # nginx would delay the events.
        response.headers['X-Accel-Buffering'] = 'no'
        if request.method == 'HEAD':
            slot.close()
            return response
        # Sends the headers at once, also without a first event.
        retry = b'retry: %d\n\n' % (1000 * self._renderer.retry_after_seconds)
        changes = self._changes(request, operation_id, received, members)
        response.app_iter = EventStream(
            itertools.chain([retry + first], changes), slot
        )
        return response

    def _slot(self, request: webob.Request) -> contextlib.ExitStack:
        if not self._max_streams:
            raise errors.NoEventStream(reason='event streams are disabled')
        if not request.environ['wsgi.multithread']:
            # One stream would block all other requests.
            raise errors.NoEventStream(reason='the server has no threads')
        if not self._slots.acquire(blocking=False):
            raise errors.NoEventStream(
                reason=f'all {self._max_streams} streams of this process are '
                'in use'
            )
        slot = contextlib.ExitStack()
        slot.callback(self._slots.release)
        return slot

    def _changes(
        self,
        request: webob.Request,
        operation_id: str,
        received: '_Received',
        members: Members,
    ) -> Iterator[bytes]:
        has_ended = disconnect.detector(request.environ)
        interval = _HEARTBEAT_SECONDS if has_ended else _PROBE_SECONDS
        sent_at = time.monotonic()
        try:
            for found in watch.reads(
                self._operations, operation_id, self._max_seconds
            ):
                if has_ended and has_ended():
                    return
                if found is None:
                    raise errors.OperationNotFound(operation=operation_id)
                text = received.new_events(members(found))
                if not text and time.monotonic() - sent_at >= interval:
                    text = _HEARTBEAT
                if text:
                    yield text
                    sent_at = time.monotonic()
        except Exception as error:
            problem = self._renderer.problem(error, request.environ)
            yield _event('error', problem)


class _Received:
    """The events that a client has received.

    An event id consists of the digests of the last event of each kind, so
    that any API process can continue a stream.

    :param last_id: the header Last-Event-ID, which may be invalid.
    """

    def __init__(self, last_id: str | None) -> None:
        digests = []
        if last_id and _ID.fullmatch(last_id):
            digests = last_id.split('-')
        self._digests = dict(zip(_EVENTS, digests, strict=False))

    def new_events(self, members: Mapping[str, Any]) -> bytes:
        """Return the events that the client lacks; it then has them."""
        events = []
        for kind, names in _EVENTS.items():
            data = {name: members[name] for name in names}
            text = json.dumps(data).encode('ascii')
            digest = hashlib.sha256(text).hexdigest()[:12]
            if self._digests.get(kind) != digest:
                self._digests[kind] = digest
                event_id = '-'.join(self._digests.values())
                events.append(_event(kind, data, event_id))
        return b''.join(events)


def _event(kind: str, data: Any, event_id: str = '') -> bytes:
    lines = [f'event: {kind}', f'data: {json.dumps(data)}']
    if event_id:
        lines.append(f'id: {event_id}')
    return '\n'.join([*lines, '', '']).encode('ascii')
