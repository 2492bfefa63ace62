# SPDX-License-Identifier: Apache-2.0
"""API and conductors as processes with a real broker."""

import collections
import signal
import socket
import subprocess
import time
from concurrent import futures
from typing import Any

from oslo_utils import uuidutils

from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import marks
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web

_SITE = deployment.Site(broker=servers.VirtualHost())
_MARKS = f'{marks.__name__}:{marks.MarksVendor.__name__}'

# Limit of a response without waiting, on a busy machine; the shortest timeout
# of waiting for a conductor.
_AT_ONCE_SECONDS = 5.0

# Limit of a response after the call monitor timeout.
_NOTICED_SECONDS = 5.0 + deployment.SLACK_SECONDS


def setUpModule() -> None:
    _SITE.setUp()
    # Drivers of conductors that a single test starts.
    for driver in ('lonely', 'narrow', 'leaving', 'grouped'):
        _SITE.install(driver, _MARKS)


def tearDownModule() -> None:
    _SITE.cleanUp()


class SplitTestCase(deployment.SiteTestCase):
    """A test with the API and the conductors c1 and c2."""

    site = _SITE

    def setUp(self) -> None:
        super().setUp()
        self.pool = futures.ThreadPoolExecutor(max_workers=16)
        self.addCleanup(self.pool.shutdown)
        self.key = uuidutils.generate_uuid()
        # Both start concurrently.
        for host in ('c1', 'c2'):
            self.site.conductor(host).start()
        self.c1 = self.site.start_conductor('c1')
        self.c2 = self.site.start_conductor('c2')
        self.api = self.site.start_api()
        self.wait_for_hosts('fake-hardware', ['c1', 'c2'])

    def hosts(self, driver: str) -> list[str]:
        """Return the hosts that the API lists for a driver."""
        answer = self.api.get(f'/v1/drivers/{driver}')
        return answer.json['hosts'] if answer.status == 200 else []

    def wait_for_hosts(self, driver: str, hosts: list[str]) -> None:
        """Wait until the API lists these hosts for a driver."""
        self.wait_for(
            lambda: self.hosts(driver) == hosts,
            f'{driver} is offered by {hosts}',
            seconds=30.0,
        )

    def start_own(self, host: str, driver: str, **options: object) -> Any:
        """Start a conductor with its own driver; stop it at the end."""
        own = self.site.start_conductor(
            host, conductor__enabled_drivers=driver, **options
        )
        self.addCleanup(own.kill)
        return own

    def health(self, host: str) -> tuple[int, str]:
        """Return exit code and output of the probe of a conductor."""
        own = self.site.write_config(f'{host}-probe', host=host)
        ended = subprocess.run(
            [
                processes.command('ironic-passthru-status'),
                *('--config-file', str(self.site.config)),
                *('--config-file', str(own)),
                'health',
            ],
            env=self.site.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.returncode, ended.stdout

    def mark(self, driver: str, seconds: float = 0) -> web.Answer:
        """Call the method that records its start and end."""
        return self.api.call(
            'mark', 'POST', driver=driver, key=self.key, seconds=seconds
        )

    def wait_for_mark(self, mark: str) -> None:
        """Wait until a method has recorded ``mark``."""
        self.wait_for(
            lambda: mark in self.site.marked(self.key), mark, seconds=30.0
        )

    def start_slow(
        self, driver: str, host: str, seconds: float
    ) -> futures.Future[web.Answer]:
        """Start a slow call of a driver that only one host offers."""
        call = self.pool.submit(self.mark, driver, seconds)
        self.wait_for_mark(f'{host}:began')
        return call


class TestCalls(SplitTestCase):
    """Discovery, calls and results over the bus."""

    def test_bytes_cross_the_bus_unharmed(self) -> None:
        answer = self.api.call('firmware', size=100_000)
        whole = bytes(range(256))
        self.assertEqual(100_000, len(answer.body))
        self.assertEqual((whole * 391)[:100_000], answer.body)
        self.assertEqual(
            'application/octet-stream', answer.headers['Content-Type']
        )

    def test_an_attachment_keeps_its_media_type_and_name(self) -> None:
        answer = self.api.call('screenshot')
        self.assertEqual(b'GIF89a', answer.body[:6])
        self.assertEqual('image/gif', answer.headers['Content-Type'])
        self.assertIn('console.gif', answer.headers['Content-Disposition'])

    def test_a_large_result_crosses_the_bus(self) -> None:
        # Plus two quotation marks.
        answer = self.api.call('large', size=(16 << 20) - 2)
        self.assertEqual(200, answer.status)
        self.assertEqual(16 << 20, len(answer.body))

    def test_a_result_over_the_limit_is_500_at_once(self) -> None:
        answer = self.api.call('large', size=(16 << 20) - 1)
        self.assertEqual(500, answer.status)
        self.assertIn(str(16 << 20), answer.fault)

    def test_a_result_without_json_form_is_500_at_once(self) -> None:
        for kind in ('object', 'nan', 'cycle'):
            answer = self.api.call('unserialisable', kind=kind)
            self.assertEqual(500, answer.status, kind)
            self.assertIn(answer.request_id, answer.fault)
            self.assertLess(answer.seconds, _AT_ONCE_SECONDS)

    def test_nothing_that_a_method_raises_ends_its_conductor(self) -> None:
        pids = {self.c1.pid, self.c2.pid}
        for kind in ('exit', 'interrupt', 'recurse', 'error') * 2:
            answer = self.api.call('crash', 'POST', kind=kind)
            self.assertEqual(500, answer.status, kind)
            self.assertNotIn('hunter2', answer.body.decode())
            self.assertLess(answer.seconds, _AT_ONCE_SECONDS)
        self.assertEqual(200, self.api.call('no_op').status)
        running = {c.pid for c in (self.c1, self.c2) if c.running}
        self.assertEqual(pids, running)


class TestLogs(SplitTestCase):
    """Request ids in the logs of conductors."""

    def wait_for_line(self, *words: str) -> None:
        """Wait until a line of a conductor's log contains all words."""

        def found() -> bool:
            lines = (self.c1.log() + self.c2.log()).splitlines()
            return any(all(word in line for word in words) for line in lines)

        self.wait_for(found, f'a line with {words}')

    def test_failed_calls(self) -> None:
        for method, driver, words in (
            ('crash', 'fake-hardware', ('ERROR', 'fake-hardware.crash')),
            ('crash_later', 'fake-hardware', ('ERROR', 'crash_later')),
            ('refuse_later', 'marks', ('the rack is on fire',)),
        ):
            info = {'key': self.key} if driver == 'marks' else {}
            answer = self.api.call(method, 'POST', driver=driver, **info)
            self.wait_for_line(answer.request_id, *words)

    def test_a_mistake_of_the_caller_leaves_no_traceback(self) -> None:
        self.api.call('fail', 'POST', kind='invalid')
        self.api.call('fail', 'POST', kind='not-found')
        answer = self.api.call('crash', 'POST')
        self.wait_for_line(answer.request_id)
        for conductor in (self.c1, self.c2):
            self.assertNotIn('the rack does not exist', conductor.log())


class TestDeath(SplitTestCase):
    """Conductors that are killed or suspended."""

    def test_a_killed_conductor_costs_no_later_call(self) -> None:
        with deployment.Burst(
            lambda: self.api.call('no_op'), threads=8
        ) as burst:
            burst.wait_for_more(50)
            self.c1.kill()
            killed = time.monotonic()
            burst.wait_for_more(200)
        statuses = collections.Counter(r.status for r in burst.results)
        self.assertLessEqual(statuses.keys(), {200, 504})
        # Only calls in flight may be lost: one of each thread.
        self.assertLessEqual(statuses[504], 8)
        for answer in burst.results:
            if answer.status == 504:
                self.assertLess(answer.seconds, _NOTICED_SECONDS)
        self.assertTrue(any(r.started > killed for r in burst.results))

    def test_death_of_the_only_one_during_a_call(self) -> None:
        """The call gets 504 soon, and later ones get 503 at once."""
        own = self.start_own('d1', 'lonely')
        call = self.start_slow('lonely', 'd1', 30.0)
        own.kill()
        killed = time.monotonic()
        later = self.wait_for_status('lonely', 503)
        self.assertIn('Retry-After', later.headers)
        # Its last heartbeat is still recent.
        self.assertLess(later.seconds, _AT_ONCE_SECONDS)
        answer = call.result(60)
        self.assertEqual(504, answer.status)
        self.assertIn(answer.request_id, answer.fault)
        self.assertLess(time.monotonic() - killed, _NOTICED_SECONDS)
        self.assertEqual(['d1:began'], self.site.marked(self.key))

    def wait_for_status(self, driver: str, status: int) -> web.Answer:
        """Call until the response has this status; return it."""
        answers: list[web.Answer] = []

        def there() -> bool:
            answers.append(self.mark(driver))
            return answers[-1].status == status

        self.wait_for(there, f'{driver} answers {status}', seconds=20.0)
        return answers[-1]

    def test_a_suspended_conductor_is_detected_and_recovers(self) -> None:
        own = self.start_own('d1', 'lonely')
        healthy = (0, 'healthy: conductor d1 receives calls\n')
        self.assertEqual(healthy, self.health('d1'))
        own.signal(signal.SIGSTOP)
        answer = self.mark('lonely')
        self.assertEqual(504, answer.status)
        self.assertLess(answer.seconds, _NOTICED_SECONDS)
        code, line = self.health('d1')
        self.assertEqual(1, code)
        self.assertRegex(line, '^unhealthy: conductor d1 .*\n$')
        # After its heartbeat has expired, no call is sent to it.
        answer = self.wait_for_status('lonely', 503)
        self.assertLess(answer.seconds, _AT_ONCE_SECONDS)
        own.signal(signal.SIGCONT)
        self.wait_for_status('lonely', 200)
        self.assertEqual(['d1'], self.hosts('lonely'))

    def test_a_stopped_site_returns_503_and_recovers_in_seconds(self) -> None:
        for conductor in (self.c1, self.c2):
            conductor.signal(signal.SIGTERM)
        self.assertEqual([0, 0], [self.c1.wait(), self.c2.wait()])
        answer = self.api.call('no_op')
        self.assertEqual(503, answer.status)
        self.assertGreaterEqual(int(answer.headers['Retry-After']), 1)
        self.assertLess(answer.seconds, _AT_ONCE_SECONDS)
        self.assertEqual([], self.hosts('fake-hardware'))
        self.site.start_conductor('c1')
        published = time.monotonic()
        self.wait_for(
            lambda: self.api.call('no_op').status == 200, 'calls go on'
        )
        self.assertLess(time.monotonic() - published, deployment.SLACK_SECONDS)


class TestGroups(SplitTestCase):
    """Calls that name the conductor group."""

    def mark_in(self, group: str) -> web.Answer:
        """Call the method that records its host, in one group."""
        return self.api.request(
            'POST',
            '/v1/drivers/grouped/vendor_passthru/mark',
            {'key': self.key},
            {'Passthru-Conductor-Group': group},
        )

    def test_only_the_named_group_runs_it(self) -> None:
        owns = {
            group: self.start_own(
                f'g{group}', 'grouped', conductor__conductor_group=group
            )
            for group in ('a', 'b')
        }
        for group in 'aabbaabb':
            self.assertEqual(200, self.mark_in(group).status)
        hosts = [line.partition(':')[0] for line in self.site.marked(self.key)]
        self.assertEqual([*('ga', 'gb', 'ga', 'gb')], hosts[::4])
        self.assertEqual({'ga', 'gb'}, {*hosts})
        unknown = self.mark_in('c')
        self.assertEqual(400, unknown.status)
        self.assertIn("Groups that offer it: 'a', 'b'.", unknown.fault)
        self.assertEqual(0, owns['a'].stop())
        # The other group is alive, and is not used instead.
        dead = self.mark_in('a')
        self.assertEqual(503, dead.status)
        self.assertIn("of the group 'a'", dead.fault)
        self.assertEqual(200, self.mark_in('b').status)
        self.assertEqual(18, len(self.site.marked(self.key)))


class TestMethodSets(SplitTestCase):
    """A conductor that restarts with other methods."""

    SOURCE = """
from ironic_passthru.drivers import base

class AcmeVendor(base.VendorInterface):
    @base.driver_passthru(['{http_method}'], async_call=False)
    def {method}(self):
        '''Tell the version.'''
        return '{version}'
"""

    def install(self, version: str, **names: str) -> None:
        source = self.SOURCE.format(version=version, **names)
        self.site.install(
            'acme', 'acme_rack:AcmeVendor', version=version, source=source
        )

    def methods(self) -> dict[str, Any]:
        """Return the methods that the API lists."""
        answer = self.api.get('/v1/drivers/acme/vendor_passthru/methods')
        return answer.json if answer.status == 200 else {}

    def test_is_seen_without_restarting_the_api(self) -> None:
        self.assertEqual(404, self.api.get('/v1/drivers/acme').status)
        self.install('1.0', http_method='GET', method='old_way')
        own = self.start_own('m1', 'acme')
        published = time.monotonic()
        self.wait_for(lambda: 'old_way' in self.methods(), 'it is listed')
        self.assertLess(time.monotonic() - published, deployment.SLACK_SECONDS)
        answer = self.api.call('old_way', driver='acme')
        self.assertEqual('1.0', answer.json)
        self.assertEqual(0, own.stop())

        self.install('2.0', http_method='POST', method='new_way')
        self.start_own('m1', 'acme')
        # Without waiting: a miss refreshes the catalog.
        answer = self.api.call('new_way', 'POST', driver='acme')
        self.assertEqual((200, '2.0'), (answer.status, answer.json))
        self.wait_for(
            lambda: list(self.methods()) == ['new_way'], 'it is listed'
        )
        answer = self.api.call('old_way', driver='acme')
        self.assertEqual(400, answer.status)


class TestStop(SplitTestCase):
    """SIGTERM: running calls finish and clients notice nothing."""

    def test_a_rolling_restart_costs_nothing(self) -> None:
        with deployment.Burst(lambda: self.api.call('no_op')) as burst:
            for conductor, host in ((self.c1, 'c1'), (self.c2, 'c2')):
                burst.wait_for_more(50)
                self.assertEqual(0, conductor.stop())
                burst.wait_for_more(50)
                self.site.start_conductor(host)
                self.wait_for_hosts('fake-hardware', ['c1', 'c2'])
            burst.wait_for_more(50)
        statuses = {getattr(r, 'status', r) for r in burst.results}
        self.assertEqual({200}, statuses)

    def test_running_calls_are_finished_and_new_ones_refused(self) -> None:
        own = self.start_own('s1', 'leaving')
        later = uuidutils.generate_uuid()
        call = self.start_slow('leaving', 's1', 8.0)
        answer = self.api.call(
            'mark_later', 'POST', driver='leaving', key=later, seconds=8
        )
        self.assertEqual(202, answer.status)
        self.wait_for(lambda: self.site.marked(later), 'both run')
        own.signal(signal.SIGTERM)
        self.wait_for(
            lambda: (
                self.api.call('mark', driver='leaving', key='other').status
                == 503
            ),
            'a new call is refused',
        )
        self.assertFalse(call.done())
        self.assertEqual(200, call.result(60).status)
        self.assertEqual(0, own.wait())
        for key in (self.key, later):
            self.assertEqual(['s1:began', 's1:ended'], self.site.marked(key))

    def test_a_call_longer_than_the_shutdown_timeout_is_abandoned(
        self,
    ) -> None:
        own = self.start_own(
            's1', 'leaving', conductor__graceful_shutdown_timeout=1.0
        )
        call = self.start_slow('leaving', 's1', 30.0)
        began = time.monotonic()
        own.signal(signal.SIGTERM)
        self.assertEqual(1, own.wait())
        self.assertLess(time.monotonic() - began, 2 + deployment.SLACK_SECONDS)
        self.assertIn('graceful_shutdown_timeout', own.log())
        self.assertEqual(504, call.result(60).status)

    def test_a_second_signal_ends_it_at_once(self) -> None:
        own = self.start_own('s1', 'leaving')
        call = self.start_slow('leaving', 's1', 30.0)
        own.signal(signal.SIGTERM)
        self.wait_for_hosts('leaving', [])
        began = time.monotonic()
        own.signal(signal.SIGTERM)
        self.assertEqual(128 + signal.SIGTERM, own.wait())
        self.assertLess(time.monotonic() - began, deployment.SLACK_SECONDS)
        self.assertEqual(504, call.result(60).status)

    def test_the_latest_conductor_has_the_host_name(self) -> None:
        first = self.start_own('s1', 'leaving')
        call = self.start_slow('leaving', 's1', 3.0)
        second = self.start_own('s1', 'leaving', name='s1-again')
        self.assertEqual(1, first.wait())
        self.assertIn('registered with the same [DEFAULT] host', first.log())
        self.assertEqual(200, call.result(60).status)
        self.assertTrue(second.running)
        self.assertEqual(['s1'], self.hosts('leaving'))
        self.assertEqual(200, self.mark('leaving').status)


class TestBusy(SplitTestCase):
    """Conductors without a free worker."""

    def setUp(self) -> None:
        super().setUp()
        self.start_narrow('n1')

    def start_narrow(self, host: str) -> processes.Process:
        """Start a conductor that takes one call at a time."""
        return self.start_own(
            host,
            'narrow',
            conductor__sync_workers=1,
            conductor__async_workers=1,
            conductor__async_backlog=1,
        )

    def test_the_next_one_takes_the_call(self) -> None:
        # The cleanup kills the conductor.
        call = self.start_slow('narrow', 'n1', 60.0)
        answer = self.api.call('mark', driver='narrow', key='busy')
        self.assertEqual(503, answer.status)
        self.assertIn('Retry-After', answer.headers)
        self.assertLess(answer.seconds, _AT_ONCE_SECONDS)
        self.start_narrow('n2')
        self.wait_for_hosts('narrow', ['n1', 'n2'])
        answers = [self.mark('narrow') for _ in range(10)]
        self.assertEqual({200}, {answer.status for answer in answers})
        self.assertEqual({'n2'}, {answer.json for answer in answers})
        self.assertEqual([], self.site.marked('busy'))
        self.assertFalse(call.done() and call.result().status == 200)

    def test_a_full_pool_refuses_and_takes_calls_again(self) -> None:
        answers = [self.mark_later(1.0) for _ in range(4)]
        statuses = [answer.status for answer in answers]
        # One runs and one is queued.
        self.assertEqual([202, 202, 503, 503], statuses)
        self.assertIn('Retry-After', answers[-1].headers)
        self.wait_for(
            lambda: self.site.marked(self.key).count('n1:ended') == 2,
            'the accepted ones have run',
        )
        self.wait_for(
            lambda: self.mark_later(0).status == 202, 'it takes calls again'
        )
        self.wait_for(
            lambda: self.site.marked(self.key).count('n1:ended') == 3,
            'exactly those that were accepted have run',
        )

    def mark_later(self, seconds: float) -> web.Answer:
        """Call the asynchronous method."""
        return self.api.call(
            'mark_later',
            'POST',
            driver='narrow',
            key=self.key,
            seconds=seconds,
        )


class TestServiceManager(SplitTestCase):
    """Notifications to systemd."""

    def start_watched(self, host: str) -> tuple[processes.Process, Any]:
        """Start a conductor with a watchdog; return its notify socket, too."""
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(channel.close)
        path = self.site.directory / f'{host}.notify'
        channel.bind(str(path))
        channel.settimeout(30)
        watched = self.site.conductor(
            host, conductor__enabled_drivers='leaving'
        )
        watched.environment.update(
            NOTIFY_SOCKET=str(path), WATCHDOG_USEC='10000000'
        )
        watched.start()
        self.addCleanup(watched.kill)
        return watched, channel

    def test_a_conductor_is_ready_alive_and_stopping(self) -> None:
        watched, channel = self.start_watched('w1')
        self.assertEqual(b'READY=1', channel.recv(1000))
        self.wait_for_hosts('leaving', ['w1'])
        for _ in range(3):
            self.assertEqual(b'WATCHDOG=1', channel.recv(1000))
        watched.signal(signal.SIGTERM)
        state = b'WATCHDOG=1'
        while state == b'WATCHDOG=1':
            state = channel.recv(1000)
        self.assertEqual(b'STOPPING=1\nEXTEND_TIMEOUT_USEC=80000000', state)
        self.assertEqual(0, watched.wait())


# Makes a process use the RPC version of a later release.
_LATER_RELEASE = """
import os
if 'PASSTHRU_TEST_RPC_VERSION' in os.environ:
    from ironic_passthru import threads
    threads.init()
    from ironic_passthru.rpc import protocol
    protocol.VERSION = os.environ['PASSTHRU_TEST_RPC_VERSION']
"""


class TestRollingUpgrade(SplitTestCase):
    """Processes of two releases at once."""

    def setUp(self) -> None:
        super().setUp()
        path = self.site.packages / 'sitecustomize.py'
        path.write_text(_LATER_RELEASE)
        self.addCleanup(path.unlink)

    def start_later(self, host: str, driver: str) -> None:
        """Start a conductor of a later release."""
        later = self.site.conductor(host, conductor__enabled_drivers=driver)
        later.environment['PASSTHRU_TEST_RPC_VERSION'] = '1.1'
        self.addCleanup(later.kill)
        self.site.start_conductor(host)

    def start_later_api(self) -> web.Client:
        """Start an additional API of a later release."""
        return self.site.start_api(
            'later-api',
            lambda address: [
                *('/usr/bin/env', 'PASSTHRU_TEST_RPC_VERSION=1.1'),
                *deployment.gunicorn(address),
            ],
        )

    def test_a_later_api_tries_a_later_conductor(self) -> None:
        self.start_own('o1', 'leaving')
        self.start_later('n1', 'leaving')
        later = self.start_later_api()
        for api, used in ((self.api, {'n1', 'o1'}), (later, {'n1'})):
            self.api = api
            self.key = uuidutils.generate_uuid()
            self.wait_for_hosts('leaving', ['n1', 'o1'])
            answers = [self.mark('leaving') for _ in range(20)]
            self.assertEqual({200}, {answer.status for answer in answers})
            self.assertEqual(used, {answer.json for answer in answers})
            self.assertEqual(40, len(self.site.marked(self.key)))

    def test_without_such_a_conductor_it_is_503_and_not_run(self) -> None:
        self.start_own('o1', 'leaving')
        self.api = self.start_later_api()
        self.wait_for_hosts('leaving', ['o1'])
        answer = self.mark('leaving')
        self.assertEqual(503, answer.status)
        self.assertIn('Retry-After', answer.headers)
        self.assertEqual([], self.site.marked(self.key))
