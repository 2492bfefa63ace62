# SPDX-License-Identifier: Apache-2.0
"""A start succeeds or reports the error in one line."""

import contextlib
import io
import os
import pathlib
import signal
import subprocess
import sys
from typing import Any

import fixtures
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.cmd import launch
from ironic_passthru.tests import base

# Reads one configuration after the other, in a process of its own because
# cfg.CONF belongs to a process.
READ = """
import sys
from ironic_passthru import threads
threads.init()
from oslo_config import cfg
from ironic_passthru.cmd import launch
for argument in sys.argv[1:]:
    cfg.CONF.clear()
    try:
        code = launch.run(lambda: launch.read_configuration(
            argument.split(), prog='p') and 0)
    except SystemExit as error:
        code = error.code
    print(code, flush=True)
    print('--', file=sys.stderr, flush=True)
"""

# A command with threads of a driver.
THREADS = """
import threading
from ironic_passthru import threads
threads.init()
from ironic_passthru.cmd import launch
launch.EXIT_WARNING_SECONDS = 0.1

def fail():
    raise ValueError('no fan: password=hunter2')

def main():
    launch.read_configuration([], prog='p', config_files=[])
    threading.Thread(target=fail, name='fans').start()
    threading.Thread(target=threading.Event().wait, args=(1,),
                     name='lamps').start()
    return 0

launch.run(main)
"""

# A driver fails to load after the module of another has started a thread.
FAILED_START = """
import threading
from ironic_passthru import errors, threads
threads.init()
from ironic_passthru.cmd import launch

def main():
    threading.Thread(target=threading.Event().wait).start()
    raise errors.DriverLoadError(driver='acme', reason='no lamps')

launch.run(main, loads_drivers=True)
"""

# Group, option, invalid value, further text of the line.
BAD = [
    ('api', 'port', '99999', '0 to 65535'),
    ('api', 'threads', '0', '1 to 1024'),
    ('api', 'retry_after', '1.5', '1 to 3600'),
    ('api', 'catalog_max_age', 'abc', '0.05 to 60.0'),
    ('api', 'host_ip', 'a_b!c', 'host address'),
    ('api', 'public_endpoint', 'ftp://x', 'https'),
    ('conductor', 'conductor_group', 'b@d', 'a-zA-Z0-9'),
    ('conductor', 'conductor_group', 'x' * 256, '255'),
    ('conductor', 'heartbeat_interval', 'inf', '0.1 to 3600.0'),
    ('conductor', 'drain_seconds', 'nan', '0.0 to 300.0'),
    ('redfish', 'concurrency', '-1', '1 to 1024'),
    ('database', 'max_retries', 'many', ''),
    ('DEFAULT', 'auth_strategy', 'kerberos', 'noauth'),
    ('DEFAULT', 'host', 'a_b!!', 'hostname'),
]

STOP = """
import signal, sys
from ironic_passthru import threads
threads.init()
from ironic_passthru.cmd import launch
def main():
    conf = launch.read_configuration(sys.argv[1:], prog='p')
    stop = launch.SignalHandler(conf)
    # As a module of a driver may do.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stop.start_completed()
    print('ready', flush=True)
    stop.wait()
    print('stopped', flush=True)
    if conf.api.retry_after == 7:
        sys.stdin.read()
    return launch.EXIT_OK
sys.exit(launch.run(main))
"""

LOGS = """
import logging, os, sys
from ironic_passthru import threads
threads.init()
from ironic_passthru.cmd import launch
secret = 'hunter' + '2'
conf = launch.read_configuration(sys.argv[1:], prog='p')
logger = logging.getLogger('ironic_passthru')
logger.error('password=%s', secret)
logger.error('at rabbit://me:%s@host/', secret)
try:
    raise ValueError(f'password={secret}')
except ValueError:
    logger.exception('failed')
if conf.log_config_append:
    os.utime(conf.log_config_append, (0, 0))
launch.SignalHandler(conf)._reload_configuration()
logger.error('again password=%s', secret)
print('done')
"""

# A library of a vendor, which uses the global configuration.
GLOBAL = """
import pathlib, sys
from ironic_passthru import threads
threads.init()
from oslo_config import cfg
from ironic_passthru.cmd import launch
conf = launch.read_configuration(['--config-file', sys.argv[1]], prog='p')
cfg.CONF.register_opt(cfg.IntOpt('lamps', mutable=True), group='acme')
shown = [cfg.CONF.acme.lamps]
file = pathlib.Path(sys.argv[1])
file.write_text(file.read_text().replace('lamps = 3', 'lamps = 4'))
launch.SignalHandler(conf)._reload_configuration()
shown.append(cfg.CONF.acme.lamps)
cfg.CONF([], project='acme')
print(*shown, conf.api.retry_after)
"""

LOG_CONFIG = """
[loggers]
keys = root
[handlers]
keys = file
[formatters]
keys = simple
[logger_root]
level = INFO
handlers = file
[handler_file]
class = FileHandler
args = ('{path}',)
formatter = simple
[formatter_simple]
format = %(message)s
"""

WSGI = """
import sys
from ironic_passthru.wsgi import application
import webob
answer = webob.Request.blank('/v1/').get_response(application)
print(answer.status_code)
print([name for name in sys.argv[1:] if sys.modules.get(name)])
"""

# mod_wsgi loads the application again at each request until it succeeds.
AGAIN = """
try:
    import ironic_passthru.wsgi
except SystemExit:
    pass
import ironic_passthru.wsgi
"""

# Not imported by the API: they cost memory or belong to other tiers.
API_WITHOUT = (
    'alembic',
    'eventlet',
    'ironic_passthru.conductor.service',
    'ironic_passthru.drivers.fake',
    'ironic_passthru.drivers.loader',
    'keystonemiddleware',
)


class LaunchCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def write(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def start(self, code: str, *arguments: str, **env: str) -> Any:
        process = subprocess.Popen(
            [sys.executable, '-c', code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process


class TestConfiguration(LaunchCase):
    def read(self, *arguments: str) -> list[tuple[int, str]]:
        """Return exit code and error output for each command line."""
        out, err = self.start(READ, *arguments).communicate(timeout=60)
        codes, errors = out.split(), err.split('--\n')[:-1]
        self.assertEqual(len(arguments), len(codes), err)
        return list(zip(map(int, codes), errors, strict=True))

    def test_errors_are_reported_in_one_line(self) -> None:
        cases = [
            (
                f'[{group}]\n{option} = {value}\n',
                (option, f'[{group}]', value, allowed),
            )
            for group, option, value, allowed in BAD
        ]
        cases += [
            ('garbage\n[\n', ('.conf:1', 'assignment')),
            ('[DEFAULT]\nlog_config_append = /nowhere.ini', ('/nowhere.ini',)),
            ('[DEFAULT]\nlog_file = /nowhere/x.log', ('/nowhere/x.log: No',)),
        ]
        files = [
            '--config-file ' + self.write(f'{number}.conf', text)
            for number, (text, _) in enumerate(cases)
        ]
        missing = '--config-file /nowhere.conf'
        *answers, absent, usage, good = self.read(
            *files, missing, '--unknown', '--config-file ' + os.devnull
        )
        for (code, line), (_, words) in zip(answers, cases, strict=True):
            self.assertEqual(launch.EXIT_FAILED, code, line)
            self.assertEqual(1, line.count('\n'), line)
            for word in words:
                self.assertIn(word, line)
        self.assertEqual(launch.EXIT_FAILED, absent[0])
        self.assertIn('/nowhere.conf', absent[1])
        self.assertEqual(launch.EXIT_USAGE, usage[0])
        self.assertIn('--unknown', usage[1])
        self.assertEqual((launch.EXIT_OK, ''), good)

    def test_credentials_that_every_user_can_read(self) -> None:
        directory = self.directory / 'conf.d'
        directory.mkdir()
        open_file = self.write(
            'open.conf', '[database]\nconnection = mysql://me:hunter2@h/x\n'
        )
        part = directory / 'part.conf'
        part.write_text('[rpc]\nsigning_keys = ' + 'hunter2' * 5)
        private = self.write('private.conf', part.read_text())
        os.chmod(private, 0o640)
        harmless = self.write('harmless.conf', '[api]\nport = 1\n')
        first, second, third, fourth = self.read(
            f'--config-file {harmless} --config-file {open_file}',
            f'--config-file {harmless} --config-dir {directory}',
            f'--config-file {harmless} --config-file {private}',
            f'--config-file {harmless}',
        )
        for (code, line), path, option in (
            (first, open_file, 'connection in group [database]'),
            (second, part, 'signing_keys in group [rpc]'),
        ):
            self.assertEqual(launch.EXIT_FAILED, code, line)
            self.assertEqual(1, line.count('\n'), line)
            self.assertIn(f'Option {option}: {path} contains', line)
            self.assertIn('chmod o=', line)
            self.assertNotIn('hunter2', line)
        self.assertEqual((launch.EXIT_OK, ''), third)
        self.assertEqual((launch.EXIT_OK, ''), fourth)

    def test_sources_that_cannot_be_read(self) -> None:
        sources = (
            ('', 'driver'),
            ('driver = unheard-of', 'unheard-of'),
            ('driver = remote_file', 'remote_file'),
            (
                'driver = remote_file\nuri = http://me:hunter2@127.0.0.1:9/x',
                '127.0.0.1',
            ),
        )
        files = [
            self.write(
                f'source{number}.conf',
                f'[DEFAULT]\nconfig_source = outside\n[outside]\n{source}\n',
            )
            for number, (source, _) in enumerate(sources)
        ]
        for file in files:
            os.chmod(file, 0o600)
        results = self.read(*(f'--config-file {file}' for file in files))
        for (code, line), (_, word) in zip(results, sources, strict=True):
            self.assertEqual(launch.EXIT_FAILED, code, line)
            self.assertEqual(1, line.count('\n'), line)
            for part in ('Option config_source', "'outside'", word):
                self.assertIn(part, line)
            self.assertNotIn('hunter2', line)

    def test_required_registry(self) -> None:
        error = self.assertRaises(
            errors.ConfigError, launch.require_registry, self.make_conf()
        )
        self.assertIn('connection in group [database]', error.message)
        launch.require_registry(
            self.make_conf(database__connection='sqlite://')
        )

    def test_embedded_registry(self) -> None:
        conf = self.make_conf(state_path=str(self.directory / 'state'))
        launch.use_embedded_registry(conf)
        self.assertIn(str(self.directory / 'state'), conf.database.connection)
        conf = self.make_conf(database__connection='sqlite:///mine')
        launch.use_embedded_registry(conf)
        self.assertEqual('sqlite:///mine', conf.database.connection)

    def test_state_path_cannot_be_created(self) -> None:
        in_the_way = self.write('file', '')
        error = self.assertRaises(
            errors.ConfigError,
            launch.use_embedded_registry,
            self.make_conf(state_path=in_the_way + '/state'),
        )
        self.assertIn('state_path', error.message)
        self.assertIn(in_the_way, error.message)


class TestRun(LaunchCase):
    def test_exit_codes(self) -> None:
        def fail() -> int:
            raise errors.ConfigError('a message\n\x1b[2Jof two lines')

        def interrupt() -> int:
            raise KeyboardInterrupt

        def misread() -> int:
            raise cfg.ConfigFileValueError('misread')

        output = io.StringIO()
        with contextlib.redirect_stderr(output):
            self.assertEqual(0, launch.run(lambda: launch.EXIT_OK))
            self.assertEqual(5, launch.run(lambda: 5))
            self.assertEqual(1, launch.run(interrupt))
            self.assertEqual('', output.getvalue())
            self.assertEqual(1, launch.run(fail))
            self.assertEqual(1, launch.run(misread))
        first, second = output.getvalue().splitlines()
        self.assertTrue(
            first.endswith(r': a message \x1b[2Jof two lines'), first
        )
        self.assertIn('misread', second)

    def test_threads_do_not_delay_the_exit_of_a_failed_start(self) -> None:
        process = self.start(FAILED_START)
        _, err = process.communicate(timeout=60)
        self.assertEqual(launch.EXIT_FAILED, process.returncode)
        self.assertIn("Driver 'acme' cannot be loaded: no lamps", err)

    def test_a_dollar_in_a_password(self) -> None:
        for error in (
            cfg.NoSuchOptError('hunter2'),
            cfg.NoSuchGroupError('hunter2'),
            cfg.TemplateSubstitutionError('hunter2'),
        ):

            def misread(error: Exception = error) -> int:
                raise error

            output = io.StringIO()
            with contextlib.redirect_stderr(output):
                self.assertEqual(1, launch.run(misread))
            self.assertIn('must be written $$', output.getvalue())
            self.assertNotIn('hunter2', output.getvalue())

    def test_a_bug_is_not_hidden(self) -> None:
        def fail() -> int:
            raise RuntimeError('a bug')

        self.assertRaises(RuntimeError, launch.run, fail)


class TestSignalHandler(LaunchCase):
    def ready(self, text: str = '') -> Any:
        self.path = self.write('stop.conf', text)
        process = self.start(STOP, '--config-file', self.path)
        self.assertEqual('ready\n', process.stdout.readline())
        return process

    def test_second_signal_ends_the_process_at_once(self) -> None:
        process = self.ready('[api]\nretry_after = 7\n')
        process.send_signal(signal.SIGTERM)
        self.assertEqual('stopped\n', process.stdout.readline())

        def ended() -> bool:
            # Python may be about to block, and would handle the signal
            # only afterwards.
            process.send_signal(signal.SIGTERM)
            return process.poll() is not None

        self.wait_for(ended, 'ends while busy')
        self.assertEqual(128 + signal.SIGTERM, process.returncode)

    def test_invalid_configuration_is_not_applied(self) -> None:
        process = self.ready()
        self.write('stop.conf', 'garbage\n[\n')
        process.send_signal(signal.SIGHUP)
        line = ''
        while 'not applied' not in line:
            line = process.stderr.readline()
            self.assertTrue(line, 'it has ended')
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual((0, 'stopped\n'), (process.returncode, out))


class TestGlobalConfiguration(LaunchCase):
    def test_a_library_reads_and_replaces_it(self) -> None:
        text = '[api]\nretry_after = 7\n[acme]\nlamps = 3\n'
        process = self.start(GLOBAL, self.write('acme.conf', text))
        out, err = process.communicate(timeout=60)
        self.assertEqual('3 4 7', out.strip(), err)


class TestLogs(LaunchCase):
    def test_threads_of_drivers(self) -> None:
        done = subprocess.run(
            [sys.executable, '-c', THREADS],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        for words in (
            'An exception ended thread fans',
            'ValueError: no fan: password=***',
            'waits for thread lamps, which is not a daemon',
        ):
            self.assertIn(words, done.stderr)
        self.assertNotIn('hunter2', done.stderr)

    def test_passwords_are_masked(self) -> None:
        target = self.directory / 'service.log'
        append = self.write('log.ini', LOG_CONFIG.format(path=target))
        for text in (
            f'[DEFAULT]\nlog_file = {target}\n',
            f'[DEFAULT]\nlog_file = {target}\nuse_json = true\n',
            f'[DEFAULT]\nlog_config_append = {append}\n',
        ):
            process = self.start(
                LOGS, '--config-file', self.write('logs.conf', text)
            )
            out, err = process.communicate(timeout=60)
            self.assertEqual('done\n', out, err)
            written = target.read_text()
            target.unlink()
            self.assertNotIn('hunter2', written + err)
            self.assertIn('***', written)
            self.assertIn('Traceback (most recent call last)', written)
            # After the file of log_config_append has changed.
            self.assertIn('again password=***', written)


class TestWsgi(LaunchCase):
    def test_credentials_that_every_user_can_read(self) -> None:
        path = self.write(
            'a.conf', '[DEFAULT]\ntransport_url = rabbit://me:hunter2@h/\n'
        )
        process = self.start(WSGI, OS_IRONIC_PASSTHRU_CONFIG_FILES=path)
        _, err = process.communicate(timeout=60)
        self.assertEqual(launch.EXIT_FAILED, process.returncode)
        self.assertIn(
            f'transport_url in group [DEFAULT]: {path} contains', err
        )
        self.assertNotIn('hunter2', err)
        self.assertNotIn('Traceback', err)

    def test_imports_of_the_application(self) -> None:
        connection = f'sqlite:///{self.directory}/registry.sqlite'
        files = ';'.join(
            [
                self.write(
                    'a.conf',
                    '[DEFAULT]\ntransport_url = local://\n'
                    'auth_strategy = noauth\n',
                ),
                self.write('b.conf', f'[database]\nconnection = {connection}'),
            ]
        )
        process = self.start(
            WSGI, *API_WITHOUT, OS_IRONIC_PASSTHRU_CONFIG_FILES=files
        )
        out, err = process.communicate(timeout=60)
        self.assertEqual(['200', '[]'], out.splitlines(), err)

    def test_invalid_configuration(self) -> None:
        path = self.write('a.conf', '[DEFAULT]\ntransport_url = local://\n')
        for code in (WSGI, AGAIN):
            process = self.start(code, OS_IRONIC_PASSTHRU_CONFIG_FILES=path)
            _, err = process.communicate(timeout=60)
            self.assertEqual(launch.EXIT_FAILED, process.returncode)
            self.assertIn('ironic-passthru-api: Option connection', err)
            self.assertNotIn('Traceback', err)
