# SPDX-License-Identifier: Apache-2.0
"""Traces of calls through API, bus and conductors to BMCs."""

import json
import secrets
from typing import Any

import yaml

from ironic_passthru.testing import bmc
from ironic_passthru.tests.functional import collector
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import test_redfish_power
from ironic_passthru.tests.functional import web

_FORMAT = '%(levelname)s [%(request_id)s trace %(trace_id)s] %(message)s'
_PASSTHRU = '/v1/drivers/{driver}/vendor_passthru/{method}'

# Names that no span may contain.
_SECRET_NAMES = ('alpha', 'beta', 'hunter2', '127.0.0.1', 'simulated')


_SITE = collector.TracedSite(
    broker=servers.VirtualHost(),
    conductor__enabled_drivers='fake-hardware,redfish',
    conductor__targets_interval=0.2,
    redfish__call_timeout=15,
    logging_context_format_string=_FORMAT,
)


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class TestTraces(deployment.SiteTestCase):
    """Conductors ``c1`` and ``c2``, each with one BMC."""

    site = _SITE

    def setUp(self) -> None:
        super().setUp()
        self.bmcs = {}
        for host, name, headers in (
            ('c1', 'alpha', False),
            ('c2', 'beta', True),
        ):
            self.bmcs[name] = self.start(host, name, send_headers=headers)
        for host in ('c1', 'c2'):
            self.site.start_conductor(host)
        self.api = self.site.start_api()
        self.trace_id = secrets.token_hex(16)
        self.parent = f'00-{self.trace_id}-{secrets.token_hex(8)}-01'

    def start(
        self, host: str, name: str, *, send_headers: bool
    ) -> bmc.SimulatedBmc:
        fake = self.enterContext(
            bmc.SimulatedBmc(
                test_redfish_power.documents(), password='hunter2'
            )
        )
        inventory = self.site.directory / f'{host}.yaml'
        inventory.touch(mode=0o600)
        entry = {
            'address': fake.url,
            'username': fake.username,
            'password': fake.password,
        }
        inventory.write_text(yaml.safe_dump({name: entry}))
        self.site.conductor(
            host,
            redfish__inventory_file=inventory,
            redfish__send_trace_headers=send_headers,
        ).start()
        return fake

    def call(
        self, driver: str, http_method: str, method: str, **body: Any
    ) -> web.Answer:
        return self.api.request(
            http_method,
            f'/v1/drivers/{driver}/vendor_passthru/{method}',
            body,
            {'traceparent': self.parent, 'tracestate': 'vendor=a'},
        )

    def assert_tree(self, *lines: str) -> None:
        """Wait for a trace, below the span of the client."""
        tree = self.site.collector.tree

        def complete() -> bool:
            return len(tree(self.trace_id)) >= len(lines)

        try:
            self.wait_for(complete, 'the trace', seconds=30.0)
        except processes.Failed:
            self.assertEqual(list(lines), tree(self.trace_id))
        self.assertEqual(list(lines), tree(self.trace_id))
        shown = json.dumps(
            [
                [span.name, span.attributes]
                for span in self.site.collector.trace(self.trace_id)
            ]
        )
        for name in _SECRET_NAMES:
            self.assertNotIn(name, shown)

    def test_a_call_over_two_conductors(self) -> None:
        body = {'expected_targets': 2, 'target': '*'}
        self.wait_for(
            lambda: (
                self.api.request(
                    'GET',
                    '/v1/drivers/redfish/vendor_passthru/power_state',
                    body,
                ).status
                == 200
            ),
            'both conductors are routed to',
            seconds=30.0,
        )
        for fake in self.bmcs.values():
            fake.received.clear()
        answer = self.call('redfish', 'GET', 'power_state', **body)
        self.assertEqual(200, answer.status, answer.body)
        part = (
            '  CLIENT send redfish.power_state',
            '    SERVER receive call',
            '      INTERNAL run redfish.power_state',
            '        CLIENT GET /redfish/v1',
            '        CLIENT GET /redfish/v1/Systems',
            '        CLIENT GET /redfish/v1/Systems/{id}',
        )
        self.assert_tree(f'SERVER GET {_PASSTHRU}', *part, *part)
        sent = {
            name: {
                request.headers.get('traceparent', '')[3:35]
                for request in fake.received
            }
            for name, fake in self.bmcs.items()
        }
        self.assertEqual({'alpha': {''}, 'beta': {self.trace_id}}, sent)

    def test_an_accepted_call_that_fails(self) -> None:
        answer = self.call('fake-hardware', 'POST', 'crash_later')
        self.assertEqual(202, answer.status, answer.body)
        self.assert_tree(
            f'SERVER POST {_PASSTHRU}',
            '  CLIENT send fake-hardware.crash_later',
            '    SERVER receive call',
            '      INTERNAL run fake-hardware.crash_later',
        )
        spans = self.site.collector.trace(self.trace_id)
        self.assertEqual(
            {'run fake-hardware.crash_later': 'driver_failed'},
            {s.name: s.attributes['error.type'] for s in spans if s.failed},
        )
        self.assertEqual(
            {'ironic-passthru-api', 'ironic-passthru-conductor'},
            {span.service for span in spans},
        )
        ids = f'[{answer.request_id} trace {self.trace_id}] '
        logs = self.site.logs()
        conductors = logs['c1'] + logs['c2']
        self.assertIn(f'ERROR {ids}Driver method', conductors.decode())
