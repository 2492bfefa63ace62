# SPDX-License-Identifier: Apache-2.0
"""Commands: arguments, error messages, exit codes and signals."""

import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import time
from concurrent import futures

import fixtures
from testtools import content

from ironic_passthru.conf import database
from ironic_passthru.tests import base
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import preloaded
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web

COMMANDS = (
    'ironic-passthru',
    'ironic-passthru-api',
    'ironic-passthru-conductor',
    'ironic-passthru-dbsync',
    'ironic-passthru-driver',
    'ironic-passthru-status',
)
ALL_IN_ONE, API, CONDUCTOR, DBSYNC, DRIVER, STATUS = COMMANDS


class CommandTestCase(base.TestCase):
    """Commands with an empty home directory and no configuration."""

    def setUp(self) -> None:
        super().setUp()
        self.home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('OS_', 'XDG_'))
        } | {'HOME': str(self.home)}

    def run_command(
        self, command: str, *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command until it ends."""
        return preloaded.run(
            command, *arguments, environment=self.environment, cwd=self.home
        )

    def config(self, **options: object) -> tuple[str, str]:
        """Write a configuration; return the arguments that name it."""
        path = self.home / 'test.conf'
        path.write_text(
            deployment.config_text(
                **{'state_path': self.home / 'state'} | options
            )
        )
        path.chmod(0o600)
        return ('--config-file', str(path))

    def run_all(
        self, *arguments: str
    ) -> dict[str, subprocess.CompletedProcess[str]]:
        """Run each command that reads the configuration."""
        return {
            name: self.run_command(name, *arguments)
            for name in COMMANDS
            if name != DRIVER
        }

    def assert_one_line(
        self, command: str, *words: str, **options: object
    ) -> str:
        """Fail unless a command fails with one line with all words."""
        # The default port may be in use on this host.
        options.setdefault('api__port', self.free_port())
        done = self.run_command(command, *self.config(**options))
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        lines = done.stderr.splitlines()
        self.assertEqual(1, len(lines), done.stderr)
        self.assertTrue(lines[0].startswith(f'{command}: '), lines)
        for word in words:
            self.assertIn(word, lines[0])
        self.assertEqual('', done.stdout)
        return lines[0]

    def start(self, command: str, *arguments: str) -> processes.Process:
        """Start a command that keeps running."""
        process = self.useFixture(
            processes.Process(
                [processes.command(command), *arguments],
                environment=self.environment,
                log=self.home / f'{command}.log',
            )
        )
        self.addOnException(
            lambda _: self.addDetail(
                f'{command}.log', content.text_content(process.log())
            )
        )
        process.start()
        return process

    def free_port(self) -> int:
        """Return a port for the rest of the test."""
        return self.useFixture(servers.ReservedPort()).port


class TestArguments(CommandTestCase):
    """Arguments of every command."""

    def test_help(self) -> None:
        for command, done in self.run_all('--help').items():
            self.assertEqual((0, ''), (done.returncode, done.stderr), command)
            self.assertIn(f'usage: {command}', done.stdout)
            self.assertIn('--config-file', done.stdout)
            # Subcommands have a title.
            self.assertNotRegex(done.stdout, r'(?m)^:', command)

    def test_shell_completion(self) -> None:
        """Some releases of oslo.config lack what it needs."""
        for done in self.run_all('--shell_completion', 'bash').values():
            if done.returncode == 0:
                self.assertIn('complete', done.stdout)
            else:
                self.assertEqual(1, done.stderr.count('\n'), done.stderr)
                self.assertIn('Option --shell_completion', done.stderr)

    def test_installed_scripts(self) -> None:
        for command in COMMANDS:
            done = self.run_command(command, '--version')
            self.assertRegex(done.stdout, r'^\d+\.\d+', command)

    def test_wrong_usage(self) -> None:
        for command, done in self.run_all('--no-such-option').items():
            self.assertEqual(2, done.returncode, command)
            self.assertNotIn('Traceback', done.stderr)

    def test_a_missing_configuration_file(self) -> None:
        arguments = ('--config-file', '/no/such.conf')
        done = self.run_all(*arguments)
        done[DBSYNC] = self.run_command(DBSYNC, *arguments, 'check')
        done[STATUS] = self.run_command(STATUS, *arguments, 'upgrade', 'check')
        for command, one in done.items():
            # Lower statuses are results of checks.
            status = 255 if command == STATUS else 1
            self.assertEqual(status, one.returncode, command)
            self.assertEqual(1, len(one.stderr.splitlines()), one.stderr)
            self.assertIn('/no/such.conf', one.stderr)


class TestStartErrors(CommandTestCase):
    """A start that fails logs one line with what to change.

    Unit tests check the values of all options; these tests check that the
    commands report errors of options and of libraries.
    """

    def split(self, **options: object) -> dict[str, object]:
        """Return options with which API and conductor would start."""
        return {
            'transport_url': 'rabbit://127.0.0.1:1/',
            'database__connection': database.sqlite_url(self.home / 'r'),
            'auth_strategy': 'noauth',
        } | options

    def test_values_of_options(self) -> None:
        self.assert_one_line(
            CONDUCTOR, 'heartbeat_interval', '[conductor]', '0.01',
            conductor__heartbeat_interval=0.01,
        )  # fmt: skip
        self.assert_one_line(
            API, 'port', '[api]', '65536', '0 to 65535', api__port=65536
        )
        self.environment['OS_API__THREADS'] = '1025'
        self.assert_one_line(
            ALL_IN_ONE, 'threads', '[api]', "'1025'", '1 to 1024'
        )

    def test_an_option_of_a_library(self) -> None:
        self.assert_one_line(
            API, 'rabbit_quorum_queue', 'maybe',
            **self.split(oslo_messaging_rabbit__rabbit_quorum_queue='maybe'),
        )  # fmt: skip

    def test_policy(self) -> None:
        policy = self.home / 'rules.yaml'
        options = self.split(oslo_policy__policy_file=policy)
        self.assert_one_line(
            ALL_IN_ONE, str(policy), 'policy_file', 'does not exist', **options
        )
        policy.write_text('"baremetal:driver:get": "role:reader and"\n')
        self.assert_one_line(
            API, str(policy), 'baremetal:driver:get', 'language', **options
        )

    def test_an_unknown_driver(self) -> None:
        self.assert_one_line(
            ALL_IN_ONE, 'no-such', 'fake-hardware',
            conductor__enabled_drivers='no-such',
        )  # fmt: skip

    def test_urls_without_their_passwords(self) -> None:
        for options in (
            {'transport_url': 'rabbit://me:hunter2@host:port/'},
            {'database__connection': 'postgresql://u/v:hunter2@[::1]:1/x'},
        ):
            line = self.assert_one_line(
                CONDUCTOR, *_option(*options), **self.split(**options)
            )
            self.assertNotIn('hunter2', line)

    def test_logins(self) -> None:
        self.assert_one_line(
            API, 'auth_type', '[keystone_authtoken]', 'auth_strategy',
            **self.split(auth_strategy='keystone'),
        )  # fmt: skip
        users = self.home / 'htpasswd'
        users.touch(mode=0o600)
        users.write_text('alice:hunter2\n')
        line = self.assert_one_line(
            API, 'http_basic_auth_user_file', str(users), 'line 1',
            'htpasswd -B',
            **self.split(
                auth_strategy='http_basic', http_basic_auth_user_file=users
            ),
        )  # fmt: skip
        self.assertNotIn('hunter2', line)

    def test_no_login_on_a_public_address(self) -> None:
        for command, options in ((ALL_IN_ONE, {}), (API, self.split())):
            self.assert_one_line(
                command, 'host_ip', '[api]', '0.0.0.0', 'auth_strategy',
                'allow_insecure_bind', api__host_ip='0.0.0.0', **options,
            )  # fmt: skip

    def test_no_registry(self) -> None:
        for command in (API, CONDUCTOR):
            self.assert_one_line(command, '[database]', 'connection')


def _option(key: str) -> tuple[str, str]:
    group, _, name = key.rpartition('__')
    return name, f'[{group or "DEFAULT"}]'


class TestAllInOne(CommandTestCase):
    """Life cycle of ``ironic-passthru``."""

    def launch(self, **options: object) -> processes.Process:
        """Start it on a free port and wait until it serves."""
        process = self.start(
            ALL_IN_ONE, *self.config(api__port=self.free_port(), **options)
        )
        process.wait_for_log('curl ')
        return process

    def client(self, process: processes.Process) -> web.Client:
        """Return a client for the URL in its output."""
        found = re.search(r'Listening on (http://\S+)', process.log())
        assert found
        return web.Client(found[1])

    def test_its_output_contains_a_working_curl_command(self) -> None:
        process = self.launch()
        log = process.log()
        self.assertIn('Listening on http://127.0.0.1:', log)
        self.assertIn('fake-hardware', log)
        line = next(
            line.strip() for line in log.splitlines() if 'curl ' in line
        )
        done = subprocess.run(
            shlex.split(line), capture_output=True, timeout=30
        )
        self.assertEqual(0, done.returncode, done.stderr)
        names = {d['name'] for d in json.loads(done.stdout)['drivers']}
        self.assertIn('fake-hardware', names)
        page = re.search('Console: http://[^/]+(/.*)', log)
        assert page
        self.assertEqual(200, self.client(process).get(page[1]).status)
        # A second process does not affect it.
        second = self.run_command(
            ALL_IN_ONE, '--config-file', str(self.home / 'test.conf')
        )
        self.assertEqual(1, second.returncode)
        self.assertNotIn('Traceback', second.stderr)
        last = second.stderr.splitlines()[-1]
        for word in ('127.0.0.1', 'in use', '[api]'):
            self.assertIn(word, last)
        process.signal(signal.SIGHUP)
        process.wait_for_log('Reloading the configuration')
        self.assertEqual(200, self.client(process).call('no_op').status)
        process.signal(signal.SIGINT)
        self.assertEqual(0, process.wait())
        self.assertNotIn('registered with the same', process.log())

    def test_arguments_precede_the_configuration(self) -> None:
        port, state = self.free_port(), self.home / 'other'
        process = self.start(
            ALL_IN_ONE,
            *self.config(api__port=1, conductor__enabled_drivers='no-such'),
            *('--port', str(port), '--state-path', str(state)),
            *('--drivers', 'fake-hardware', '--host', 'h7'),
            *('--dangerous', 'fake-hardware.erase'),
        )
        process.wait_for_log(f'Listening on http://127.0.0.1:{port}')
        answer = self.client(process).call('erase', 'POST', bmc='b')
        self.assertEqual(200, answer.status, answer.body)
        self.assertTrue((state / 'registry.sqlite').exists())

    def test_it_runs_without_any_configuration(self) -> None:
        try:
            socket.create_server(('127.0.0.1', 6385)).close()
        except OSError:
            # The port is in use on this host: an error message names it.
            done = self.run_command(ALL_IN_ONE)
            self.assertIn('6385', done.stderr)
            return
        process = self.start(ALL_IN_ONE)
        process.wait_for_log('curl ')
        answer = self.client(process).call('hello')
        self.assertEqual({'greeting': 'Hello, world!'}, answer.json)
        state = self.home / '.local' / 'state' / 'ironic-passthru'
        self.assertEqual(0o700, state.stat().st_mode & 0o777)
        self.assertEqual(0, process.stop())

    def test_sigterm_lets_a_running_call_finish(self) -> None:
        process = self.launch()
        api = self.client(process)
        with futures.ThreadPoolExecutor() as pool:
            call = pool.submit(api.call, 'slow', 'POST', seconds=2)
            self.wait_for(lambda: api.call('no_op').status == 200, 'it serves')
            # The slow call was sent before; a moment later it runs.
            time.sleep(0.5)
            process.signal(signal.SIGTERM)
            self.assertEqual(0, process.wait())
            self.assertEqual(200, call.result(60).status)

    def test_calls_longer_than_the_shutdown_timeout_are_abandoned(
        self,
    ) -> None:
        process = self.launch(conductor__graceful_shutdown_timeout=0.5)
        answer = self.client(process).call(
            'start_fan_test', 'POST', seconds=60
        )
        self.assertEqual(202, answer.status)
        began = time.monotonic()
        process.signal(signal.SIGTERM)
        self.assertEqual(1, process.wait())
        self.assertLess(time.monotonic() - began, 20)


class TestApi(CommandTestCase):
    """``ironic-passthru-api`` without a bus and a registry."""

    def test_it_serves_without_bus_and_registry(self) -> None:
        port = self.free_port()
        process = self.start(
            API,
            *self.config(
                transport_url='rabbit://127.0.0.1:1/',
                database__connection=database.sqlite_url(
                    self.home / 'r.sqlite'
                ),
                api__port=port,
                api__host_ip='0.0.0.0',
                api__allow_insecure_bind=True,
                auth_strategy='noauth',
            ),
        )
        process.wait_for_log('Listening on ')
        self.assertRegex(process.log(), 'WARNING.*can call every method')
        api = web.Client(f'http://127.0.0.1:{port}')
        self.assertEqual(200, api.get('/').status)
        self.assertEqual(503, api.get('/v1/drivers').status)
        health = api.get('/healthcheck/detailed')
        self.assertEqual(503, health.status)
        self.assertFalse(health.json['checks']['database']['healthy'])
        self.assertEqual(0, process.stop())


class TestConductor(CommandTestCase):
    """``ironic-passthru-conductor`` without a bus and a registry."""

    def test_it_can_be_ended_while_it_waits_for_the_broker(self) -> None:
        self.stop_while_it_waits(
            'Connection failed', database.sqlite_url(self.home / 'r.sqlite')
        )

    def test_it_can_be_ended_while_it_waits_for_the_registry(self) -> None:
        log = self.stop_while_it_waits(
            'the start is delayed',
            'postgresql+psycopg2://me:hunter2@127.0.0.1:1/x',
        )
        self.assertIn('Connection refused', log)
        self.assertNotIn('hunter2', log)
        self.assertNotIn('Traceback', log)

    def stop_while_it_waits(self, line: str, url: str) -> str:
        """Stop a conductor that has logged a line; return its log."""
        process = self.start(
            CONDUCTOR,
            *self.config(
                transport_url='rabbit://127.0.0.1:1/',
                database__connection=url,
            ),
        )
        process.wait_for_log(line)
        began = time.monotonic()
        process.signal(signal.SIGTERM)
        self.assertEqual(128 + signal.SIGTERM, process.wait())
        self.assertLess(time.monotonic() - began, 20)
        return process.log()
