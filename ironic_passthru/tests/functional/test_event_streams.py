# SPDX-License-Identifier: Apache-2.0
"""Event streams of the built-in server."""

import collections
import time
from concurrent import futures

from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import event_cases
from ironic_passthru.tests.functional import web


class TestBuiltIn(event_cases.EventCases):
    """The built-in server."""

    def setUp(self) -> None:
        super().setUp()
        self.service = self.start_service()
        self.api = web.Client(self.service.url)

    def start_service(self, **options: object) -> embedded.Embedded:
        return self.useFixture(
            embedded.Embedded(**event_cases.OPTIONS | options)
        )

    def test_a_server_that_stops_ends_streams(self) -> None:
        service = embedded.Embedded()
        service.setUp()
        self.api = web.Client(service.url)
        stream = self.open(self.accept(1000, 0.05))
        events = stream.events()
        next(events)
        with futures.ThreadPoolExecutor(1) as pool:
            started = time.monotonic()
            stopped = pool.submit(service.cleanUp)
            collections.deque(events, maxlen=0)
            # Less than the time after which the server closes connections.
            self.assertLess(time.monotonic() - started, 4)
            stopped.result()

    def test_a_stream_continues_after_its_maximum_duration(self) -> None:
        self.service = self.start_service(api__max_event_seconds=1)
        self.api = web.Client(self.service.url)
        path = self.start(1000, 0.05)
        *_, last = self.open(path).events()
        self.assertIn('id', last)
        _, event = list(self.open_soon(path, last['id']).events())[:2]
        self.assertEqual('progress', event['event'])
        # The state is the same as before.
        self.assertEqual(
            last['id'].partition('-')[2], event['id'].partition('-')[2]
        )
