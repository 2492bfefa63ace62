# SPDX-License-Identifier: Apache-2.0
"""Tests of event streams over WSGI."""

import contextlib
from collections.abc import Iterator
from typing import Any

import fixtures
import webob

from ironic_passthru import operation
from ironic_passthru.tests.unit.api import fakes

_PATH = '/v1/operations/o/events'
_MODULE = 'ironic_passthru.api.calls.events'


class TestEvents(fakes.ApplicationCase):
    """GET /v1/operations/{id}/events."""

    def setUp(self) -> None:
        super().setUp()
        self.build(max_event_streams=1)
        self.operations.add('o', state=operation.State.RUNNING)

    def get(
        self, path: str = _PATH, *, threads: bool = True, **options: Any
    ) -> webob.Response:
        request = webob.Request.blank(path, **options)
        request.environ['wsgi.multithread'] = threads
        return request.get_response(self.application)

    def parts(self, response: webob.Response) -> Iterator[str]:
        """Return the parts of a body, closed at the end as by servers."""
        self.assertEqual(200, response.status_int)
        with contextlib.closing(response.app_iter) as body:
            for part in body:
                yield part.decode()

    def test_all_of_a_final_operation(self) -> None:
        self.operations.succeed(
            'o', progress=operation.Progress(50.0, 'ä\nhalf')
        )
        text = ''.join(self.parts(self.get()))
        self.assertRegex(
            text,
            r'^retry: 2000\n\n'
            r'event: progress\n'
            r'data: {"progress": {"percent": 50.0, '
            r'"message": "\\u00e4\\nhalf"}}\n'
            r'id: [0-9a-f]{12}\n\n'
            r'event: state\n'
            r'data: {"state": "succeeded", "cancel_requested": false, '
            r'"started_at": null, "finished_at": null}\n'
            r'id: [0-9a-f]{12}-[0-9a-f]{12}\n\n$',
        )

    def test_only_what_is_new(self) -> None:
        parts = self.parts(self.get())
        next(parts)
        self.operations.change('o', cancel_requested=True)
        self.assertRegex(
            next(parts), '^event: state\n.*: true, .*\nid: .*\n\n$'
        )
        self.operations.change('o', progress=operation.Progress(9.0, None))
        text = next(parts)
        self.assertRegex(text, '^event: progress\n.*9.0, .*\nid: .*\n\n$')
        last_id = text.partition('id: ')[2].strip()
        self.operations.succeed('o')
        self.assertIn('"succeeded"', next(parts))
        self.assertEqual([], list(parts))

        def again(last_id: str) -> webob.Response:
            return self.get(headers={'Last-Event-ID': last_id})

        self.build()
        text = ''.join(self.parts(again(last_id)))
        self.assertEqual(1, text.count('event: '), text)
        last_id = text.partition('id: ')[2].strip()
        response = again(last_id)
        self.assertEqual((204, b''), (response.status_int, response.body))
        for invalid in ('', '-', 'x' * 12, last_id + '-', last_id[:12]):
            text = ''.join(self.parts(again(invalid)))
            self.assertIn('event: state', text)

    def test_an_error_after_the_start(self) -> None:
        parts = self.parts(self.get())
        next(parts)
        self.operations.unavailable = True
        self.assertRegex(
            next(parts),
            '^event: error\ndata: {.*"status": 503, .*'
            '"code": "registry_unavailable", .*}\n\n$',
        )
        self.assertEqual([], list(parts))

    def test_a_purged_operation(self) -> None:
        parts = self.parts(self.get())
        next(parts)
        del self.operations.found['o']
        self.assertIn('"operation_not_found"', next(parts))

    def test_an_unexpected_error_has_no_traceback(self) -> None:
        parts = self.parts(self.get())
        next(parts)

        def fail(_reads: int) -> None:
            raise RuntimeError('hunter2')

        self.operations.on_read = fail
        text = ''.join(parts)
        self.assertIn('"internal_error"', text)
        self.assertNotIn('hunter2', text)
        self.assertNotIn('Traceback', text)

    def test_heartbeats(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(f'{_MODULE}._PROBE_SECONDS', 0.1))
        parts = self.parts(self.get())
        next(parts)
        for _ in range(2):
            self.assertEqual(': heartbeat\n\n', next(parts))

    def test_the_duration_is_limited(self) -> None:
        self.build(max_event_seconds=1)
        self.assertEqual(1, len(list(self.parts(self.get()))))

    def test_the_number_is_limited(self) -> None:
        # A stream occupies its place before it is read.
        first = self.get()
        refused = self.get(headers={'Accept': 'application/problem+json, */*'})
        self.assertEqual(503, refused.status_int)
        self.assertEqual('no_event_stream', refused.json['code'])
        self.assertEqual('2', refused.headers['Retry-After'])
        self.assertEqual(503, self.get(method='HEAD').status_int)
        for _ in range(2):
            first.app_iter.close()
        for _ in range(2):
            response = self.get(method='HEAD')
            self.assertEqual((200, b''), (response.status_int, response.body))
            self.assertEqual('text/event-stream', response.content_type)
        second = self.get()
        self.assertEqual(200, second.status_int)
        self.assertEqual(503, self.get().status_int)
        second.app_iter.close()

    def test_disabled(self) -> None:
        self.assertIn('has no threads', self.get(threads=False).text)
        self.build(max_event_streams=0)
        response = self.get()
        self.assertEqual(503, response.status_int)
        self.assertIn('streams are disabled', response.text)

    def test_what_is_refused(self) -> None:
        for path, options, status in (
            ('/v1/operations/x/events', {}, 404),
            ('/v1/operations/x/events?a=b', {}, 404),
            (f'{_PATH}/x', {}, 404),
            (f'{_PATH}?a=b', {}, 400),
            (_PATH, {'headers': {'Accept': 'application/json'}}, 406),
            (_PATH, {'headers': {'Host': 'a b'}}, 400),
            (_PATH, {'method': 'POST'}, 405),
            (_PATH, {'method': 'DELETE'}, 405),
        ):
            self.assertEqual(status, self.get(path, **options).status_int)
