# SPDX-License-Identifier: Apache-2.0
"""Clients send the right requests and record the responses."""

import http.server
import json
import socketserver
import threading

from ironic_passthru.tests import base
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional.faults import history
from ironic_passthru.tests.functional.faults import load


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers['Content-Length'])
        body = json.loads(self.rfile.read(length))
        with self.server.lock:
            seen = self.server.seen.setdefault(body['call'], [])
            seen.append((self.path, dict(self.headers)))
        answer = self.server.answers[
            min(len(seen), len(self.server.answers)) - 1
        ]
        if answer is None:
            # A connection that ends without a response.
            self.close_connection = True
            return
        self.send_response(answer)
        if answer == 202:
            self.send_header('Location', 'http://host/v1/operations/o-1')
        self.send_header('openstack-request-id', 'req-1')
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Api(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Returns the n-th response to the n-th request of a call."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.lock = threading.Lock()
        self.answers: list[int | None] = [200]
        self.seen: dict[str, list[tuple[str, dict[str, str]]]] = {}


class TestLoad(base.TestCase):
    """Load on an API with given responses."""

    def setUp(self) -> None:
        super().setUp()
        self.api = _Api()
        thread = threading.Thread(
            target=self.api.serve_forever, kwargs={'poll_interval': 0.02}
        )
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.api.server_close)
        self.addCleanup(self.api.shutdown)
        self.history = history.History()

    def run_load(
        self, *answers: int | None, **options: object
    ) -> dict[str, list[str]]:
        """Make some calls; return the outcomes of attempts by call."""
        self.api.answers = list(answers)
        profile = load.Profile(
            threads=4, seconds=0.01, pause_seconds=0.01, **options
        )
        client = web.Client(f'http://127.0.0.1:{self.api.server_port}')
        with load.Load([client], self.history, profile=profile) as running:
            running.wait_for_more(10)
        found: dict[str, list[str]] = {}
        for attempt in self.history.attempts():
            found.setdefault(attempt.key, []).append(attempt.outcome)
        self.assertGreaterEqual(len(found), 10)
        self.assertEqual(set(self.api.seen), set(found))
        return found

    def outcomes(self, *answers: int | None, **options: object) -> list[str]:
        """Return the outcomes of attempts, which are equal for all calls."""
        found = self.run_load(*answers, **options)
        self.assertEqual(1, len(set(map(tuple, found.values()))))
        return next(iter(found.values()))

    def test_each_call_has_a_key_and_an_answer(self) -> None:
        self.assertEqual(['202'], self.outcomes(202))
        for attempt in self.history.attempts():
            self.assertEqual('o-1', attempt.operation)
            self.assertEqual('req-1', attempt.request_id)
            self.assertGreaterEqual(attempt.ended, attempt.began)

    def test_all_kinds_are_asked_for_in_their_way(self) -> None:
        self.run_load(200)
        ways = {
            history.Kind.SYNC: ('method=act', None),
            history.Kind.ASYNC: ('method=act_later', None),
            history.Kind.RESPOND_ASYNC: ('method=act', 'respond-async'),
        }
        for attempt in self.history.attempts():
            path, headers = self.api.seen[attempt.key][0]
            query = path.partition('?')[2]
            self.assertEqual(
                ways[attempt.kind], (query, headers.get('Prefer'))
            )
            self.assertNotIn('Idempotency-Key', headers)

    def test_a_lost_answer_is_noted(self) -> None:
        self.assertEqual(['RemoteDisconnected'], self.outcomes(None))

    def test_nothing_is_sent_again_without_the_habit(self) -> None:
        self.assertEqual(['503'], self.outcomes(503, 200))

    def test_refusals_are_sent_again(self) -> None:
        self.assertEqual(
            ['503', '409', '200'],
            self.outcomes(503, 409, 200, habit=load.Habit.RESEND),
        )

    def test_at_most_six_times(self) -> None:
        self.assertEqual(
            ['503'] * 6, self.outcomes(503, habit=load.Habit.RESEND)
        )

    def test_what_may_have_run_is_not_sent_again(self) -> None:
        self.assertEqual(
            ['503', '504'],
            self.outcomes(503, 504, 200, habit=load.Habit.RESEND),
        )

    def test_with_an_idempotency_key_it_is(self) -> None:
        self.assertEqual(
            ['RemoteDisconnected', '504', '409', '200'],
            self.outcomes(None, 504, 409, 200, habit=load.Habit.INSIST),
        )
        for key, requests in self.api.seen.items():
            keys = {headers['Idempotency-Key'] for _, headers in requests}
            self.assertEqual({key}, keys)
