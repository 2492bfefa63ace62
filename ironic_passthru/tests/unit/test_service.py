# SPDX-License-Identifier: Apache-2.0
"""Tests of the composition root."""

import pathlib
import subprocess
import sys
from typing import Any

import fixtures
import webob

from ironic_passthru import errors
from ironic_passthru import service
from ironic_passthru.conf import database as database_conf
from ironic_passthru.rpc import client
from ironic_passthru.rpc import transport
from ironic_passthru.tests import base

# Not imported by conductors: they cost memory or belong to the API.
WITHOUT = (
    'alembic',
    'eventlet',
    'ironic_passthru.api.app',
    'pecan',
    'wsme',
)

IMPORT = """
import sys
from ironic_passthru.cmd import conductor
from ironic_passthru.conductor import service
print([name for name in sys.argv[1:] if sys.modules.get(name)])
"""


class TestImports(base.TestCase):
    def test_conductors_do_not_import_the_api(self) -> None:
        result = subprocess.run(
            [sys.executable, '-c', IMPORT, *WITHOUT],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual('[]', result.stdout.strip(), result)


class ServiceCase(base.TestCase):
    def conf(self, **options: Any) -> Any:
        directory = self.useFixture(fixtures.TempDir()).path
        values: dict[str, Any] = {
            'host': 'here',
            'auth_strategy': 'noauth',
            'conductor__enabled_drivers': ['fake-hardware'],
            'database__connection': database_conf.sqlite_url(
                pathlib.Path(directory, 'registry.sqlite')
            ),
        }
        return self.make_conf(**values | options)


class TestAllInOne(ServiceCase):
    def test_life_cycle(self) -> None:
        services = service.build_all_in_one(self.conf())
        services.conductor.start()
        answer = self.echo(services)
        self.assertEqual((200, {'a': 1}), (answer.status_code, answer.json))
        self.assertTrue(services.close())
        self.assertIn(self.echo(services).status_code, (503, 504))

    def test_both_tiers_have_the_key(self) -> None:
        services = service.build_all_in_one(
            self.conf(rpc__signing_keys=['k' * 40])
        )
        services.conductor.start()
        self.addCleanup(services.close)
        self.assertEqual(200, self.echo(services).status_code)
        # The conductor accepts its own messages.
        self.assertTrue(services.conductor.service._receives())
        other = client.ConductorAPI(services.transport)
        self.assertRaises(
            errors.OutcomeUnknown,
            other.ping,
            {},
            services.conductor.service.address,
            timeout_seconds=0.5,
        )

    def echo(self, services: service.AllInOne) -> webob.Response:
        request = webob.Request.blank(
            '/v1/drivers/fake-hardware/vendor_passthru?method=echo',
            method='POST',
            json={'a': 1},
        )
        return request.get_response(services.api.application)

    def test_drain_seconds(self) -> None:
        conf = self.conf(conductor__drain_seconds=5.0)
        bus = transport.make(conf, 'local://')
        self.addCleanup(bus.cleanup)
        split = service.Conductor(conf, bus)
        self.assertEqual(5.0, split.service._drain_seconds)
        services = service.build_all_in_one(conf)
        self.addCleanup(services.transport.cleanup)
        self.assertEqual(0.0, services.conductor.service._drain_seconds)

    def test_lost(self) -> None:
        services = service.build_all_in_one(self.conf())
        self.addCleanup(services.transport.cleanup)
        self.assertFalse(services.conductor.lost.is_set())
        services.conductor.service.lost.set()
        self.assertTrue(services.conductor.lost.is_set())


class TestConductor(ServiceCase):
    def test_heartbeat_timeout_is_too_short(self) -> None:
        conf = self.conf(
            conductor__heartbeat_interval=3.0, conductor__heartbeat_timeout=5.0
        )
        error = self.assertRaises(
            errors.ConfigError, service.build_conductor, conf
        )
        for word in ('heartbeat_timeout', '[conductor]', '3.0'):
            self.assertIn(word, error.message)

    def test_watchdog_is_too_short(self) -> None:
        conf = self.conf(
            conductor__heartbeat_interval=5.0,
            conductor__heartbeat_timeout=30.0,
        )
        error = self.assertRaises(
            errors.ConfigError,
            service.build_conductor,
            conf,
            watchdog_seconds=39.0,
        )
        self.assertIn('at least 40 seconds', error.message)

    def test_a_key_that_is_too_short(self) -> None:
        conf = self.conf(
            transport_url='local://', rpc__signing_keys=['hunter2']
        )
        conductor = service.build_conductor(conf)
        for start in (conductor.start, lambda: service.build_api(conf)):
            error = self.assertRaises(errors.ConfigError, start)
            self.assertIn('signing_keys', error.message)
            self.assertNotIn('hunter2', error.message)

    def test_a_start_that_fails_disconnects(self) -> None:
        for options, expected in (
            (
                {'conductor__enabled_drivers': ['nothing']},
                errors.DriverLoadError,
            ),
            (
                {'database__connection': 'sqlite:////nowhere/at/all'},
                errors.PassthruError,
            ),
        ):
            conf = self.conf(transport_url='local://', **options)
            conductor = service.build_conductor(conf)
            self.assertRaises(expected, conductor.start)
            assert conductor._own_transport is not None
            broker = conductor._own_transport._driver._broker
            self.assertTrue(broker._closed, options)


class TestApi(ServiceCase):
    def test_nothing_connects_before_the_first_request(self) -> None:
        conf = self.conf(
            transport_url='rabbit://user:secret@127.0.0.1:1/',
            database__connection='mysql+pymysql://u:p@127.0.0.1:1/x',
        )
        api = service.build_api(conf)
        request = webob.Request.blank('/')
        answer = request.get_response(api.application)
        self.assertEqual(200, answer.status_code)
        api.close()
