# SPDX-License-Identifier: Apache-2.0
"""Notifications, CADF events and the audit file of a site.

WRITE_NOTIFICATION_SAMPLES=1 in the environment rewrites the samples in the
pages.
"""

import json
import os
import pathlib
import re
import threading
import time
from typing import Any

import oslo_messaging
from oslo_config import cfg

from ironic_passthru.api.middleware import audit
from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import samples
from ironic_passthru.tests.functional import web

ROOT = pathlib.Path(__file__).parents[3]
SAMPLES = ROOT / 'doc/source/admin/samples'
WRITE = 'WRITE_NOTIFICATION_SAMPLES'
LOGGING = ROOT / 'etc/ironic_passthru/audit-logging.conf.sample'
MAP = ROOT / 'etc/ironic_passthru/api_audit_map.conf'

_SECRET = 'correct-horse'
_CALL = 'driver.vendor_passthru'

# Different in each run: only their types are compared.
_CHANGING = (
    *('time', 'duration', 'address', 'started_at', 'finished_at'),
    'changed_at',
)
_ID = re.compile('(req-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')

_SITE = deployment.Site(
    notifications__enabled=True,
    oslo_messaging_notifications__driver='messagingv2',
    audit__format='json',
    audit__cadf_map_file=MAP,
)


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class Listener:
    """A listener with the defaults of oslo.messaging."""

    def __init__(self, case: base.TestCase, url: str) -> None:
        self._lock = threading.Lock()
        self._heard: list[dict[str, Any]] = []
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[])
        transport = oslo_messaging.get_notification_transport(conf, url)
        case.addCleanup(transport.cleanup)
        listener = oslo_messaging.get_notification_listener(
            transport,
            [oslo_messaging.Target(topic='notifications')],
            [self],
            executor='threading',
        )
        listener.start()
        case.addCleanup(listener.wait)
        case.addCleanup(listener.stop)

    def info(self, *message: Any) -> None:
        """Store a notification of priority INFO."""
        self._take('INFO', *message)

    def error(self, *message: Any) -> None:
        """Store a notification of priority ERROR."""
        self._take('ERROR', *message)

    def _take(
        self,
        priority: str,
        context: Any,
        publisher_id: str,
        event_type: str,
        payload: Any,
        metadata: Any,
    ) -> None:
        with self._lock:
            self._heard.append(
                {
                    'publisher_id': publisher_id,
                    'event_type': event_type,
                    'priority': priority,
                    'payload': payload,
                }
            )

    def of(self, request_id: str) -> list[dict[str, Any]]:
        """Return the notifications of a request without CADF events."""
        return [
            one
            for one in self.all()
            if one['payload'].get('request_id') == request_id
        ]

    def all(self) -> list[dict[str, Any]]:
        """Return all received notifications."""
        with self._lock:
            return list(self._heard)


class TestSite(deployment.SiteTestCase):
    """A site with two conductors, and a listener."""

    site = _SITE

    def setUp(self) -> None:
        super().setUp()
        self.lines = self.site.directory / 'audit.log'
        log_config = self.site.directory / 'logging.conf'
        log_config.write_text(
            LOGGING.read_text().replace(
                '/var/log/ironic-passthru/audit.log', str(self.lines)
            )
        )
        # Both start concurrently.
        self.site.conductor('c2', conductor__enabled_drivers='marks').start()
        self.c1 = self.site.start_conductor(
            'c1', conductor__enabled_drivers='fake-hardware'
        )
        self.api = self.site.start_api(log_config_append=log_config)
        self.site.start_conductor('c2')
        self.listener = Listener(self, self.site.broker.url)
        self.samples: dict[str, Any] = {}

    def received(self, answer: web.Answer, last: str) -> list[dict[str, Any]]:
        """Wait for ``last``; return the notifications of a call."""

        def found() -> bool:
            events = self.listener.of(answer.request_id)
            return any(one['event_type'] == last for one in events)

        self.wait_for(found, last, seconds=30.0)
        return self.listener.of(answer.request_id)

    def keep(self, event: dict[str, Any]) -> None:
        """Compare a notification with the sample of its type."""
        self.samples[event['event_type']] = event

    def test_notifications(self) -> None:
        self.check_a_synchronous_call()
        self.check_a_failure()
        self.check_secrets()
        self.check_orphans_of_a_conductor()
        self.check_cadf()
        self.check_audit()
        self.check_samples()
        self.check_a_broker_that_is_killed()

    def check_a_synchronous_call(self) -> None:
        body = {'mode': 'manual', 'speed': 70}
        answer = self.api.call('set_fans', 'PUT', **body)
        self.assertEqual(200, answer.status, answer.body)
        start, end = self.received(answer, f'{_CALL}.end')
        self.assertEqual(f'{_CALL}.start', start['event_type'])
        self.assertEqual('ironic_passthru.c1', start['publisher_id'])
        self.assertEqual(body, end['payload']['parameters'])
        self.keep(start)
        self.keep(end)

    def check_a_failure(self) -> None:
        answer = self.api.call('refuse_later', 'POST', driver='marks', key='k')
        self.assertEqual(202, answer.status, answer.body)
        events = self.received(answer, 'operation.failed')
        self.assertEqual(
            [
                ('operation.queued', 'INFO'),
                ('operation.running', 'INFO'),
                (f'{_CALL}.start', 'INFO'),
                (f'{_CALL}.error', 'ERROR'),
                ('operation.failed', 'ERROR'),
            ],
            [(one['event_type'], one['priority']) for one in events],
        )
        for event in (events[0], events[-2], events[-1]):
            self.keep(event)

    def check_secrets(self) -> None:
        answer = self.api.call(
            'set_login',
            'PUT',
            bmc='bmc-7',
            user='admin',
            password=_SECRET,
        )
        self.assertEqual(202, answer.status, answer.body)
        for event in self.received(answer, 'operation.succeeded'):
            self.assertEqual(['bmc-7'], event['payload']['targets'])
            self.assertEqual('***', event['payload']['parameters']['password'])

    def check_orphans_of_a_conductor(self) -> None:
        """Another conductor reaps the operation and sends the event."""
        answer = self.api.call('start_fan_test', 'POST', seconds=60)
        self.assertEqual(202, answer.status, answer.body)
        self.received(answer, f'{_CALL}.start')
        self.c1.kill()
        event = self.received(answer, 'operation.unknown')[-1]
        self.assertEqual('ironic_passthru.c2', event['publisher_id'])
        self.assertEqual('c1', event['payload']['conductor'])
        self.assertEqual('ERROR', event['priority'])
        self.keep(event)

    def check_cadf(self) -> None:
        self.wait_for(
            lambda: (
                'audit.http.response'
                in [one['event_type'] for one in self.listener.all()]
            ),
            'a CADF event',
        )

    def check_audit(self) -> None:
        text = self.lines.read_text()
        self.assertNotIn(_SECRET, text)
        records = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(
            [
                ('set_fans', 'succeeded', 'c1'),
                ('refuse_later', 'accepted', 'c2'),
                ('set_login', 'accepted', 'c1'),
                ('start_fan_test', 'accepted', 'c1'),
            ],
            [
                (one['method'], one['outcome'], one['conductor'])
                for one in records
            ],
        )
        self.samples['audit-line'] = records[2]
        # Other logs do not repeat them; no log contains a secret.
        for name, log in self.site.logs().items():
            self.assertNotIn(b'"event": "call"', log, name)
            self.assertNotIn(_SECRET.encode(), log, name)

    def check_samples(self) -> None:
        if os.environ.get(WRITE):
            SAMPLES.mkdir(exist_ok=True)
            for name, document in self.samples.items():
                text = json.dumps(document, indent=4) + '\n'
                (SAMPLES / f'{name}.json').write_text(text)
            line = audit.FORMATS['text'](self.samples['audit-line'])
            (SAMPLES / 'audit-line.txt').write_text(f'{line}\n')
        stored = {
            path.stem: json.loads(path.read_text())
            for path in SAMPLES.glob('*.json')
        }
        self.assertEqual(sorted(self.samples), sorted(stored))
        for name, document in self.samples.items():
            self.assertEqual(
                samples.stable(document, _CHANGING, _ID),
                samples.stable(stored[name], _CHANGING, _ID),
                f'sample {name} is not current; {WRITE}=1 writes it anew',
            )

    def check_a_broker_that_is_killed(self) -> None:
        """Calls that do not need the broker still work."""
        config = deployment.config_text(
            notifications__enabled=True,
            oslo_messaging_notifications__driver='messagingv2',
            oslo_messaging_notifications__transport_url=self.site.broker.url,
        )
        with embedded.Embedded(config=config) as service:
            client = web.Client(service.url)
            answer = client.call('no_op')
            self.received(answer, f'{_CALL}.end')
            self.site.broker.kill()
            for _ in range(20):
                answer = client.call('no_op')
                self.assertEqual(200, answer.status)
                self.assertLess(answer.seconds, 10.0)
            began = time.monotonic()
        self.assertLess(time.monotonic() - began, 30.0)
