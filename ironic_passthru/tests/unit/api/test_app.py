# SPDX-License-Identifier: Apache-2.0
"""Tests of the application as a whole."""

import itertools
import json
import re
from typing import Any

import fixtures
import webob

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.tests import routes
from ironic_passthru.tests.unit.api import fakes

_LATEST = {'X_OpenStack_Ironic_API_Version': '1.115'}


def _fault(response: webob.Response) -> str:
    return json.loads(response.json['error_message'])['faultstring']


class TestPathsWithoutVersion(fakes.ApplicationCase):
    """Paths without ``/v1`` are equivalent."""

    def setUp(self) -> None:
        super().setUp()
        method = fakes.method('m', http_methods=routes.VERBS)
        self.store.add('c', fakes.driver('d', method, colour='Any.'))

    def seen(self, http_method: str, path: str) -> tuple[Any, ...]:
        """Return response, headers and audit record of a request."""
        lines = self.useFixture(
            fixtures.FakeLogger('ironic_passthru.audit', format='%(message)s')
        )
        response = self.ask(path, http_method, **_LATEST)
        headers = {
            name: value
            for name, value in response.headers.items()
            if 'request-id' not in name.lower()
        }
        line = re.sub('(time|request_id|duration)=[^ ]+', '', lines.output)
        return response.status, response.body, headers, line

    def test_every_route_has_both_forms(self) -> None:
        known = {'driver': 'd', 'method': 'm', 'hostname': 'c'}
        asked = routes.requests(**known, operation='o')
        paths = {path for _, path in asked if path.startswith('/v1/')}
        self.assertLess(5, len(paths))
        for http_method, path in itertools.product(
            (*routes.VERBS, 'HEAD', 'OPTIONS'), sorted(paths)
        ):
            for end in ('', '/', '?bogus=1', '//', '/x/y'):
                short = path.removeprefix('/v1')
                self.assertEqual(
                    self.seen(http_method, path + end),
                    self.seen(http_method, short + end),
                    (http_method, path + end),
                )

    def test_calls_are_audited(self) -> None:
        *_, line = self.seen('POST', '/drivers/d/vendor_passthru/m')
        self.assertIn('outcome="succeeded"', line)
        *_, line = self.seen('DELETE', '/operations/o')
        self.assertIn('event="cancel"', line)

    def test_links_have_their_usual_form(self) -> None:
        shown = self.ask('/drivers/d', **_LATEST).json
        self.assertEqual(
            [
                'http://localhost/v1/drivers/d',
                'http://localhost/drivers/d',
            ],
            [link['href'] for link in shown['links']],
        )

    def test_other_paths_stay_as_they_are(self) -> None:
        for path in (
            '/v1/v1/drivers',
            '//drivers',
            '/driversx',
            '/Drivers',
            '/v2/drivers',
            '/x/drivers',
            '/vendor_passthru',
            '/v1/healthcheck',
        ):
            self.assertEqual(404, self.ask(path).status_int, path)


class TestDeadDriver(fakes.ApplicationCase):
    """A known driver without a live conductor."""

    def setUp(self) -> None:
        super().setUp()
        dead = fakes.driver('dead', fakes.method('m'), colour='Any.')
        self.store.add('gone', dead, alive=False)
        self.store.add('here', fakes.driver('live', fakes.method('m')))

    def test_the_list_omits_it(self) -> None:
        listed = self.ask('/v1/drivers').json['drivers']
        self.assertEqual(['live'], [driver['name'] for driver in listed])

    def test_it_can_be_shown_without_hosts(self) -> None:
        shown = self.ask('/v1/drivers/dead')
        self.assertEqual(200, shown.status_int)
        self.assertEqual([], shown.json['hosts'])

    def test_its_methods_and_properties_can_be_shown(self) -> None:
        methods = self.ask('/v1/drivers/dead/vendor_passthru/methods')
        self.assertEqual(['m'], list(methods.json))
        properties = self.ask('/v1/drivers/dead/properties')
        self.assertEqual({'colour': 'Any.'}, properties.json)

    def test_a_call_may_be_sent_again(self) -> None:
        for path in ('/m', '?method=m', '/unknown', ''):
            called = self.ask(f'/v1/drivers/dead/vendor_passthru{path}')
            self.assertEqual(503, called.status_int)
            self.assertEqual('2', called.headers['Retry-After'])
        self.assertEqual([], self.bus.calls)

    def test_its_conductor_is_shown_as_dead(self) -> None:
        listed = self.ask('/v1/conductors', **_LATEST).json['conductors']
        self.assertEqual(
            [('gone', False), ('here', True)],
            [(one['hostname'], one['alive']) for one in listed],
        )


class TestRegistryAway(fakes.ApplicationCase):
    """The registry database is unavailable."""

    def test_before_anything_was_read(self) -> None:
        self.store.unavailable = True
        for path in (
            '/v1/drivers',
            '/v1/drivers/d',
            '/v1/drivers/d/vendor_passthru/methods',
            '/v1/drivers/d/vendor_passthru/m',
        ):
            response = self.ask(path)
            self.assertEqual(503, response.status_int, path)
            self.assertEqual('2', response.headers['Retry-After'])
        self.assertEqual(200, self.ask('/').status_int)
        self.assertEqual(200, self.ask('/healthcheck').status_int)

    def test_calls_go_on_with_what_was_read(self) -> None:
        self.store.add('c', fakes.driver('d', fakes.method('m')))
        path = '/v1/drivers/d/vendor_passthru/m'
        self.assertEqual(200, self.ask(path).status_int)
        self.store.unavailable = True
        self.assertEqual(200, self.ask(path).status_int)
        self.assertEqual(2, len(self.bus.calls))


class TestCall(fakes.ApplicationCase):
    """Calls over the message bus, and its failures."""

    path = '/v1/drivers/d/vendor_passthru/m'

    def setUp(self) -> None:
        super().setUp()
        self.store.add('c', fakes.driver('d', fakes.method('m')))

    def test_what_is_sent(self) -> None:
        self.build(call_timeout=33)
        self.ask(self.path, body=b'{"a": 1}')
        ((driver, method, arguments),) = self.bus.calls
        self.assertEqual(('d', 'm'), (driver, method))
        self.assertEqual('GET', arguments['http_method'])
        self.assertEqual({'a': 1}, arguments['info'])
        self.assertEqual(33, arguments['timeout_seconds'])
        self.assertEqual(['c'], [s.hostname for s in arguments['servers']])

    def test_failures_of_the_bus(self) -> None:
        for error, status in (
            (errors.ConductorBusy(), 503),
            (errors.CallNotDelivered(), 503),
            (errors.BusUnavailable(), 503),
            (errors.OutcomeUnknown(request_id='r'), 504),
            (errors.DriverFailed(request_id='r'), 500),
            (errors.PassthruError(), 500),
            (KeyError('password=hunter2'), 500),
        ):
            self.bus.result = error
            response = self.ask(self.path)
            self.assertEqual(status, response.status_int)
            self.assertEqual(
                status == 503, 'Retry-After' in response.headers, error
            )
            self.assertNotIn(b'hunter2', response.body)
            if status == 500:
                request_id = response.headers['openstack-request-id']
                if not isinstance(error, errors.DriverFailed):
                    self.assertIn(request_id, _fault(response))

    def test_the_caller_names_a_global_request_id(self) -> None:
        seen: list[Any] = []
        send = self.bus.driver_vendor_passthru

        def note(context: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(context)
            return send(context, *args, **kwargs)

        self.bus.driver_vendor_passthru = note  # type: ignore[method-assign]
        name = 'req-11111111-2222-3333-4444-555555555555'
        response = self.ask(self.path, X_OpenStack_Request_ID=name)
        self.assertEqual(name, seen[0].global_request_id)
        self.assertEqual(
            response.headers['openstack-request-id'], seen[0].request_id
        )
        self.assertNotEqual(name, seen[0].request_id)


class TestLimits(fakes.ApplicationCase):
    """Configured limits."""

    def setUp(self) -> None:
        super().setUp()
        method = fakes.method('m', http_methods=('POST',))
        self.store.add('c', fakes.driver('d', method))
        self.build(max_body_size=1024, max_body_depth=3, retry_after=9)

    def call(self, body: bytes) -> webob.Response:
        return self.ask('/v1/drivers/d/vendor_passthru/m', 'POST', body)

    def test_size(self) -> None:
        self.assertEqual(200, self.call(b'{}' + b' ' * 1022).status_int)
        response = self.call(b'{}' + b' ' * 1023)
        self.assertEqual(413, response.status_int)
        self.assertIn('1024 bytes', _fault(response))

    def test_depth(self) -> None:
        self.assertEqual(200, self.call(b'{"a": [[]]}').status_int)
        self.assertEqual(400, self.call(b'{"a": [[[]]]}').status_int)

    def test_when_to_come_back(self) -> None:
        self.bus.result = errors.ConductorBusy()
        self.assertEqual('9', self.call(b'{}').headers['Retry-After'])


class TestBehindProxies(fakes.ApplicationCase):
    """Base URLs of links."""

    forwarded = {
        'X_Forwarded_Proto': 'https',
        'X_Forwarded_Host': 'bm.example',
        'X_Forwarded_Prefix': '/baremetal',
    }

    def link(self, **headers: str) -> str:
        return self.ask('/', **headers).json['versions'][0]['links'][0]['href']

    def test_headers_of_proxies_are_not_trusted(self) -> None:
        self.assertEqual('http://localhost/v1/', self.link(**self.forwarded))

    def test_headers_of_proxies_are_followed_if_allowed(self) -> None:
        self.conf.set_override(
            'enable_proxy_headers_parsing', True, group='oslo_middleware'
        )
        self.build()
        self.assertEqual(
            'https://bm.example/baremetal/v1/', self.link(**self.forwarded)
        )
        self.assertEqual(
            'https://bm.example/v1/',
            self.link(Forwarded='proto=https;host=bm.example'),
        )

    def test_headers_that_make_no_url(self) -> None:
        self.conf.set_override(
            'enable_proxy_headers_parsing', True, group='oslo_middleware'
        )
        self.build()
        self.store.add('c', fakes.driver('d', fakes.method('m')))
        self.bus.result = {'return': None, 'async': True, 'attach': False}
        called = '/v1/drivers/d/vendor_passthru/m'
        self.assertEqual(202, self.ask(called).status_int)
        del self.bus.calls[:]
        for name, value in (
            ('X_Forwarded_Prefix', '/\xff'),
            ('X_Forwarded_Prefix', '.evil.example'),
            ('X_Forwarded_Proto', 'javascript'),
            ('Forwarded', 'proto=javascript'),
            ('Forwarded', 'host=a b'),
        ):
            for path in ('/', '/v1', '/v1/drivers', '/v1/drivers/d', called):
                response = self.ask(path, **{name: value})
                self.assertEqual(400, response.status_int, (path, value))
            for path in ('/healthcheck', '/v1/drivers/d/properties'):
                response = self.ask(path, **{name: value})
                self.assertEqual(200, response.status_int, (path, value))
        self.assertEqual([], self.bus.calls)

    def test_the_public_endpoint_wins(self) -> None:
        self.build(public_endpoint='https://public.example/x')
        self.assertEqual(
            'https://public.example/x/v1/', self.link(**self.forwarded)
        )

    def test_a_prefix_of_the_server_is_kept(self) -> None:
        request = webob.Request.blank(
            '/v1/', environ={'SCRIPT_NAME': '/baremetal'}
        )
        document = request.get_response(self.application).json
        self.assertEqual(
            'http://localhost/baremetal/v1/', document['links'][0]['href']
        )

    def test_a_prefix_alone_is_the_root(self) -> None:
        request = webob.Request.blank('/', environ={'SCRIPT_NAME': '/bm'})
        request.environ['PATH_INFO'] = ''
        response = request.get_response(self.application)
        self.assertEqual('ironic_passthru', response.json['name'])


class TestOddEnvironments(fakes.ApplicationCase):
    """Unusual WSGI environments."""

    def test_hardly_anything(self) -> None:
        request = webob.Request.blank('/')
        for key in ('PATH_INFO', 'QUERY_STRING', 'HTTP_HOST'):
            del request.environ[key]
        self.assertEqual(
            200, request.get_response(self.application).status_int
        )

    def test_a_path_that_is_not_utf_8(self) -> None:
        request = webob.Request.blank('/')
        request.environ['PATH_INFO'] = '/v1/drivers/\xff'
        self.assertEqual(
            404, request.get_response(self.application).status_int
        )


class TestOddRecords(fakes.ApplicationCase):
    """An invalid record affects only its own responses."""

    def test_odd_names(self) -> None:
        names = (
            '',
            ' ',
            '..',
            'a/b',
            '%2F',
            '\x01',
            'a\nb',
            '\u202e',
            'x' * 255,
        )
        for name in names:
            self.store.add(
                name, fakes.driver(name, fakes.method(name)), group=name
            )
        self.store.add('c', fakes.driver('d', fakes.method('m')))
        self.build()
        for path in (
            *('/v1/drivers?detail=True', '/v1/drivers/d', '/v1/conductors'),
            *('/v1/conductors/c', '/v1/drivers/d/vendor_passthru/methods'),
            '/v1/drivers/d/vendor_passthru/m',
        ):
            self.assertEqual(200, self.ask(path, **_LATEST).status_int, path)
        listed = self.ask('/v1/drivers', **_LATEST).json['drivers']
        self.assertEqual({*names, 'd'}, {one['name'] for one in listed})

    def test_results(self) -> None:
        for one, attach, text in (
            *(('good', False, '1'), ('text', False, 'no JSON')),
            *(('deep', False, '[' * 100_000), ('list', True, '[]')),
            ('data', True, '{"data": 1}'),
        ):
            self.operations.add(one, attach=attach)
            self.operations.succeed(one, 1)
            self.operations.results[one] = text
            response = self.ask(f'/v1/operations/{one}/result', **_LATEST)
            wanted = 200 if one == 'good' else 500
            self.assertEqual(wanted, response.status_int, one)
        listed = self.ask('/v1/operations', **_LATEST)
        self.assertEqual(5, len(listed.json['operations']))

    def test_what_was_left_out(self) -> None:
        self.operations.add(
            'odd',
            state=operation.State.FAILED,
            parameters=None,
            error=None,
        )
        shown = self.ask('/v1/operations/odd', **_LATEST)
        self.assertEqual(200, shown.status_int)
        self.assertIsNone(shown.json['parameters'])
        result = self.ask('/v1/operations/odd/result', **_LATEST)
        self.assertEqual(500, result.status_int)
