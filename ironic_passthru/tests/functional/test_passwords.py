# SPDX-License-Identifier: Apache-2.0
"""No command logs a password of its configuration."""

import os
import pathlib
import signal
from collections.abc import Sequence

import fixtures

from ironic_passthru.conf import database
from ironic_passthru.tests import base
from ironic_passthru.tests import file_keys
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web

# Part of each password.
SECRET = 'hunter2'

# A port without a server.
_NOWHERE = '127.0.0.1:1'

CREDENTIALS = {
    'transport_url': f'rabbit://passthru:{SECRET}-bus@{_NOWHERE}/',
    'database__connection': (
        f'postgresql://passthru:{SECRET}-registry@{_NOWHERE}/x'
    ),
    'rpc__signing_keys': f'{SECRET}-signs-messages-of-API-and-conductors',
    'oslo_messaging_notifications__driver': 'messagingv2',
    'oslo_messaging_notifications__transport_url': (
        f'rabbit://passthru:{SECRET}-notifications@{_NOWHERE}/'
    ),
    'keystone_authtoken__auth_type': 'password',
    'keystone_authtoken__auth_url': f'http://{_NOWHERE}/v3',
    'keystone_authtoken__username': 'passthru',
    'keystone_authtoken__password': f'{SECRET}-identity',
    'keystone_authtoken__user_domain_id': 'default',
    'keystone_authtoken__project_name': 'service',
    'keystone_authtoken__project_domain_id': 'default',
    'keystone_authtoken__memcached_servers': _NOWHERE,
    'keystone_authtoken__memcache_security_strategy': 'ENCRYPT',
    'keystone_authtoken__memcache_secret_key': f'{SECRET}-cache',
}


class PasswordsTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def start(
        self, program: str, *arguments: str, **options: object
    ) -> processes.Process:
        """Start a command with debug logs and all kinds of credentials.

        :param options: further ones; None removes a credential.
        """
        config = self.directory / f'{program}.conf'
        options = {
            **CREDENTIALS,
            'state_path': self.directory / 'state',
            'debug': True,
            **options,
        }
        config.write_text(
            deployment.config_text(
                **{k: v for k, v in options.items() if v is not None}
            )
        )
        config.chmod(0o600)
        process = self.useFixture(
            processes.Process(
                [
                    processes.command(program),
                    *('--config-file', str(config)),
                    *arguments,
                ],
                environment={
                    **os.environ,
                    'HOME': str(self.directory),
                    'XDG_CACHE_HOME': str(self.directory),
                },
                log=self.directory / f'{program}.log',
            )
        )
        process.start()
        return process

    def assert_discreet(self, output: str) -> None:
        self.assertNotIn(SECRET, output)

    def sqlite(self) -> str:
        return database.sqlite_url(self.directory / 'registry.sqlite')

    def test_commands_that_reach_no_registry(self) -> None:
        for program, arguments in (
            ('ironic-passthru', []),
            ('ironic-passthru-dbsync', ['upgrade']),
            ('ironic-passthru-dbsync', ['check']),
        ):
            process = self.start(program, *arguments, auth_strategy='noauth')
            self.assertNotEqual(0, process.wait(), process.log())
            self.assertIn('refused', process.log())
            self.assert_discreet(process.log())

    def test_a_conductor_that_reaches_no_registry(self) -> None:
        conductor = self.start('ironic-passthru-conductor')
        conductor.wait_for_log('the start is delayed')
        self.assertIn('refused', conductor.log())
        self.assert_discreet(conductor.log())

    def test_a_conductor_that_reaches_no_key_manager(self) -> None:
        castellan = file_keys.write_config(self.directory)
        mapping = self.directory / 'mapping.conf'
        mapping.write_text('[database]\nconnection = url\n')
        conductor = self.start(
            'ironic-passthru-conductor',
            database__connection=None,
            config_source='secrets',
            secrets__driver='castellan',
            secrets__config_file=castellan,
            secrets__mapping_file=mapping,
        )
        conductor.wait_for_log('the start is delayed')
        conductor.signal(signal.SIGHUP)
        keys = self.directory / 'keys'
        keys.mkdir()
        (keys / 'url').write_text(CREDENTIALS['database__connection'])
        conductor.wait_for_log('Registry database unavailable')
        self.assert_discreet(conductor.log())

    def test_a_conductor_that_reaches_no_broker(self) -> None:
        url = self.sqlite()
        sync = self.start(
            'ironic-passthru-dbsync', 'upgrade', database__connection=url
        )
        self.assertEqual(0, sync.wait(), sync.log())
        conductor = self.start(
            'ironic-passthru-conductor', database__connection=url
        )
        conductor.wait_for_log('Connection failed')
        self.assert_discreet(conductor.log())

    def test_an_api_without_bus_and_registry(self) -> None:
        for strategy, statuses in (
            ('noauth', {200, 503}),
            ('keystone', {200, 503}),
        ):
            port = self.useFixture(servers.ReservedPort()).port
            process = self.start(
                'ironic-passthru-api',
                auth_strategy=strategy,
                api__port=port,
                api__bus_connect_timeout=1.0,
            )
            process.wait_for_log('http://127.0.0.1:')
            answers = self.ask(web.Client(f'http://127.0.0.1:{port}'))
            self.assertEqual(statuses, {answer.status for answer in answers})
            for answer in answers:
                self.assert_discreet(answer.body.decode())
            process.stop()
            self.assert_discreet(process.log())

    def ask(self, client: web.Client) -> Sequence[web.Answer]:
        token = {'X-Auth-Token': f'{SECRET}-token'}
        return [
            client.get('/'),
            *(
                client.request('GET', path, headers=token)
                for path in (
                    '/healthcheck/detailed',
                    '/v1/drivers',
                    '/v1/operations',
                )
            ),
        ]
