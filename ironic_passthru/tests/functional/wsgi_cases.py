# SPDX-License-Identifier: Apache-2.0
"""Cases of the API as a part of a site, to be held against any server."""

import signal
from concurrent import futures
from urllib import parse

from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional import wire_cases


class ServedSite(deployment.SiteTestCase):
    """A test on a site whose conductors and API are at work.

    A subclass says which site that is.

    :cvar name: of the API's process.
    :cvar hosts: the conductors.
    """

    name = ''
    hosts: tuple[str, ...] = ('c1',)

    def server(self, address: str) -> list[str]:
        """Return the command line of the API for an address."""
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        for host in self.hosts:
            self.site.start_conductor(host)
        self.api = self.site.start_api(self.name, self.server)
        self.port = parse.urlsplit(self.api.url).port or 0
        self.wait_for(self.offered, 'the drivers are offered')

    def offered(self) -> bool:
        """Tell whether calls find the drivers, on all conductors."""
        answer = self.api.get('/v1/drivers/marks')
        return answer.status == 200 and (
            sorted(answer.json['hosts']) == sorted(self.hosts)
        )


class ServerCases(ServedSite, wire_cases.WireCases):
    """What must hold whichever server it is."""

    stop_signal = signal.SIGTERM

    def marked(self, key: str) -> list[str]:
        return self.site.marked(key)

    def test_calls_from_many_threads_are_answered(self) -> None:
        def call() -> web.Answer:
            return self.api.call('echo', 'POST', slot=3)

        with deployment.Burst(call, threads=8) as burst:
            burst.wait_for_more(200)
        answers = {getattr(answer, 'body', answer) for answer in burst.results}
        self.assertEqual({b'{"slot": 3}'}, answers)

    def test_a_signal_ends_it_when_calls_are_answered(self) -> None:
        process = self.site.process(self.name, ())
        with futures.ThreadPoolExecutor(1) as pool:
            call = pool.submit(
                self.api.call, 'mark', driver='marks', key=self.key, seconds=1
            )
            self.wait_for(lambda: self.marked(self.key), 'it runs')
            process.signal(self.stop_signal)
            self.assertEqual(200, call.result().status)
        self.assertEqual(0, process.wait())
        self.assertEqual(2, len(self.marked(self.key)))
        self.assertRaises(OSError, self.api.get, '/')
