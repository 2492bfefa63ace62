# SPDX-License-Identifier: Apache-2.0
"""The samples for RabbitMQ, in broker and service."""

import configparser
import json
import re
import ssl
from typing import Any

import amqp
import kombu
from oslo_config import cfg
from oslo_messaging import opts as messaging_opts

from ironic_passthru.conf import opts
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import certificates
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import unreadable
from ironic_passthru.tests.functional import web

_PAGE = 'doc/source/admin/rabbitmq.rst'
_SAMPLES = pages.ROOT / 'etc' / 'rabbitmq'
_MIB = 1024 * 1024

# Internal names of options in RabbitMQ.
_KEPT_AS = {
    'listeners.tcp': 'tcp_listeners',
    'listeners.ssl.default': 'ssl_listeners',
    'vm_memory_high_watermark.relative': 'vm_memory_high_watermark',
    'disk_free_limit.absolute': 'disk_free_limit',
}

# Methods with results and parameters of any size.
_BULK = """
from ironic_passthru.drivers import base

class BulkVendor(base.VendorInterface):
    @base.driver_passthru(['POST'], async_call=False)
    def give(self, size: int) -> str:
        \"\"\"Return what grows most on its way back.\"\"\"
        return '"' * size

    @base.driver_passthru(['POST'], async_call=False)
    def take(self, text: str) -> int:
        \"\"\"Count.\"\"\"
        return len(text)
"""

_CERTIFICATES = certificates.Certificates()
_BROKER = servers.RabbitMQ(tls=_CERTIFICATES)
_SITE = deployment.Site(
    broker=_BROKER, conductor__enabled_drivers='fake-hardware,marks,bulk'
)


def setUpModule() -> None:
    _CERTIFICATES.setUp()
    _SITE.setUp()
    _SITE.install('bulk', 'bulk:BulkVendor', source=_BULK)
    _SITE.install('small', 'bulk:BulkVendor')


def tearDownModule() -> None:
    _SITE.cleanUp()
    _CERTIFICATES.cleanUp()


def of_broker() -> dict[str, str]:
    """Return the options of the sample for brokers."""
    lines = (_SAMPLES / 'rabbitmq.conf').read_text().splitlines()
    pairs = [line.split(' = ') for line in lines if line[:1].isalpha()]
    options = dict(pairs)
    assert len(options) == len(pairs)
    return options


def of_service() -> configparser.ConfigParser:
    """Return the options of the sample for the service."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(_SAMPLES / 'ironic-passthru.conf')
    return parser


def connect(url: str = '') -> kombu.Connection:
    """Return a connection to the broker, by default as the service."""
    certificate, key = _CERTIFICATES.client
    return kombu.Connection(
        re.sub('^rabbit', 'amqp', url or _BROKER.url),
        ssl={
            'ca_certs': str(_CERTIFICATES.ca),
            'cert_reqs': ssl.CERT_REQUIRED,
            'certfile': str(certificate),
            'keyfile': str(key),
            'server_hostname': _CERTIFICATES.server,
        },
    )


def queue_of(server: protocol.ConductorAddress) -> str:
    """Return the queue of one incarnation of a conductor."""
    return f'{protocol.TOPIC}.{server.name}'


def policy() -> dict[str, Any]:
    """Return the policy of the definitions."""
    found = json.loads((_SAMPLES / 'definitions.json').read_text())
    (only,) = found['policies']
    return only


class TestSamples(base.TestCase):
    """Checks without a broker."""

    def test_every_option_of_the_service_is_one(self) -> None:
        """Unknown names would be ignored."""
        known: dict[str, dict[str, cfg.Opt]] = {}
        for group, options in (
            *messaging_opts.list_opts(),
            *opts.list_opts(),
        ):
            names = known.setdefault(str(group or 'DEFAULT'), {})
            names |= {option.dest: option for option in options}
        sample = of_service()
        found = {'DEFAULT': dict(sample.defaults())}
        for group in sample.sections():
            # Without DEFAULT, which configparser merges into all groups.
            found[group] = {
                name: sample[group][name]
                for name in sample[group]
                if name not in sample.defaults()
            }
        for group, values in found.items():
            self.assertTrue(values, group)
            for name, value in values.items():
                self.assertIn(name, known[group], group)
                option = known[group][name]
                self.assertFalse(option.deprecated_for_removal, name)
                # Raises for values out of bounds.
                option.type(value)

    def test_the_largest_message(self) -> None:
        conf = self.make_conf()
        largest = max(
            2 * conf.conductor.max_result_size, 7 * conf.api.max_body_size
        )
        self.assertEqual(largest + _MIB, int(of_broker()['max_message_size']))
        guide = (pages.ROOT / 'doc/source/install/debian.rst').read_text()
        self.assertIn(f'   max_message_size = {largest + _MIB}\n', guide)
        self.assertEqual(largest + _MIB, conf.rpc.max_message_size)


class RabbitMQTestCase(deployment.SiteTestCase):
    """A test with an API and the conductor c1."""

    site = _SITE

    def setUp(self) -> None:
        super().setUp()
        self.site.conductor('c1').start()
        self.api = self.site.start_api()
        self.site.start_conductor('c1')
        self.wait_for_driver(self.api)

    def wait_for_driver(self, api: web.Client, name: str = 'bulk') -> None:
        """Wait until an API lists the conductor."""
        self.wait_for(
            lambda: api.get(f'/v1/drivers/{name}').status == 200, 'its driver'
        )

    def listed(self, what: str, *columns: str) -> list[dict[str, Any]]:
        """Return the output of ``rabbitmqctl list_...``."""
        arguments = (f'list_{what}', *columns, '--formatter', 'json')
        return json.loads(_BROKER.rabbitmqctl(*arguments))

    def of_virtual_host(self, what: str, *columns: str) -> list[Any]:
        """Return the output for the virtual host."""
        return self.listed(what, '--vhost', _BROKER.virtual_host, *columns)


class TestBroker(RabbitMQTestCase):
    """Effective configuration of the broker."""

    def test_every_option_is_taken(self) -> None:
        environment = _BROKER.rabbitmqctl('environment')
        (rabbit,) = re.findall(
            r'^ \{rabbit,\n(.*?)^ \{', environment, re.M | re.S
        )
        values = {
            'listeners.tcp': '[]',
            'listeners.ssl.default': f'[{{"127.0.0.1",{_BROKER.port}}}]',
            'ssl_options.cacertfile': f'"{_CERTIFICATES.ca}"',
            'ssl_options.certfile': f'"{_CERTIFICATES.server_cert}"',
            'ssl_options.keyfile': f'"{_CERTIFICATES.server_key}"',
            'load_definitions': f'"{_SAMPLES / "definitions.json"}"',
            'disk_free_limit.absolute': '"2GB"',
        }
        plain = ''.join(rabbit.split())
        for name, value in (of_broker() | values).items():
            kept_as = _KEPT_AS.get(name, name.rpartition('.')[2])
            self.assertIn(f'{{{kept_as},{value}}}', plain, name)
        status = json.loads(
            _BROKER.rabbitmqctl('status', '--formatter', 'json')
        )
        self.assertEqual(2 * 10**9, status['disk_free_limit'])
        self.assertEqual([], status['alarms'])

    def test_nothing_is_outdated(self) -> None:
        """Unknown names would prevent the start."""
        # All queues of the service exist, those of replies too.
        self.api.call('give', 'POST', driver='bulk', size=1)
        self.assertNotRegex(
            _BROKER.log(), '(?i)deprecate|obsolete|unknown|no effect'
        )

    def test_the_definitions(self) -> None:
        hosts = self.listed('vhosts', 'name')
        self.assertEqual([{'name': 'passthru'}], hosts)
        (found,) = self.of_virtual_host('policies')
        definition = json.loads(found.pop('definition'))
        self.assertEqual(policy(), found | {'definition': definition})

    def test_the_accounts(self) -> None:
        """No guest account; the service's account has limited permissions."""
        users = {row['user'] for row in self.listed('users')}
        self.assertNotIn('guest', users)
        with connect() as connection:
            for name in ('nova', 'notifications.info', 'amq.topic'):
                channel = connection.channel()
                self.assertRaises(
                    amqp.exceptions.AccessRefused,
                    channel.queue_declare,
                    name,
                    durable=True,
                )
            channel = connection.channel()
            self.assertRaises(
                amqp.exceptions.AccessRefused,
                channel.exchange_declare,
                'nova',
                'topic',
            )


class TestService(RabbitMQTestCase):
    """Effective configuration of the service."""

    def test_calls(self) -> None:
        answer = self.api.call('mark', 'POST', driver='marks', key='sync')
        self.assertEqual(200, answer.status, answer.body)
        answer = self.api.call(
            'mark_later', 'POST', driver='marks', key='async'
        )
        self.assertEqual(202, answer.status, answer.body)
        ran = ['c1:began', 'c1:ended']
        self.wait_for(lambda: self.site.marked('async') == ran, 'its end')
        self.assertEqual(ran, self.site.marked('sync'))

    def test_every_queue_is_a_quorum_queue_under_the_policy(self) -> None:
        queues = self.of_virtual_host(
            'queues', 'name', 'type', 'durable', 'policy'
        )
        names = {re.split('[_.]', queue['name'])[0] for queue in queues}
        self.assertEqual({'ironic', 'reply'}, names)
        for queue in queues:
            self.assertEqual('quorum', queue['type'], queue)
            self.assertTrue(queue['durable'], queue)
            self.assertEqual(policy()['name'], queue['policy'])

    def test_every_connection_has_tls_and_heartbeats(self) -> None:
        connections = self.listed(
            'connections', 'user', 'vhost', 'ssl', 'timeout', 'state'
        )
        # Closing connections have no properties.
        running = [c for c in connections if c['state'] == 'running']
        self.assertGreaterEqual(len(running), 4)
        wanted = {
            'user': 'passthru',
            'vhost': 'passthru',
            'ssl': True,
            'timeout': int(of_broker()['heartbeat']),
            'state': 'running',
        }
        for connection in running:
            self.assertEqual(wanted, connection)

    def test_the_largest_result(self) -> None:
        # Two bytes for each character, and two quotation marks.
        size = self.make_conf().conductor.max_result_size // 2 - 1
        answer = self.api.call('give', 'POST', driver='bulk', size=size)
        self.assertEqual(200, answer.status, answer.body[:200])
        self.assertEqual('"' * size, answer.json)

    def test_the_largest_request(self) -> None:
        empty = b'{"text": ""}'
        size = self.make_conf().api.max_body_size - len(empty)
        answer = self.api.request(
            'POST',
            '/v1/drivers/bulk/vendor_passthru?method=take',
            # Escaped as \\u007f.
            empty.replace(b'""', b'"%s"' % (b'\x7f' * size)),
        )
        self.assertEqual(200, answer.status, answer.body)
        self.assertEqual(size, answer.json)

    def test_messages_that_the_broker_rejects(self) -> None:
        """It accepts only smaller ones than the service."""
        self.set_max_message_size('100000')
        self.addCleanup(
            self.set_max_message_size, of_broker()['max_message_size']
        )
        # The limit of a channel is that of its start.
        conductor = self.site.start_conductor(
            'small', conductor__enabled_drivers='small'
        )
        self.addCleanup(conductor.kill)
        api = self.site.start_api('small-api')
        self.addCleanup(self.site.process('small-api', []).kill)
        self.wait_for_driver(api, 'small')
        for _ in range(2):
            answer = api.call('give', 'POST', driver='small', size=60_000)
            self.assertEqual(500, answer.status, answer.body[:200])
            self.assertIn(b'ran, but its result is larger than', answer.body)
            self.assertIn(b'100000 bytes', answer.body)
            answer = api.call(
                'take', 'POST', driver='small', text='x' * 99_999
            )
            self.assertEqual(400, answer.status, answer.body)
            self.assertIn(b'max_message_size of RabbitMQ', answer.body)
            answer = api.call('take', 'POST', driver='small', text='x')
            self.assertEqual(200, answer.status, answer.body)
        conductor.wait_for_log('RabbitMQ rejected the result for request req-')
        self.assertNotIn('Traceback', conductor.log())

    def test_an_api_with_an_account_of_its_own(self) -> None:
        (block,) = [
            block
            for block in pages.blocks(_PAGE)
            if block.run_by.endswith('functional/test_rabbitmq.py')
        ]
        _BROKER.shell(block.commands, API_PASSWORD='secret')
        url = re.sub('//[^@]*@', '//passthru-api:secret@', _BROKER.url)
        api = self.site.start_api('own', transport_url=url)
        self.addCleanup(self.site.process('own', []).kill)
        self.wait_for_driver(api)
        answer = api.call('mark', 'POST', driver='marks', key='own')
        self.assertEqual(200, answer.status, answer.body)
        with connect(url) as connection:
            channel = connection.channel()
            self.assertRaises(
                amqp.exceptions.AccessRefused,
                channel.basic_consume,
                queue_of(self.site.address('c1')),
            )

    def test_unreadable_messages_are_dropped(self) -> None:
        """It must not block the other messages of a conductor."""
        conductor = self.site.conductor('c1')
        before = len(conductor.log())
        with connect() as connection:
            connection.channel().basic_publish(
                unreadable.Message(),
                routing_key=queue_of(self.site.address('c1')),
            )
        conductor.wait_for_log('headers of a message; reconnecting')
        limit = policy()['definition']['delivery-limit']

        def serves() -> bool:
            answer = self.api.call('mark', 'POST', driver='marks', key='x')
            return answer.status == 200

        self.wait_for(serves, 'a call', seconds=30.0)
        output = conductor.log()[before:]
        self.assertEqual(1 + limit, output.count('message; reconnecting'))

    def test_the_queue_of_a_dead_conductor_expires(self) -> None:
        found = policy()
        self.set_policy(found, expires=1000)
        self.addCleanup(self.set_policy, found)
        dead = self.site.start_conductor('dead')
        queue = queue_of(self.site.address('dead'))
        self.assertIn(queue, self.queues())
        dead.kill()
        # The broker checks every five seconds.
        processes.wait_until(
            lambda: queue not in self.queues(), 'its queue goes', pause=1.0
        )
        # Queues with consumers stay.
        self.assertIn(queue_of(self.site.address('c1')), self.queues())
        self.assertIn(protocol.TOPIC, self.queues())

    def test_a_conductor_with_queues_of_another_kind(self) -> None:
        """Other services have created them."""
        conductor = self.site.conductor(
            'classic', oslo_messaging_rabbit__rabbit_quorum_queue=False
        )
        conductor.start()
        self.assertEqual(1, conductor.wait())
        *_, last = conductor.log().splitlines()
        self.assertIn('rabbit_quorum_queue', last)
        self.assertIn('PRECONDITION_FAILED - inequivalent arg', last)
        self.assertNotIn('Traceback', conductor.log())

    def set_max_message_size(self, size: str) -> None:
        """Set the limit for new channels."""
        _BROKER.rabbitmqctl(
            'eval',
            f'application:set_env(rabbit, max_message_size, {size}), '
            f'persistent_term:put(max_message_size, {size}).',
        )

    def set_policy(self, found: dict[str, Any], **changes: object) -> None:
        """Set the policy of the definitions with changes."""
        _BROKER.rabbitmqctl(
            *('set_policy', '--vhost', _BROKER.virtual_host),
            *('--apply-to', found['apply-to'], found['name']),
            *(found['pattern'], json.dumps(found['definition'] | changes)),
        )

    def queues(self) -> set[str]:
        """Return the names of all queues."""
        return {queue['name'] for queue in self.site.queues()}
