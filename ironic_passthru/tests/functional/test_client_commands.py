# SPDX-License-Identifier: Apache-2.0
"""``openstack passthru`` against the all-in-one service."""

import json
import os
import pathlib
import pty
import select
import shlex
import subprocess
import time
from typing import Any

import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import preloaded
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import test_client

FAKE = 'fake-hardware'


class CommandsTestCase(base.TestCase):
    """Tests with one service without authentication."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.service = cls.use_class_fixture(
            embedded.Embedded(conductor__allowed_dangerous_methods=['*'])
        )

    def setUp(self) -> None:
        super().setUp()
        self.home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.environment = {
            'PATH': os.environ['PATH'],
            'HOME': str(self.home),
            'OS_AUTH_TYPE': 'none',
            'OS_ENDPOINT': self.service.url,
            # Wide tables.
            'COLUMNS': '400',
        }

    def run_command(
        self, *arguments: str, code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run ``openstack passthru`` and check its exit code."""
        done = preloaded.run(
            preloaded.OPENSTACK,
            *('passthru', *arguments),
            environment=self.environment,
            cwd=self.home,
        )
        self.assertEqual(code, done.returncode, done.stderr + done.stdout)
        self.assertNotIn('Traceback', done.stderr)
        return done

    def read(self, *arguments: str) -> Any:
        """Return the JSON output of a command."""
        return json.loads(self.run_command(*arguments, '-f', 'json').stdout)


class TestReading(CommandsTestCase):
    """Lists and descriptions."""

    def test_lists(self) -> None:
        self.assertEqual(
            [{'name': FAKE, 'hosts': ['embedded']}],
            self.read('driver', 'list'),
        )
        methods = {
            each['name']: each for each in self.read('method', 'list', FAKE)
        }
        self.assertEqual(['GET'], methods['hello']['http_methods'])
        self.assertIs(True, methods['erase']['dangerous'])
        (conductor,) = self.read('conductor', 'list')
        self.assertIs(True, conductor['alive'])
        checks = {each['check']: each for each in self.read('health')}
        self.assertIs(True, checks['database']['healthy'])

    def test_the_parameters_are_a_table(self) -> None:
        shown = self.run_command('method', 'show', FAKE, 'set_fans').stdout
        self.assertRegex(shown, r'\| mode .*"auto" or "manual".*\| yes ')
        self.assertRegex(shown, r'\| speed .*maximum 100.*\| no .*\| 50 ')
        self.assertIn('curve.celsius', shown)
        schema = self.read('method', 'show', FAKE, 'set_fans')['parameters']
        self.assertEqual(['mode'], schema['required'])

    def test_columns(self) -> None:
        done = self.run_command('driver', 'list', '-f', 'value', '-c', 'name')
        self.assertEqual(f'{FAKE}\n', done.stdout)


class TestCalls(CommandsTestCase):
    """``openstack passthru call``."""

    def call(self, method: str, *arguments: str, code: int = 0) -> str:
        """Call a method; return standard output and error."""
        done = self.run_command('call', FAKE, method, *arguments, code=code)
        return done.stdout + done.stderr

    def test_parameters_by_their_types(self) -> None:
        path = self.home / 'parameters.json'
        path.write_text('{"mode": "full", "speed": 1}')
        answer = self.read(
            'call', FAKE, 'set_fans', '--params', str(path),
            '--param', 'mode=manual',
            '--param', 'curve={"celsius": [1, 2], "percent": [3, 4]}',
        )  # fmt: skip
        self.assertEqual(
            {
                'mode': 'manual',
                'speed': 1,
                'curve': {'celsius': [1, 2], 'percent': [3, 4]},
            },
            answer,
        )

    def test_invalid_parameters_are_not_sent(self) -> None:
        text = self.call(
            'power_cycle', '--param', 'bcm=x', '--param', 'seconds=-1', code=2
        )
        for part in ("unexpected parameter 'bcm'", 'seconds', 'bmc, seconds'):
            self.assertIn(part, text)
        listed = self.read('operation', 'list', '--method', 'power_cycle')
        self.assertEqual([], listed)

    def test_control_characters(self) -> None:
        """A terminal shows none; programs receive the result unchanged."""
        path = self.home / 'parameters.json'
        sent = {'\x1b[31m': 'a\r\xa0b'}
        path.write_text(json.dumps(sent))
        arguments = ('call', FAKE, 'echo', '--params', str(path))
        self.assertEqual(sent, self.read(*arguments))
        shown = self.run_command(*arguments).stdout
        self.assertRegex(shown, r'\| \?\[31m +\| a\?\?b ')

    def test_empty_arguments(self) -> None:
        """Such as of a variable that is not set."""
        self.call('hello', '--params', '', code=2)
        self.call('clear_log', '--idempotency-key', '', code=2)

    def test_similar_names(self) -> None:
        self.assertIn('Did you mean: hello', self.call('helo', code=2))
        self.assertIn('Methods: asset_tag, ', self.call('nothing', code=2))

    def test_a_conductor_group(self) -> None:
        group = ('--conductor-group', '')
        self.assertIn('Hello', self.call('hello', *group, '--param', 'name=x'))
        shown = self.read('method', 'show', FAKE, 'hello', *group)
        self.assertEqual('hello', shown['name'])
        group = ('--conductor-group', 'x')
        self.assertEqual([], self.read('method', 'list', FAKE, *group))
        refused = self.call('hello', *group, code=2)
        self.assertIn("in the group 'x'", refused)
        self.assertIn('conductor list', refused)

    def test_several_http_methods(self) -> None:
        self.assertIn('GET, PUT, DELETE', self.call('asset_tag', code=2))
        text = self.call(
            'asset_tag', '--http-method', 'put', '--param', 'tag=7'
        )
        self.assertIn('written', text)

    def test_results_of_other_types(self) -> None:
        self.assertEqual(
            ['a'],
            self.read(
                'call', FAKE, 'patch_settings', '--param', 'settings={"a": 1}'
            ),
        )
        self.assertIsNone(self.read('call', FAKE, 'clear_log'))
        self.assertEqual('', self.call('clear_log'))

    def test_files(self) -> None:
        self.assertIn('fan 0 ok', self.call('event_log'))
        path = self.home / 'firmware'
        self.call('firmware', '--output', str(path))
        self.assertEqual(bytes(range(256)), path.read_bytes())
        text = self.call('firmware', '--output', '/no/such/file', code=2)
        self.assertIn('/no/such/file', text)

    def test_secrets(self) -> None:
        common = ('--param', 'bmc=b', '--param', 'user=u', '--wait')
        text = self.call(
            'set_login', *common, '--param', 'password=hunter2hunter2', code=2
        )
        self.assertIn('--secret password', text)
        self.assertNotIn('hunter2', text)
        text = self.call('set_login', *common, '--secret', 'password', code=2)
        self.assertIn('no terminal', text)
        self.environment['PIN'] = '4711'
        path = self.home / 'password'
        path.write_text('hunter2hunter2\n')
        arguments = (
            *('--secret', 'pin=env:PIN'),
            *('--secret', f'password=file:{path}'),
        )
        text = self.call('set_login', *common, *arguments)
        self.assertRegex(text, r'pin +\| True')
        done = preloaded.run(
            preloaded.OPENSTACK,
            *('--debug', 'passthru', 'call', FAKE, 'set_login'),
            *common,
            *arguments,
            environment=self.environment,
            cwd=self.home,
        )
        self.assertIn('vendor_passthru/methods', done.stderr)
        self.assertNotIn('hunter2', done.stderr)
        self.assertNotIn('4711', done.stderr)

    def test_dangerous_methods(self) -> None:
        text = self.call('erase', '--param', 'bmc=b', code=2)
        self.assertIn('--yes', text)
        self.assertIn('True', self.call('erase', '--param', 'bmc=b', '--yes'))


class TestPage(CommandsTestCase):
    """Commands of the page."""

    def test_its_commands(self) -> None:
        blocks = [
            block
            for block in pages.blocks('doc/source/user/commands.rst')
            if block.run_by
        ]
        commands = [
            shlex.split(line)
            for block in blocks
            for line in block.commands.splitlines()
            if line.startswith('openstack passthru ')
        ]
        self.assertGreater(len(commands), 8)
        for command in commands:
            self.run_command(*command[2:])


class TestOutcomes(CommandsTestCase):
    """Exit codes."""

    def through(self, *statuses: int | None) -> None:
        """Send the requests through a proxy."""
        proxy = self.useFixture(
            test_client.LossyProxy(self.service.url, *statuses)
        )
        self.environment['OS_ENDPOINT'] = proxy.url

    def test_the_call_fails(self) -> None:
        done = self.run_command('call', FAKE, 'fail', code=1)
        self.assertIn('out of paper', done.stderr)
        self.assertIn('req-', done.stderr)

    def test_the_outcome_is_unknown(self) -> None:
        self.through(504)
        done = self.run_command(
            *('call', FAKE, 'power_cycle', '--param', 'bmc=b'), code=3
        )
        self.assertRegex(done.stderr, '--idempotency-key [0-9a-f]{32}')

    def test_the_call_did_not_run(self) -> None:
        port = self.useFixture(servers.ReservedPort()).port
        self.environment['OS_ENDPOINT'] = f'http://127.0.0.1:{port}'
        self.run_command('call', FAKE, 'hello', code=4)

    def start(self, method: str, *arguments: str) -> str:
        """Start an operation; return its id."""
        done = self.run_command(
            *('call', FAKE, method, '--async', *arguments),
            *('-f', 'value', '-c', 'id'),
        )
        return done.stdout.strip()

    def test_the_wait_ends_and_the_operation_is_cancelled(self) -> None:
        operation_id = self.start(
            'inspect_rack',
            *('--param', 'slots=1000', '--param', 'seconds_per_slot=0.05'),
        )
        done = self.run_command(
            *('operation', 'wait', operation_id, '--timeout', '0.1'), code=6
        )
        self.assertIn(f'operation wait {operation_id}', done.stderr)
        self.run_command('operation', 'cancel', operation_id)
        self.run_command('operation', 'wait', operation_id, code=5)
        self.run_command('operation', 'result', operation_id, code=5)

    def test_the_operation_succeeds(self) -> None:
        operation_id = self.start('hello')
        watched = self.run_command('operation', 'watch', operation_id)
        self.assertIn(f'{operation_id} succeeded', watched.stdout)
        self.assertEqual(
            {'greeting': 'Hello, world!'},
            self.read('operation', 'result', operation_id),
        )
        listed = self.read(
            *('operation', 'list', '--driver', FAKE, '--limit', '1'),
            *('--state', 'succeeded', '--state', 'queued'),
            *('--method', 'hello'),
        )
        self.assertEqual([operation_id], [each['id'] for each in listed])

    def test_filters_of_the_list(self) -> None:
        first = self.start('asset_tag', '--http-method', 'GET')
        before = self.read('operation', 'wait', first)['created_at']
        second = self.start(
            *('power_cycle', '--param', 'bmc=10.0.0.9'),
        )
        record = self.read('operation', 'wait', second)
        created = record['created_at']
        one = [second]
        for expected, arguments in (
            (one, ('--target', '10.0.0.9')),
            (one, ('--request-id', record['request_id'])),
            (one, ('--method', 'power_cycle', '--created-after', before)),
            ([], ('--method', 'power_cycle', '--created-before', created)),
            ([], ('--method', 'power_cycle', '--user-id', 'nobody')),
            ([], ('--method', 'power_cycle', '--project-id', 'none')),
            ([], ('--method', 'power_cycle', '--conductor', 'other')),
            ([], ('--method', 'power_cycle', '--driver', 'other')),
            ([], ('--target', '10.0.0.9', '--state', 'failed')),
            (one, ('--target', '10.0.0.9', '--conductor', 'embedded',
                   '--driver', FAKE, '--state', 'failed',
                   '--state', 'succeeded')),
        ):  # fmt: skip
            listed = self.read('operation', 'list', *arguments)
            self.assertEqual(
                expected, [each['id'] for each in listed], arguments
            )
        listed = self.read(
            *('operation', 'list', '--limit', '1'),
            *('--sort-key', 'created_at', '--sort-dir', 'asc'),
        )
        self.assertNotEqual(second, listed[0]['id'])
        self.run_command('operation', 'list', '--state', 'done', code=1)

    def test_the_operation_fails(self) -> None:
        operation_id = self.start('fail')
        shown = self.run_command(
            'operation', 'wait', operation_id, '-f', 'json', code=1
        )
        self.assertEqual('failed', json.loads(shown.stdout)['state'])
        self.run_command('operation', 'result', operation_id, code=1)
        self.assertEqual(
            'fake_out_of_paper',
            self.read('operation', 'show', operation_id)['error']['code'],
        )

    def test_wrong_usage(self) -> None:
        for arguments in (
            ('call', FAKE, 'hello', '--timeout', '0'),
            ('call', FAKE, 'hello', '--param', 'name'),
            ('operation', 'list', '--limit', '0'),
        ):
            self.run_command(*arguments, code=2)


class TestTerminal(CommandsTestCase):
    """Progress, questions and SIGINT on a terminal."""

    def start(self, *arguments: str) -> None:
        """Start a real process on a terminal."""
        self.terminal, other = pty.openpty()
        self.addCleanup(os.close, self.terminal)
        self.text = ''
        self.process = subprocess.Popen(
            [processes.command('openstack'), 'passthru', *arguments],
            env=self.environment,
            stdin=other,
            stdout=other,
            stderr=other,
            # The terminal sends its signals to this session.
            preexec_fn=lambda: os.login_tty(other),
        )
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        os.close(other)

    def expect(self, text: str, seconds: float = 60.0) -> None:
        """Wait for a text on the terminal."""
        deadline = time.monotonic() + seconds
        while text not in self.text:
            left = deadline - time.monotonic()
            if (
                left <= 0
                or not select.select([self.terminal], [], [], left)[0]
            ):
                self.fail(f'{text!r} not in {self.text!r}')
            try:
                self.text += os.read(self.terminal, 4096).decode()
            except OSError:
                self.fail(f'{text!r} not in {self.text!r}')

    def answer(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def test_progress_and_cancellation(self) -> None:
        self.start(
            *('call', FAKE, 'inspect_rack', '--param', 'slots=1000'),
            *('--param', 'seconds_per_slot=0.05', '--wait'),
        )
        self.expect('of 1000')
        self.assertIn('[----', self.text)
        self.answer('\x03')
        self.expect('[y/N]')
        self.answer('y\n')
        self.expect('cancelled')
        self.assertEqual(5, self.process.wait(30), self.text)

    def test_prompts(self) -> None:
        self.start(
            *('call', FAKE, 'set_login', '--param', 'bmc=b', '--wait'),
            *('--param', 'user=u', '--secret', 'password', '-f', 'json'),
        )
        self.expect('password: ')
        # getpass discards what was typed before it turns the echo off.
        time.sleep(0.3)
        self.answer('hunter2hunter2\n')
        self.expect('"pin": false')
        self.assertNotIn('hunter2', self.text)
        self.assertEqual(0, self.process.wait(30), self.text)
