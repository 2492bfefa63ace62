# SPDX-License-Identifier: Apache-2.0
"""One endpoint for this service and a real Ironic, behind two proxies."""

import json
import os
import sys
from typing import Any

from keystoneauth1 import noauth
from keystoneauth1 import session

from ironic_passthru.client import client as passthru
from ironic_passthru.client import exceptions
from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import beside_ironic
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional.faults import proxy
from ironic_passthru.tests.unit.api.forwarding import stub

# An installation of Ironic takes too long for each run.
_LONG = 'PASSTHRU_LONG' in os.environ

_PAGE = 'doc/source/admin/beside-ironic.rst'
_ACME = '/v1/drivers/acme/vendor_passthru'


class Services(beside_ironic.ExistingIronic):
    """Ironic, and this service beside it in the process of the test.

    :ivar own: this service.
    """

    def _setUp(self) -> None:
        super()._setUp()
        config = {k: v for k, v in self.options.items() if '__' in k}
        self.own = self.useFixture(
            embedded.Embedded(
                config=deployment.config_text(**config),
                auth_strategy='keystone',
            )
        )


_SERVICES = Services()


def setUpModule() -> None:
    if _LONG:
        _SERVICES.setUp()


def tearDownModule() -> None:
    if _LONG:
        _SERVICES.cleanUp()


class BesideIronicCase(base.TestCase):
    """A test with the services of this module."""

    services = _SERVICES


# HTTP method, path and body; the responses do not differ.
_SAME: tuple[tuple[str, str, Any], ...] = (
    ('GET', '/v1/drivers/acme', None),
    ('GET', '/v1/drivers/acme/', None),
    ('GET', '/drivers/acme', None),
    ('GET', '/v1/drivers/acme?fields=name', None),
    ('GET', '/v1/drivers/acme?bogus=1', None),
    ('GET', '/v1/drivers/nope', None),
    ('GET', '/v1/drivers/acme.json', None),
    ('GET', '/v1/drivers/acme/properties', None),
    ('GET', f'{_ACME}/methods', None),
    ('POST', f'{_ACME}/echo', {'a': 'ü', 'b': [1.5, None]}),
    ('PUT', f'{_ACME}/echo', {}),
    ('GET', f'{_ACME}/echo', {'a': 1}),
    ('DELETE', f'{_ACME}/echo', None),
    ('POST', f'{_ACME}/echo?a=1', {'b': 1}),
    ('POST', f'{_ACME}/echo', b'{'),
    ('POST', f'{_ACME}/echo', [1]),
    ('POST', f'{_ACME}/echo', {'bad': 1}),
    ('POST', f'{_ACME}/later', {}),
    ('GET', f'{_ACME}/later', None),
    ('PATCH', f'{_ACME}/later', {}),
    ('POST', f'{_ACME}/nope', {}),
    ('GET', '/v1/conductors/host1', None),
    ('GET', '/v1/conductors/nope', None),
)

# Status of Ironic and of this service.
_DIFFERENT: tuple[tuple[str, str, Any, tuple[int, int]], ...] = (
    ('GET', '/v1/drivers/acme/x', None, (400, 404)),
    ('GET', '/v1/drivers//acme', None, (200, 404)),
    ('GET', f'{_ACME}/methods?detail=True', None, (400, 200)),
    ('GET', f'{_ACME}/methods/echo', None, (500, 200)),
    ('GET', '/v1/conductors?limit=1', None, (200, 400)),
    ('POST', f'{_ACME}?method=echo', {'a': 1}, (500, 200)),
    ('TRACE', f'{_ACME}/echo', None, (400, 405)),
    # The same status, with the body of the service that responds.
    ('POST', f'{_ACME}/echo', b'"' + b'x' * (1 << 20) + b'"', (413, 413)),
    ('PUT', '/v1/drivers/acme', {}, (405, 405)),
    ('GET', '/v1/drivers?fields=nope', None, (400, 400)),
)

# Those of the service that sends the response.
_OWN_HEADERS = {
    'cache-control',
    'connection',
    'date',
    'openstack-request-id',
    'server',
    'vary',
    'x-content-type-options',
    'x-openstack-request-id',
}


class TestClient(base.TestCase):
    """The client of this service calls methods of Ironic."""

    def setUp(self) -> None:
        super().setUp()
        self.stub = self.useFixture(stub.StubIronic(self.answer))
        own = self.useFixture(
            embedded.Embedded(
                ironic__forward=True, ironic__endpoint_override=self.stub.url
            )
        )
        self.proxy = self.useFixture(proxy.Proxy(int(own.url.split(':')[2])))
        url = f'http://127.0.0.1:{self.proxy.port}'
        self.client = passthru.Client(
            session.Session(noauth.NoAuth(endpoint=url))
        )

    def answer(self, request: stub.StubRequest) -> None:
        if request.line.startswith('GET'):
            entry = {'attach': False, 'description': ''}
            entry['http_methods'] = ['POST']
            request.send_json(
                {
                    'echo': {**entry, 'async': False},
                    'later': {**entry, 'async': True},
                }
            )
            return
        self.calls.append(json.loads(request.body))
        if self.loses:
            self.proxy.reset()
        status = '202 Accepted' if 'later' in request.line else '200 OK'
        request.send_json(self.calls[-1], status)

    calls: list[Any]
    loses = False

    def test_calls(self) -> None:
        self.calls = []
        self.assertEqual({'a': 1}, self.client.call('acme', 'echo', a=1))
        self.assertIsNone(self.client.call('acme', 'later', wait=True))
        self.assertRaises(
            exceptions.InvalidCall,
            self.client.call,
            'acme',
            'echo',
            idempotency_key='k',
        )
        self.assertEqual([{'a': 1}, {}], self.calls)

    def test_lost_connection(self) -> None:
        """A call with an idempotency key would be repeated."""
        self.calls = []
        self.client.method('acme', 'echo')
        self.loses = True
        self.assertRaises(
            exceptions.UnknownOutcome, self.client.call, 'acme', 'echo'
        )
        self.assertEqual([{}], self.calls)


class TestDifferences(BesideIronicCase):
    """Responses of Ironic, direct and forwarded."""

    def setUp(self) -> None:
        super().setUp()
        self.direct = self.services.client(self.services.ironic.url)
        self.own = self.services.client(self.services.own.url)

    def asked(
        self, client: web.Client, *request: Any
    ) -> tuple[int, bytes, dict[str, str]]:
        answer = client.request(
            *request, headers={'Content-Type': 'application/json'}
        )
        body = answer.body.replace(client.url.encode(), b'URL')
        headers = {k.lower(): v for k, v in answer.headers.items()}
        # It depends on the length of the URL.
        del headers['content-length']
        return answer.status, body, headers

    def test_same_responses(self) -> None:
        statuses = set()
        for request in _SAME:
            direct, own = (
                self.asked(client, *request)
                for client in (self.direct, self.own)
            )
            self.assertEqual(direct[:2], own[:2], request)
            # A response that never reached the API of Ironic lacks them.
            differing = dict(direct[2].items() - own[2].items())
            self.assertEqual(set(), differing.keys() - _OWN_HEADERS, request)
            statuses.add(own[0])
        self.assertLessEqual({200, 202, 400, 404}, statuses)

    def test_different_responses(self) -> None:
        for *request, statuses in _DIFFERENT:
            direct, own = (
                self.asked(client, *request)
                for client in (self.direct, self.own)
            )
            self.assertEqual(statuses, (direct[0], own[0]), request[:2])
            self.assertNotEqual(direct[1], own[1])

    def test_version_beyond_that_of_this_service(self) -> None:
        version = {'X-OpenStack-Ironic-API-Version': '1.116'}
        for client in (self.direct, self.own):
            answer = client.request('GET', '/v1/drivers/acme', None, version)
            self.assertEqual(406, answer.status)

    def test_policy_of_ironic(self) -> None:
        token = self.services.identity.token('project-reader')
        for client in (self.direct, self.own):
            answer = client.with_headers({'X-Auth-Token': token}).get(
                f'{_ACME}/methods'
            )
            # Its status for a token of the wrong scope.
            self.assertEqual(500, answer.status)
            self.assertIn('driver:vendor_passthru', answer.fault)

    def test_without_login(self) -> None:
        for client in (self.direct, self.own):
            answer = client.with_headers({'X-Auth-Token': 'x'}).get(
                '/v1/drivers/acme'
            )
            self.assertEqual(401, answer.status)
            self.assertIn('WWW-Authenticate', answer.headers)

    def test_silence(self) -> None:
        """A call that Ironic receives, but does not answer in time."""
        self.services.ironic.suspend()
        self.addCleanup(self.services.ironic.resume)
        listed = self.own.get('/v1/drivers')
        self.assertEqual(200, listed.status)
        lost = self.own.request('POST', f'{_ACME}/echo', {})
        self.assertEqual(504, lost.status)
        self.assertLess(lost.seconds, 10 + deployment.SLACK_SECONDS)
        # Calls of this service are not affected.
        hello = '/v1/drivers/fake-hardware/vendor_passthru/hello'
        self.assertEqual(200, self.own.get(hello).status)

    def test_outage(self) -> None:
        self.services.ironic.stop()
        self.addCleanup(self.services.ironic.start)
        refused = self.own.request('POST', f'{_ACME}/echo', {})
        self.assertEqual(503, refused.status)
        listed = self.own.get('/v1/drivers').json['drivers']
        self.assertEqual(['fake-hardware'], [one['name'] for one in listed])
        self.services.ironic.start()
        self.wait_for(
            lambda: len(self.own.get('/v1/drivers').json['drivers']) == 3,
            'the drivers of Ironic',
        )


class ProxyCases(BesideIronicCase):
    """One endpoint, with the configuration of the page.

    :cvar language: of the block with the configuration.
    """

    language: str

    def setUp(self) -> None:
        super().setUp()
        self.endpoint = self.useFixture(
            beside_ironic.Endpoint(
                self.services, self.services.own.url, self.language
            )
        )
        self.api = self.endpoint.api

    def test_commands_of_the_page(self) -> None:
        (block,) = (
            one for one in pages.blocks(_PAGE) if one.language == 'console'
        )
        drivers, shown, own, acme, conductors, nodes = (
            self.endpoint.run_openstack(
                *(
                    line.removeprefix('openstack ')
                    for line in block.commands.splitlines()
                )
            )
        )
        hosts = {row['name']: row['hosts'] for row in drivers}
        self.assertEqual(
            {
                'acme': 'host1',
                'fake-hardware': 'embedded, host1',
                'redfish': 'host1',
            },
            hosts,
        )
        self.assertEqual('fake-hardware', shown['default_vendor_interface'])
        self.assertEqual('fake', shown['default_power_interface'])
        self.assertIn('hello', {row['name'] for row in own})
        self.assertEqual({'echo', 'later'}, {row['name'] for row in acme})
        self.assertEqual(
            {'embedded', 'host1'}, {row['hostname'] for row in conductors}
        )
        self.assertEqual(['n1'], [row['name'] for row in nodes])

    def test_script_of_the_page(self) -> None:
        (block,) = (
            one for one in pages.blocks(_PAGE) if one.language == 'python'
        )
        done = self.endpoint.run(sys.executable, '-c', block.text)
        self.assertEqual('', done.stderr)
        for text in (
            "['acme', 'fake-hardware', 'redfish']",
            "['n1']",
            "dict_keys(['echo', 'later'])",
        ):
            self.assertIn(text, done.stdout)
        self.assertEqual(4, len(done.stdout.splitlines()), done.stdout)

    def test_commands_of_this_service(self) -> None:
        listed, found = self.endpoint.run_openstack(
            'passthru method list acme',
            'passthru call acme echo --http-method POST --param a=x',
        )
        self.assertEqual(['echo', 'later'], [row['name'] for row in listed])
        self.assertEqual({'a': 'x', 'http_method': 'POST'}, found)

    def test_paths(self) -> None:
        for path, is_own in (
            ('/', False),
            ('/v1', False),
            ('/v1/nodes/n1', False),
            ('/v1/drivers/fake-hardware/raid/logical_disk_properties', False),
            ('/drivers/fake-hardware/raid/logical_disk_properties', False),
            ('/v1/drivers/fake-hardware', True),
            ('/drivers', True),
            ('/v1/conductors/', True),
            ('/v1/operations?limit=1', True),
            ('/v1/openapi.json', True),
            ('/console/', True),
        ):
            answer = self.api.get(path)
            self.assertEqual(200, answer.status, path)
            # Only this service sends it.
            own = 'X-Content-Type-Options' in answer.headers
            self.assertEqual(is_own, own, path)

    def test_links(self) -> None:
        """Links of both services have the URL of the endpoint."""
        drivers = self.api.get('/v1/drivers').json['drivers']
        node = self.api.get('/v1/nodes/n1').json
        for one in (*drivers, node):
            for link in one['links']:
                self.assertTrue(
                    link['href'].startswith(self.endpoint.url), link
                )

    def test_call(self) -> None:
        path = f'{_ACME}/echo'
        answer = self.api.request(
            'POST', path, {'a': 1}, {'Content-Type': 'application/json'}
        )
        self.assertEqual(200, answer.status)
        # Ironic passes it to every method.
        self.assertEqual({'a': 1, 'http_method': 'POST'}, answer.json)


class TestHaproxy(ProxyCases):
    language = 'text'


class TestApache(ProxyCases):
    language = 'apacheconf'


# Its tests need a configuration.
del ProxyCases

if not _LONG:
    del TestDifferences, TestHaproxy, TestApache
