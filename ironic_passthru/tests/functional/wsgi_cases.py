# SPDX-License-Identifier: Apache-2.0
"""Test cases of the API on a site, for any WSGI server."""

import base64
import collections
import collections.abc
import contextlib
import pathlib
import re
import secrets
import signal
import uuid
from concurrent import futures
from urllib import parse

from ironic_passthru.tests.functional import collector
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import scrapes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional import wire_cases


class ServedSite(deployment.SiteTestCase):
    """A test with conductors and an API on a site.

    :cvar site: the site, defined by subclasses.
    :cvar name: name of the API's process.
    :cvar hosts: hosts of the conductors.
    :ivar options: options of the API.
    :ivar login: headers with the login of an administrator.
    """

    name = ''
    hosts: tuple[str, ...] = ('c1',)
    options: collections.abc.Mapping[str, object] = {}
    login: collections.abc.Mapping[str, str] = {}

    def server(self, address: str) -> list[str]:
        """Return the command line of the API for an address."""
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        for host in self.hosts:
            self.site.start_conductor(host)
        self.api = self.start_api().with_headers(self.login)
        self.port = parse.urlsplit(self.api.url).port or 0
        self.wait_for(self.offered, 'the drivers are offered')

    def start_api(self) -> web.Client:
        """Start the API, unless it runs; return a client of it."""
        return self.site.start_api(
            self.name, self.server, **self.options, **self.metrics_options()
        )

    def metrics_options(self) -> dict[str, object]:
        """Return the options of metrics, the same ones for each start."""
        file = self.site.directory / f'{self.name}.metrics-port'
        if not file.exists():
            reserved = self.site.useFixture(servers.ReservedPort())
            file.write_text(str(reserved.port))
        return {
            'metrics__enabled': True,
            'metrics__api_port': file.read_text(),
            'metrics__directory': f'$state_path/metrics-{self.name}',
        }

    def metrics(self) -> scrapes.Scrape:
        """Return the metrics of all processes of the API."""
        return scrapes.scrape(self.metrics_options()['metrics__api_port'])

    def offered(self) -> bool:
        """Return whether the API lists the drivers of all conductors."""
        answer = self.api.get('/v1/drivers/marks')
        return answer.status == 200 and (
            sorted(answer.json['hosts']) == sorted(self.hosts)
        )


class ServerCases(ServedSite, wire_cases.WireCases):
    """Cases of every WSGI server."""

    stop_signal = signal.SIGTERM

    def marked(self, key: str) -> list[str]:
        return self.site.marked(key)

    def server_log(self) -> str:
        return self.site.process(self.name, ()).log()

    def test_calls_from_many_threads_are_answered(self) -> None:
        def call() -> web.Answer:
            return self.api.call('echo', 'POST', slot=3)

        with deployment.Burst(call, threads=8) as burst:
            burst.wait_for_more(200)
        answers = {getattr(answer, 'body', answer) for answer in burst.results}
        self.assertEqual({b'{"slot": 3}'}, answers)

    def test_metrics_are_sums_over_all_processes(self) -> None:
        def call() -> web.Answer:
            return self.api.call('echo', 'POST', slot=3)

        labels = {'method': 'echo', 'outcome': 'succeeded'}
        before = self.metrics().total('calls_total', **labels)
        with deployment.Burst(call, threads=8) as burst:
            burst.wait_for_more(50)
        after = self.metrics().total('calls_total', **labels)
        self.assertEqual(len(burst.results), after - before)

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


class TracedCases(ServedSite):
    """Traces of calls in all processes of a server."""

    site: collector.TracedSite

    def test_the_spans_of_all_calls_arrive(self) -> None:
        """Spans are sent by a thread, which a fork does not keep."""
        traces = [secrets.token_hex(16) for _ in range(60)]

        def call(trace: str) -> int:
            parent = f'00-{trace}-{secrets.token_hex(8)}-01'
            client = self.api.with_headers(
                {**self.login, 'traceparent': parent}
            )
            return client.call('echo', 'POST', slot=3).status

        with futures.ThreadPoolExecutor(12) as pool:
            self.assertEqual({200}, set(pool.map(call, traces)))
        wanted = [
            'SERVER POST /v1/drivers/{driver}/vendor_passthru',
            '  CLIENT send fake-hardware.echo',
            '    SERVER receive call',
            '      INTERNAL run fake-hardware.echo',
        ]
        tree = self.site.collector.tree
        self.wait_for(
            lambda: all(len(tree(trace)) == 4 for trace in traces),
            'all spans have arrived',
        )
        for trace in traces:
            self.assertEqual(wanted, tree(trace))


class LoggedCases(ServedSite):
    """Access logs."""

    def request_log(self) -> str:
        """Return the access log."""
        return self.site.process(self.name, ()).log()

    def line(self, request_id: str) -> str:
        """Return the log line of a request."""
        pattern = re.compile(rf'.* {re.escape(request_id)}$', re.MULTILINE)
        self.wait_for(
            lambda: pattern.search(self.request_log()), 'it is logged'
        )
        return pattern.findall(self.request_log())[-1]

    def test_the_log_has_request_ids_and_no_parameters(self) -> None:
        path = '/v1/drivers/fake-hardware/vendor_passthru'
        answer = self.api.get(f'{path}?method=hello&name=hunter2')
        self.assertEqual(200, answer.status)
        self.assertRegex(
            self.line(answer.request_id),
            rf'"GET {path} HTTP/1.1" 200 \d+ \d+ ',
        )
        for line in self.request_log().splitlines():
            if '"GET ' in line:
                self.assertNotIn('hunter2', line)

    def test_a_client_cannot_begin_a_line(self) -> None:
        user = base64.b64encode(b'a\nFORGED\x1b:b').decode()
        answer = self.api.get(
            '/v1/drivers/%0AFORGED%0D%1B%C3%A4%22%5C',
            Authorization=f'Basic {user}',
        )
        self.assertEqual(404, answer.status)
        line = self.line(answer.request_id)
        self.assertRegex(line, '^127.0.0.1 .* "GET /v1/drivers/.*FORGED')
        self.assertTrue(line.isascii() and line.isprintable(), line)
        # The quotation mark is escaped.
        self.assertRegex(line, r'[^"]*"([^"\\]|\\.)*" 404 ')

    def test_the_line_of_a_long_path_is_whole(self) -> None:
        """uWSGI stores a length in one byte: test lengths around 256."""
        around = len('GET  HTTP/1.1')
        begin = '/v1/drivers/fake-hardware/vendor_passthru/'
        for length in (255, 256, 257, 511, 512, 4000):
            path = begin.ljust(length - around, 'x')
            answer = self.api.get(path)
            self.assertRegex(
                self.line(answer.request_id),
                rf'^127\.0\.0\.1 .* "GET {path[:200]}x*[ HTP/1.]*" '
                rf'{answer.status} \d+ \d+ ',
                length,
            )


class RecycledCases(ServedSite):
    """Processes of a server that are replaced during calls.

    :cvar keeps_counts: whether at least one of them is always ready.
    """

    keeps_counts = True

    def recycle(self, burst: deployment.Burst) -> None:
        """Continue the burst until workers have been replaced."""
        process = self.site.process(self.name, ())
        before = workers(process)
        burst.wait_for_more(200)
        self.wait_for(
            lambda: before.keys() - workers(process).keys(),
            'one is replaced',
            seconds=30,
        )

    def test_no_call_is_lost_or_runs_twice(self) -> None:
        before = self.metrics().total('calls_total', method='mark')
        statuses = self.call_while(self.recycle)
        self.assertEqual({200}, set(statuses.values()))
        after = self.metrics().total('calls_total', method='mark')
        if self.keeps_counts:
            # Those of ended workers remain.
            self.assertEqual(len(statuses), after - before)

    def call_while(
        self,
        act: collections.abc.Callable[[deployment.Burst], None],
        unknown: tuple[int, ...] = (),
    ) -> dict[str, int]:
        """Make calls during an action, and check their executions.

        A call with 200 has run once, a call with 503 has not run.

        :param unknown: statuses of calls that have run once or not at all.
        :returns: the status of each call by its key.
        """
        statuses: dict[str, int] = {}

        def call() -> None:
            key = uuid.uuid4().hex
            answer = self.api.call('mark', driver='marks', key=key)
            statuses[key] = answer.status

        with deployment.Burst(call, threads=4) as burst:
            act(burst)
        # The exceptions of calls.
        self.assertEqual({None}, set(burst.results))
        lines = self.site.marks.read_text().splitlines()
        notes = collections.Counter(line.partition(' ')[0] for line in lines)
        for key, status in statuses.items():
            if status in unknown:
                self.assertIn(notes[key], (0, 1, 2), key)
                continue
            self.assertIn(status, (200, 503))
            self.assertEqual(2 if status == 200 else 0, notes[key], key)
        return statuses


def workers(process: processes.Process) -> dict[int, str]:
    """Return the names of a server's child processes by id."""
    listed = pathlib.Path(
        f'/proc/{process.pid}/task/{process.pid}/children'
    ).read_text()
    found = {}
    for pid in listed.split():
        with contextlib.suppress(OSError):
            name = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
            found[int(pid)] = name.decode(errors='replace')
    return found
