# SPDX-License-Identifier: Apache-2.0
"""Transports and targets of RPC."""

import oslo_messaging
from oslo_config import cfg
from oslo_messaging import conffixture

from ironic_passthru import errors
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import rabbit
from ironic_passthru.rpc import transport
from ironic_passthru.tests import base

SECRET = 'hunter' + '2'


class TestMake(base.TestCase):
    def test_the_url_may_be_given_or_configured(self) -> None:
        conf = self.make_conf(transport_url='local://')
        for made in (
            transport.make(conf),
            transport.make(self.make_conf(), 'local://'),
        ):
            self.addCleanup(made.cleanup)
            self.assertEqual('LocalDriver', type(made._driver).__name__)

    def test_a_configuration_of_another_service(self) -> None:
        conf = cfg.ConfigOpts()
        self.useFixture(conffixture.ConfFixture(conf))
        conf([], default_config_files=[])
        for url in ('local://', 'rabbit://user@host/'):
            self.addCleanup(transport.make(conf, url).cleanup)
        self.assertGreater(conf.rpc.max_message_size, 0)

    def test_only_our_errors_are_rebuilt(self) -> None:
        made = transport.make(self.make_conf(), 'local://')
        self.addCleanup(made.cleanup)
        self.assertEqual(
            ['ironic_passthru.errors'], made._driver._allowed_remote_exmods
        )

    def test_invalid_urls(self) -> None:
        for url in (
            f'nothing://user:{SECRET}@host/',
            f'rabbit://user:{SECRET}@host:port/',
            f'rabbit://user:{SECRET}@host:5672x/',
            f'{SECRET}',
            f'//{SECRET}',
            f'rabbit://user:1/{SECRET}@host/',
            f'rabbit://user:1,{SECRET}@host/',
            f'rabbit://user:{SECRET}[@host/',
            f'rabbit://user:{SECRET}@/',
            f'rabbit://user:{SECRET}@:5672/',
        ):
            error = self.assertRaises(
                errors.ConfigError, transport.make, self.make_conf(), url
            )
            self.assertIn('transport_url in group [DEFAULT]', error.message)
            self.assertIn('percent-encoded', error.message)
            self.assertNotIn(SECRET, error.message)
            self.assertNotIn('\n', error.message)

    def test_queues_are_deleted_with_their_process(self) -> None:
        conf = self.make_conf()
        made = transport.make(conf, 'rabbit://user:secret@127.0.0.1:1/')
        self.addCleanup(made.cleanup)
        self.assertTrue(conf.oslo_messaging_rabbit.amqp_auto_delete)

    def test_the_broker_sends_a_few_messages_ahead(self) -> None:
        conf = self.make_conf()
        made = transport.make(conf, 'rabbit://user:secret@127.0.0.1:1/')
        self.addCleanup(made.cleanup)
        options = rabbit.options(made)
        self.assertEqual(64, options.rabbit_qos_prefetch_count)
        conf.set_override(
            'rabbit_qos_prefetch_count', 5, group='oslo_messaging_rabbit'
        )
        self.assertEqual(5, options.rabbit_qos_prefetch_count)

    def test_quorum_queues_are_kept(self) -> None:
        conf = self.make_conf(
            oslo_messaging_rabbit__rabbit_quorum_queue=True,
            oslo_messaging_rabbit__amqp_durable_queues=True,
        )
        made = transport.make(conf, 'rabbit://user:secret@127.0.0.1:1/')
        self.addCleanup(made.cleanup)
        self.assertFalse(conf.oslo_messaging_rabbit.amqp_auto_delete)

    def test_configured_options_are_kept(self) -> None:
        conf = self.make_conf(oslo_messaging_rabbit__amqp_auto_delete=False)
        made = transport.make(conf, 'rabbit://user:secret@127.0.0.1:1/')
        self.addCleanup(made.cleanup)
        self.assertFalse(conf.oslo_messaging_rabbit.amqp_auto_delete)


class TestGlobalOptions(base.TestCase):
    """Options that oslo.messaging registers on cfg.CONF only."""

    def test_each_call_reads_them(self) -> None:
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[])
        transport.make(conf, 'fake://')
        self.assertFalse(conf.oslo_messaging_metrics.metrics_enabled)
        self.assertFalse(conf.oslo_messaging_tracing.tracing_enabled)


class TestTarget(base.TestCase):
    def test_all_conductors(self) -> None:
        self.assertEqual(
            oslo_messaging.Target(
                exchange='ironic_passthru',
                topic='ironic_passthru.conductor_manager',
                version='1.0',
            ),
            transport.target(),
        )

    def test_one_run_of_a_conductor(self) -> None:
        target = transport.target(protocol.ConductorAddress('host', 'run'))
        self.assertEqual('host.run', target.server)
        self.assertEqual('ironic_passthru.conductor_manager', target.topic)
