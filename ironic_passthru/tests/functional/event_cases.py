# SPDX-License-Identifier: Apache-2.0
"""Test cases of event streams, for any HTTP server."""

import collections.abc
import contextlib
import http.client
import json
from typing import Any
from urllib import parse

from ironic_passthru.tests import base
from ironic_passthru.tests.functional import web

#: Options of the API for these cases.
OPTIONS = {'api__max_event_streams': 1}


class Stream:
    """A request for events, with its response.

    :param client: its headers and address are used.
    """

    def __init__(
        self, client: web.Client, path: str, last_id: str = ''
    ) -> None:
        self._connection = client.connection()
        headers = client.headers | {'Accept': 'text/event-stream'}
        if last_id:
            headers['Last-Event-ID'] = last_id
        self._connection.request('GET', f'{path}/events', headers=headers)
        self.response: http.client.HTTPResponse = (
            self._connection.getresponse()
        )

    @property
    def status(self) -> int:
        return self.response.status

    def events(self) -> collections.abc.Iterator[dict[str, Any]]:
        """Read events as they arrive, until the response ends."""
        event: dict[str, Any] = {}
        for line in self.response:
            name, _, value = line.decode().rstrip('\n').partition(': ')
            if name:
                event[name] = json.loads(value) if name == 'data' else value
            elif event:
                yield event
                event = {}

    def close(self) -> None:
        """Disconnect, also in the middle of the response."""
        self.response.close()
        self._connection.close()


class EventCases(base.TestCase):
    """Event streams of an API with ``OPTIONS``.

    :ivar api: a client of the API.
    """

    api: web.Client

    def start(self, slots: int, seconds_per_slot: float) -> str:
        """Start an operation, cancelled at the end; return its path."""
        path = self.accept(slots, seconds_per_slot)
        self.addCleanup(self.api.request, 'DELETE', path)
        return path

    def accept(self, slots: int, seconds_per_slot: float) -> str:
        """Start an operation and return its path."""
        answer = self.api.call(
            'inspect_rack',
            'POST',
            slots=slots,
            seconds_per_slot=seconds_per_slot,
        )
        self.assertEqual(202, answer.status, answer.body)
        return parse.urlsplit(answer.headers['Location']).path

    def open(self, path: str, last_id: str = '') -> Stream:
        stream = Stream(self.api, path, last_id)
        self.addCleanup(stream.close)
        return stream

    def open_soon(self, path: str, last_id: str = '') -> Stream:
        """Open a stream once a place is free."""
        found: list[Stream] = []

        def is_open() -> bool:
            found.append(self.open(path, last_id))
            return found[-1].status != 503

        self.wait_for(is_open, 'a place is free', seconds=40)
        return found[-1]

    def test_events_arrive_while_the_operation_runs(self) -> None:
        path = self.start(6, 0.5)
        stream = self.open_soon(path)
        self.assertEqual(200, stream.status)
        self.assertEqual(
            'text/event-stream',
            stream.response.headers.get_content_type(),
        )
        seen: dict[str, Any] = {}
        states_at_progress = []
        last_id = ''
        for event in stream.events():
            if 'event' not in event:
                self.assertEqual({'retry': '2000'}, event)
                continue
            seen |= event['data']
            last_id = event['id']
            if event['event'] == 'progress' and seen['progress']['message']:
                state = self.api.get(path).json['state']
                states_at_progress.append(state)
        self.assertIn('running', states_at_progress)
        record = self.api.get(path).json
        self.assertEqual('succeeded', record['state'])
        self.assertEqual({name: record[name] for name in seen}, seen)
        self.assertEqual(204, self.open(path, last_id).status)

    def test_a_client_that_disconnects_frees_its_place(self) -> None:
        path = self.start(1000, 0.05)
        # The API may have several processes with one place each.
        streams = [self.open_soon(path)]
        while (stream := self.open(path)).status == 200:
            streams.append(stream)
            self.assertLess(len(streams), 10)
        self.assertEqual(503, stream.status)
        self.assertIn('Retry-After', stream.response.headers)
        fault = json.loads(json.load(stream.response)['error_message'])
        self.assertIn('Prefer: wait=N', fault['faultstring'])
        for _ in range(5):
            self.assertEqual(200, self.api.get(path).status)
        with contextlib.ExitStack() as closing:
            for stream in streams:
                closing.callback(stream.close)
        self.assertEqual(200, self.open_soon(path).status)
