# SPDX-License-Identifier: Apache-2.0
"""Special characters in logins and virtual hosts of a real broker."""

import itertools
from urllib import parse

from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import test_commands

_SITE = deployment.Site(
    broker=servers.VirtualHost(), conductor__enabled_drivers='fake-hardware'
)

_USER = 'u/@:?#%[;,é+'
_PASSWORD = 'p/@:?#%[];,é+ &=$!*"<>hunter2'
_VIRTUAL_HOST = 'v/#?%;@2F'


def setUpModule() -> None:
    _SITE.setUp()
    control = _SITE.broker.rabbitmqctl
    control('add_vhost', _VIRTUAL_HOST)
    control('add_user', _USER, _PASSWORD)
    control('set_permissions', '-p', _VIRTUAL_HOST, _USER, '.*', '.*', '.*')


def tearDownModule() -> None:
    _SITE.cleanUp()


def url(password: str = _PASSWORD) -> str:
    """Return the URL of the account."""
    user, password, path = (
        parse.quote(part, '') for part in (_USER, password, _VIRTUAL_HOST)
    )
    return f'rabbit://{user}:{password}@127.0.0.1:{_SITE.broker.port}/{path}'


class TestSpecialCharacters(deployment.SiteTestCase):
    """Percent-encoded characters reach the broker."""

    site = _SITE

    def test_a_call_and_its_notifications(self) -> None:
        options = {
            'transport_url': url(),
            'notifications__enabled': True,
            'oslo_messaging_notifications__driver': 'messagingv2',
            'oslo_messaging_notifications__transport_url': url(),
        }
        conductor = self.site.start_conductor('urls', **options)
        self.addCleanup(conductor.kill)
        api = self.site.start_api('urls-api', **options)
        self.addCleanup(self.site.process('urls-api', []).kill)
        answer = api.call('hello', name='Ada')
        self.assertEqual(200, answer.status, answer.body)
        accepted = api.call('no_op_async', 'POST')
        self.assertEqual(202, accepted.status, accepted.body)
        self.wait_for(
            lambda: 'notifications.info' in self.queues(), 'notifications'
        )
        for name in ('urls', 'urls-api'):
            log = self.site.process(name, []).log()
            self.assertNotIn('Traceback', log)
            self.assertNotIn('hunter2', log)

    def queues(self) -> str:
        return self.site.broker.rabbitmqctl(
            'list_queues', '-p', _VIRTUAL_HOST, 'name'
        )


class TestCommands(test_commands.CommandTestCase):
    """Ambiguous URLs are rejected without showing any part of them."""

    def test_the_status_command(self) -> None:
        for address, word in (
            (url(), 'reachable'),
            (url('hunter2'), 'cannot connect'),
            ('rabbit://u:ab/hunter2@127.0.0.1/', 'percent-encoded'),
        ):
            done = self.run_command(
                test_commands.STATUS,
                *self.config(
                    transport_url=address,
                    database__connection=_SITE.registry,
                    api__bus_connect_timeout=5.0,
                ),
                'upgrade',
                'check',
            )
            # The output is a table.
            shown = ''.join(done.stdout.replace('|', '').split())
            self.assertIn(word.replace(' ', ''), shown, done.stdout)
            for text in (shown, done.stderr):
                self.assertNotIn('hunter2', text)
                self.assertNotIn('Traceback', text)

    def test_a_dollar_sign_in_a_password(self) -> None:
        options = {
            'transport_url': 'rabbit://u:a$hunter2@127.0.0.1:1/',
            'database__connection': 'mysql://u:a$hunter2@127.0.0.1:1/x',
            'rpc__signing_keys': f'{"a" * 32}$hunter2',
        }
        site = {
            'transport_url': _SITE.broker.url,
            'database__connection': _SITE.registry,
            'auth_strategy': 'noauth',
        }
        commands = itertools.cycle(
            [test_commands.API, test_commands.CONDUCTOR]
        )
        for command, (name, value) in zip(
            commands, options.items(), strict=False
        ):
            line = self.assert_one_line(
                command,
                f'Option {name.rpartition("__")[2]} in group',
                'written $$',
                **site | {name: value},
            )
            self.assertNotIn('hunter', line)
        for command in (test_commands.DBSYNC, test_commands.STATUS):
            done = self.run_command(
                command,
                *self.config(**options),
                *(['check'] if command == test_commands.DBSYNC else []),
                *(['upgrade', 'check'] if 'status' in command else []),
            )
            output = done.stdout + done.stderr
            self.assertNotEqual(0, done.returncode, output)
            self.assertIn('Option connection in', output.replace('|', ''))
            self.assertNotIn('hunter', output)
