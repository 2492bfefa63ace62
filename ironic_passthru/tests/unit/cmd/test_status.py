# SPDX-License-Identifier: Apache-2.0
"""Tests of ``ironic-passthru-status``."""

import contextlib
import io
import json
import pathlib
import subprocess
import sys

import fixtures
from oslo_config import cfg

from ironic_passthru.cmd import status
from ironic_passthru.conf import database as database_conf
from ironic_passthru.db import migration
from ironic_passthru.db import session
from ironic_passthru.testing import service
from ironic_passthru.tests import base

SUCCESS, FAILURE = 0, 2

# An unused port.
_UNREACHABLE = 'rabbit://guest:secret@127.0.0.1:1//'


class TestStatus(base.TestCase):
    """Output as a table or JSON, and the exit code."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.mode = 0o600
        self.registry = self.directory / 'registry.sqlite'
        self.policy = self.directory / 'policy.yaml'
        self.inventory = self.directory / 'inventory.yaml'
        self.options = {
            'DEFAULT': {'transport_url': 'local://'},
            'database': {
                'connection': database_conf.sqlite_url(self.registry)
            },
            'conductor': {'enabled_drivers': 'fake-hardware, redfish'},
            'redfish': {'inventory_file': str(self.inventory)},
            'oslo_policy': {'policy_file': str(self.policy)},
            'api': {'bus_connect_timeout': '0.1'},
        }

    def write_config(self) -> str:
        """Write the configuration file and return its path."""
        config = self.directory / 'test.conf'
        lines = []
        for group, options in self.options.items():
            lines.append(f'[{group}]')
            lines += [f'{name} = {value}' for name, value in options.items()]
        config.touch()
        config.chmod(self.mode)
        config.write_text('\n'.join(lines))
        return str(config)

    def run_command(self, *arguments: str) -> tuple[int, str, str]:
        """Return status, standard output and standard error."""
        config = self.write_config()
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = status.main(
                ['--config-file', config, *arguments], cfg.ConfigOpts()
            )
        return code, out.getvalue(), err.getvalue()

    def results(self, *arguments: str) -> dict[str, tuple[int, str]]:
        """Return code and details of each check."""
        code, out, err = self.run_command(
            *arguments, 'upgrade', 'check', '--json'
        )
        self.assertEqual('', err)
        checks = json.loads(out)['checks']
        self.assertEqual(max(check['result'] for check in checks), code)
        return {
            check['check']: (check['result'], check['details'])
            for check in checks
        }

    def assert_failed(self, name: str, *words: str) -> None:
        """Assert that a check fails, and its details."""
        code, details = self.results()[name]
        self.assertEqual(FAILURE, code)
        for word in words:
            self.assertIn(word, details)

    def prepare(self) -> None:
        """Prepare everything except a broker."""
        self.policy.write_text('# defaults\n')
        self.inventory.touch(mode=0o600)
        self.inventory.write_text(
            'rack1: {address: bmc.example, username: me, password: secret}\n'
        )
        conf = self.make_conf(
            database__connection=self.options['database']['connection']
        )
        database = session.Database(conf)
        self.addCleanup(database.close)
        migration.upgrade(database)

    def test_only_the_bus_is_unavailable(self) -> None:
        self.prepare()
        self.options['DEFAULT'] = {'transport_url': _UNREACHABLE}
        # In a process of its own: oslo.messaging never stops connecting.
        script = f'import {status.__name__} as s; raise SystemExit(s.main())'
        command = [sys.executable, '-c', script, '--config-file']
        done = subprocess.run(
            [*command, self.write_config(), 'upgrade', 'check', '--json'],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(FAILURE, done.returncode, done.stderr)
        checks = {
            check['check']: check
            for check in json.loads(done.stdout)['checks']
        }
        bus = checks.pop('Message bus')
        self.assertEqual(FAILURE, bus['result'])
        self.assertIn('transport_url', bus['details'])
        for check in checks.values():
            self.assertEqual(SUCCESS, check['result'], check)
        self.assertEqual(
            'fake-hardware, redfish', checks['Drivers']['details']
        )
        self.assertIn('1 target(s)', checks['Inventory']['details'])
        self.assertNotIn('secret', done.stdout + done.stderr)

    def test_bus_of_a_single_process(self) -> None:
        for url in ('local://', None):
            self.options['DEFAULT'] = {'transport_url': url} if url else {}
            self.assertEqual(
                (SUCCESS, 'within the process of ironic-passthru'),
                self.results()['Message bus'],
            )
        self.options['database']['connection'] = 'mysql+pymysql://127.0.0.1:1/'
        # It would connect, so it reads the timeout.
        self.options['api']['bus_connect_timeout'] = 'soon'
        self.assert_failed('Message bus', 'bus_connect_timeout')

    def test_a_file_that_every_user_can_read(self) -> None:
        self.mode = 0o644
        self.options['oslo_messaging_notifications'] = {
            'transport_url': _UNREACHABLE
        }
        self.assert_failed('Configuration files', 'test.conf', 'chmod o=')

    def test_a_source_that_cannot_be_read(self) -> None:
        self.options['DEFAULT']['config_source'] = 'remote'
        code, out, err = self.run_command('upgrade', 'check')
        self.assertEqual((status.EXIT_ERROR, ''), (code, out))
        self.assertIn('Option config_source', err)
        self.assertEqual(1, err.count('\n'), err)

    def test_a_database_without_tables(self) -> None:
        self.assert_failed('Database', 'ironic-passthru-dbsync upgrade')
        self.assertFalse(self.registry.exists(), 'a check creates nothing')

    def test_no_database(self) -> None:
        del self.options['database']
        self.options['DEFAULT'] = {'transport_url': _UNREACHABLE}
        self.options['api']['bus_connect_timeout'] = 'soon'
        self.assert_failed('Database', 'connection', '[database]')

    def test_the_default_database_of_a_single_process(self) -> None:
        state = self.directory / 'state'
        file = state / 'registry.sqlite'
        self.options['DEFAULT'] = {'state_path': str(state)}
        del self.options['database']
        self.assertEqual(
            (SUCCESS, f'ironic-passthru will create the default file {file}'),
            self.results()['Database'],
        )
        self.assertFalse(state.exists(), 'a check creates nothing')
        state.mkdir()
        file.touch()
        self.assert_failed('Database', 'revision none')
        file.unlink()
        database = session.Database(
            self.make_conf(database__connection=database_conf.sqlite_url(file))
        )
        self.addCleanup(database.close)
        migration.upgrade(database)
        code, details = self.results()['Database']
        self.assertEqual(SUCCESS, code)
        self.assertIn(f'of the default file {file}', details)

    def test_a_driver_that_is_not_installed(self) -> None:
        self.options['conductor']['enabled_drivers'] = 'no-such'
        self.assert_failed('Drivers', 'no-such')

    def test_an_inventory_that_cannot_be_read(self) -> None:
        self.assert_failed('Inventory', str(self.inventory))

    def test_inventories_of_instances(self) -> None:
        self.prepare()
        text = '[conductor]\nenabled_drivers = a:redfish, site-b:redfish\n'
        conf = service.configuration(
            f'{text}[site-b]\ninventory_file = {self.inventory}\n'
        )
        conf.register_opts(status.OPTS)
        self.assertEqual(
            'a: file, 0 target(s); site-b: file, 1 target(s)',
            status.check_inventory(conf),
        )

    def test_inventory_of_a_disabled_driver(self) -> None:
        self.options['conductor']['enabled_drivers'] = 'fake-hardware'
        self.assertEqual(SUCCESS, self.results()['Inventory'][0])

    def test_a_host_without_a_conductor(self) -> None:
        self.options['conductor']['enabled_drivers'] = 'no-such, redfish'
        for name, (code, details) in self.results('--api-only').items():
            skipped = name in ('Drivers', 'Inventory')
            self.assertEqual(skipped, 'no conductor' in details, name)
            if skipped:
                self.assertEqual(SUCCESS, code, details)

    def test_a_policy_that_cannot_be_used(self) -> None:
        self.assert_failed('Policy', str(self.policy), 'does not exist')
        self.policy.write_text('"baremetal:driver:get": [')
        self.assert_failed('Policy', str(self.policy))

    def test_an_option_that_is_not_valid(self) -> None:
        self.options['DEFAULT'] = {'transport_url': _UNREACHABLE}
        self.options['api']['bus_connect_timeout'] = 'soon'
        self.assert_failed('Message bus', 'bus_connect_timeout')

    def test_table(self) -> None:
        code, out, err = self.run_command('upgrade', 'check')
        self.assertEqual((FAILURE, ''), (code, err))
        self.assertIn('Check: Message bus', out)
        self.assertIn('Result: Failure', out)

    def test_no_configuration(self) -> None:
        code, out, err = self.run_command(
            '--config-file', '/nowhere', 'upgrade', 'check'
        )
        self.assertEqual((status.EXIT_ERROR, ''), (code, out))
        self.assertTrue(err.startswith('ironic-passthru-status: '), err)
        self.assertEqual(1, err.count('\n'))
