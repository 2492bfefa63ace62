# SPDX-License-Identifier: Apache-2.0
"""Samples of the API reference, compared with responses.

WRITE_API_SAMPLES=1 in the environment rewrites the samples.
"""

import json
import os
import pathlib
import re
import urllib.error
import urllib.request
from typing import Any

from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import samples

SAMPLES = pathlib.Path(__file__).parents[3] / 'api-ref/source/samples'
WRITE = 'WRITE_API_SAMPLES'

_FAKE = '/v1/drivers/fake-hardware'
_SET_FANS = f'{_FAKE}/vendor_passthru?method=set_fans'
_CALL = {'mode': 'manual', 'speed': 70}
_INSPECT = f'{_FAKE}/vendor_passthru?method=inspect_rack'
_RACK = {'slots': 8, 'seconds_per_slot': 0}

# Name of the sample, HTTP method, path and request body.
ANSWERS: tuple[tuple[str, str, str, Any], ...] = (
    ('root', 'GET', '/', None),
    ('v1', 'GET', '/v1', None),
    ('drivers-list', 'GET', '/v1/drivers', None),
    ('drivers-list-detail', 'GET', '/v1/drivers?detail=True', None),
    ('driver-show', 'GET', _FAKE, None),
    ('driver-properties', 'GET', f'{_FAKE}/properties', None),
    (
        'methods-list',
        'GET',
        '/v1/drivers/redfish/vendor_passthru/methods',
        None,
    ),
    (
        'method-show',
        'GET',
        f'{_FAKE}/vendor_passthru/methods/set_fans',
        None,
    ),
    ('call-response', 'PUT', _SET_FANS, _CALL),
    ('conductors-list', 'GET', '/v1/conductors', None),
    ('conductors-list-detail', 'GET', '/v1/conductors?detail=True', None),
    ('conductor-show', 'GET', '/v1/conductors/conductor1.example.com', None),
    ('health-detailed', 'GET', '/healthcheck/detailed', None),
    ('error', 'GET', '/v1/drivers/acme', None),
    ('problem', 'PUT', _SET_FANS, {'speed': 101}),
)

# Requests, not responses.
REQUESTS = {'call-request': _CALL}

# Different in each run: only their types are compared.
_CHANGING = (
    *('created_at', 'started_at', 'finished_at', 'updated_at'),
    *('request_id', 'incarnation'),
)
_UUID = re.compile('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')


def _stable(events: str) -> str:
    """Return events without times and digests."""
    return re.sub('"[0-9]{4}-[^"]+"|[0-9a-f]{12}', 'X', events)


class TestSamples(base.TestCase):
    """Each stored sample and the response of a running service."""

    def setUp(self) -> None:
        super().setUp()
        self.service = self.useFixture(
            embedded.Embedded(
                host='conductor1.example.com',
                api__public_endpoint='http://127.0.0.1:6385',
                conductor__enabled_drivers=['fake-hardware', 'redfish'],
            )
        )

    def test_stored_samples_are_real_answers(self) -> None:
        expected = dict(REQUESTS)
        for name, http_method, path, body in ANSWERS:
            expected[name] = self.ask(
                http_method, path, body, problem=name == 'problem'
            )
        expected |= self.operations()
        if os.environ.get(WRITE):
            for name, document in expected.items():
                text = json.dumps(document, indent=4) + '\n'
                (SAMPLES / f'{name}.json').write_text(text)
        stored = {
            path.stem: json.loads(path.read_text())
            for path in SAMPLES.glob('*.json')
        }
        self.assertEqual(sorted(expected), sorted(stored))
        for name, document in expected.items():
            self.assertEqual(
                samples.stable(document, _CHANGING, _UUID),
                samples.stable(stored[name], _CHANGING, _UUID),
                f'sample {name} is not current; {WRITE}=1 writes it anew',
            )

    def test_the_stored_events_are_real(self) -> None:
        self.ask('POST', _INSPECT, _RACK)
        (one,) = self.ask('GET', '/v1/operations?limit=1')['operations']
        url = f'{self.service.url}/v1/operations/{one["id"]}/events'
        with urllib.request.urlopen(url, timeout=30) as answer:
            text = answer.read().decode()
        file = SAMPLES / 'operation-events.sse'
        if os.environ.get(WRITE):
            file.write_text(text)
        self.assertEqual(_stable(text), _stable(file.read_text()))

    def operations(self) -> dict[str, Any]:
        """Return the two samples of operations."""
        for _ in range(2):
            self.ask('POST', _INSPECT, _RACK)
        listed = self.ask('GET', '/v1/operations?limit=1')
        (newest,) = listed['operations']
        path = f'/v1/operations/{newest["id"]}'
        return {
            'operations-list': listed,
            'operation-show': self.ask('GET', path),
        }

    def ask(
        self,
        http_method: str,
        path: str,
        body: Any = None,
        *,
        problem: bool = False,
    ) -> dict[str, Any]:
        """Return the document in a response, errors included."""
        request = urllib.request.Request(
            self.service.url + path,
            method=http_method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                'X-OpenStack-Ironic-API-Version': 'latest',
                'Prefer': 'wait=20',
            },
        )
        if problem:
            request.add_header('Accept', 'application/problem+json')
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)
