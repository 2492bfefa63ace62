# SPDX-License-Identifier: Apache-2.0
"""Requests that go to Ironic, to this service, or to both."""

import json
import logging
import time
from concurrent import futures
from typing import Any

import fixtures
import webob

from ironic_passthru.tests.unit.api import fakes
from ironic_passthru.tests.unit.api.forwarding import stub
from ironic_passthru.tests.unit.tracing import recorded

_LATEST = {'X_OpenStack_Ironic_API_Version': '1.115'}
_CALL = '/v1/drivers/ipmi/vendor_passthru'


def _fault(response: webob.Response) -> str:
    return json.loads(response.json['error_message'])['faultstring']


class ForwardingCase(fakes.ApplicationCase):
    """The application beside a stub; ``ours`` is a driver of our own."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(
                'ironic_passthru', level=logging.INFO, format='%(message)s'
            )
        )
        self.audit = self.useFixture(
            fixtures.FakeLogger('ironic_passthru.audit', format='%(message)s')
        )
        # Values to respond with, by request line.
        self.values: dict[str, Any] = {}
        self.ironic = self.useFixture(stub.StubIronic(self.answer))
        self.start()
        self.store.add('c', fakes.driver('ours', fakes.method('m')))

    def start(self, **options: object) -> None:
        """Build the application with options of ``[ironic]``."""
        values = {
            'forward': True,
            'endpoint_override': self.ironic.url,
            'timeout': 1.0,
            'merge_timeout': 2.0,
        }
        for name, value in (values | options).items():
            self.conf.set_override(name, value, group='ironic')
        self.conf.set_override('format', 'json', group='audit')
        self.build()

    def answer(self, request: stub.StubRequest) -> None:
        """Respond as the test has set."""
        target = request.line.split()[1]
        if target in self.values:
            request.send_json(self.values[target])
        else:
            request.send_json({}, '404 Not Found')

    def use_policy(self, rules: dict[str, str]) -> None:
        """Build the application with other rules."""
        path = self.useFixture(fixtures.TempDir()).join('policy.yaml')
        with open(path, 'w') as file:
            json.dump(rules, file)
        self.conf.set_override('policy_file', path, group='oslo_policy')
        self.start()


class TestForwarded(ForwardingCase):
    def test_request_is_traced(self) -> None:
        recorder = recorded.Recorder()
        with recorder.tracer.span('request', {}):
            self.ask(_CALL, 'POST', b'{}', Traceparent='from the client')
        span = recorder.spans['POST to Ironic']
        self.assertEqual(404, span.attributes['http.response.status_code'])
        sent = self.ironic.requests[0].headers['traceparent']
        self.assertEqual(f'{span.context.span_id:016x}', sent.split('-')[2])

    def test_request_is_unchanged(self) -> None:
        body = b' {"a": 1.50,\n"b":"\xff"} '
        response = self.ask(
            '/drivers/ip%20mi%C3%BC/vendor_passthru?method=x.y&y=%2f+1',
            'PUT',
            body,
            X_OpenStack_Ironic_API_Version='1.31',
            OpenStack_API_Version='baremetal latest',
            X_Auth_Token='secret',
            X_Roles='admin',
            Connection='close, X-Auth-Token',
            Content_Type='text/x',
            Accept='text/y',
            X_Openstack_Request_Id='req-'
            + 'a' * 8
            + '-1111-4111-8111-'
            + 'b' * 12,
        )
        self.assertEqual(404, response.status_int)
        (request,) = self.ironic.requests
        self.assertEqual(
            'PUT /v1/drivers/ip%20mi%C3%BC/vendor_passthru'
            '?method=x.y&y=%2f+1 HTTP/1.1',
            request.line,
        )
        self.assertEqual(body, request.body)
        expected = {
            'x-openstack-ironic-api-version': '1.31',
            'openstack-api-version': 'baremetal latest',
            'x-auth-token': 'secret',
            'content-type': 'text/x',
            'accept': 'text/y',
            'host': 'localhost',
            'x-forwarded-proto': 'http',
            'x-openstack-request-id': 'req-aaaaaaaa-1111-4111-8111-'
            'bbbbbbbbbbbb',
            'connection': 'close',
        }
        self.assertEqual(
            expected, {k: request.headers.get(k) for k in expected}
        )
        self.assertNotIn('x-roles', request.headers)

    def test_response_is_unchanged(self) -> None:
        headers = {
            'X_OpenStack_Ironic_API_Version': '1.9',
            'X_OpenStack_Ironic_API_Maximum_Version': '1.95',
            'WWW_Authenticate': 'Basic',
            'Set_Cookie': 'a=b',
            'Keep_Alive': 'timeout=5',
            'Openstack_Request_Id': 'req-theirs',
        }
        self.ironic.answer = lambda request: request.send_json(
            [1], '418 Tea', **headers
        )
        response = self.ask(f'{_CALL}/x', 'POST')
        self.assertEqual('418 Tea', response.status)
        self.assertEqual(b'[1]', response.body)
        found = {
            name: response.headers.getall(name) for name in response.headers
        }
        self.assertEqual(
            ['1.95'], found['X-OpenStack-Ironic-API-Maximum-Version']
        )
        self.assertEqual(['1.9'], found['X-OpenStack-Ironic-API-Version'])
        self.assertEqual(['Basic'], found['WWW-Authenticate'])
        self.assertNotIn('Set-Cookie', found)
        self.assertNotIn('Keep-Alive', found)
        self.assertEqual(1, len(found['openstack-request-id']))
        self.assertNotIn('req-theirs', str(found))

    def test_control_characters_of_a_response(self) -> None:
        text = (
            b'HTTP/1.1 200 OK\rSet-Cookie: a=b\r\nAllow: GET\r\n , PUT\r\n'
            b'Location: /\x00x\r\nContent-Length: 1\r\n\r\n1'
        )
        self.ironic.answer = lambda request: request.send(text)
        response = self.ask(f'{_CALL}/x')
        self.assertEqual('200 OK', response.status)
        self.assertEqual('GET , PUT', response.headers['Allow'])
        self.assertNotIn('Location', response.headers)

    def test_dotted_paths(self) -> None:
        """A server before Ironic may resolve them to another resource."""
        for path in (
            '/v1/drivers/..',
            '/v1/drivers/%2e%2e/vendor_passthru/x',
            '/v1/drivers/ipmi/vendor_passthru/..',
            '/v1/conductors/.',
        ):
            response = self.ask(path, **_LATEST)
            self.assertEqual(404, response.status_int, path)
        self.assertEqual([], self.ironic.requests)

    def test_other_http_methods(self) -> None:
        for http_method in ('TRACE', 'CONNECT', 'FOO', 'P\x7f'):
            response = self.ask(f'{_CALL}/x', http_method)
            self.assertEqual(405, response.status_int)
            self.assertIn('PATCH', response.headers['Allow'])
        self.assertEqual([], self.ironic.requests)
        self.assertNotIn('Ironic is unavailable', self.log.output)

    def test_method_in_the_query(self) -> None:
        """Ironic supports this form in some releases only."""
        for query, expected in (
            ('?method=x', '/x'),
            ('?a=%2f&method=x-1&b', '/x-1?a=%2f&b'),
            ('/?method=x', '/x'),
            ('?method=methods', '?method=methods'),
            ('?method=x.json', '?method=x.json'),
            ('?method=..', '?method=..'),
            ('?method=a%2fb', '?method=a%2fb'),
            ('?method=x&method=y', '?method=x&method=y'),
            ('?method=x&%6dethod=y', '?method=x&%6dethod=y'),
            ('?method=', '?method='),
            ('', ''),
        ):
            self.ask(_CALL + query)
            line = self.ironic.requests[-1].line
            self.assertEqual(f'GET {_CALL}{expected} HTTP/1.1', line)

    def test_idempotency_key(self) -> None:
        """A client repeats such a call, and Ironic would run it twice."""
        self.values = {f'{_CALL}/x': 5}
        refused = self.ask(f'{_CALL}/x', 'POST', Idempotency_Key='k')
        self.assertEqual(400, refused.status_int)
        self.assertEqual([], self.ironic.requests)
        read = self.ask(f'{_CALL}/x', Idempotency_Key='k')
        self.assertEqual(5, read.json)

    def test_policy_of_this_service_does_not_apply(self) -> None:
        rules = {'baremetal:driver:get': '!'}
        rules['baremetal:driver:vendor_passthru'] = '!'
        self.use_policy(rules)
        self.values = {f'{_CALL}/x': 5}
        self.assertEqual(5, self.ask(f'{_CALL}/x', 'POST').json)
        refused = self.ask('/v1/drivers/ours/vendor_passthru/m')
        self.assertEqual(403, refused.status_int)

    def test_a_conductor_group_is_not_ignored(self) -> None:
        group = {'Passthru_Conductor_Group': ''}
        for rest in ('/x', '?method=x', '/methods', '/methods/x'):
            path = f'/v1/drivers/ipmi/vendor_passthru{rest}'
            refused = self.ask(path, **group)
            self.assertEqual(400, refused.status_int)
            self.assertIn("the driver 'ipmi'", _fault(refused))
        self.assertEqual([], self.ironic.requests)
        own = self.ask('/v1/drivers/ours/vendor_passthru/m', **group)
        self.assertEqual(200, own.status_int)

    def test_audit_record(self) -> None:
        self.values = {f'{_CALL}/x': 5}
        self.ask(f'{_CALL}/x', 'POST', b'{"password": "hunter2"}')
        self.ask(f'{_CALL}/y', 'POST', b'[1]')
        done, refused = map(json.loads, self.audit.output.splitlines())
        self.assertEqual({'password': '***'}, done['parameters'])
        self.assertEqual('succeeded', done['outcome'])
        self.assertEqual('refused', refused['outcome'])
        for record in (done, refused):
            self.assertIs(True, record['forwarded'])
            self.assertEqual('ipmi', record['driver'])


class TestOwnDrivers(ForwardingCase):
    def setUp(self) -> None:
        super().setUp()
        self.ironic.answer = lambda request: request.send_json('wrong')

    def call(self, driver: str) -> webob.Response:
        return self.ask(f'/v1/drivers/{driver}/vendor_passthru/m')

    def test_never_forwarded(self) -> None:
        self.store.add(
            'd', fakes.driver('dead', fakes.method('m')), alive=False
        )
        self.assertEqual(200, self.call('ours').status_int)
        self.assertEqual(503, self.call('dead').status_int)
        self.assertEqual([], self.ironic.requests)

    def test_invalid_document(self) -> None:
        self.store.add('d', fakes.driver('odd', fakes.method('m')))
        self.store._documents[self.store._newest['odd']] = '{'
        self.assertEqual(404, self.call('odd').status_int)
        self.assertEqual([], self.ironic.requests)

    def test_unknown_registry(self) -> None:
        self.store.unavailable = True
        self.start()
        self.assertEqual(503, self.call('ipmi').status_int)
        self.assertEqual([], self.ironic.requests)

    def test_served_by_ironic(self) -> None:
        self.start(served_by_ironic=['ours'])
        self.assertEqual('wrong', self.call('ours').json)


class TestMethodDetails(ForwardingCase):
    """Requests of the console and the client for what Ironic lacks."""

    def setUp(self) -> None:
        super().setUp()
        self.echo = {
            'http_methods': ['GET', 'POST'],
            'async': False,
            'attach': False,
            'description': 'Echo.',
        }
        self.values[f'{_CALL}/methods'] = {'echo': self.echo, 'odd': 5}

    def test_details(self) -> None:
        found = self.ask(f'{_CALL}/methods?detail=True', **_LATEST).json
        self.assertEqual(['echo'], list(found))
        self.assertEqual(self.echo, {k: found['echo'][k] for k in self.echo})
        own = '/v1/drivers/ours/vendor_passthru/methods/m'
        self.assertEqual(
            {*self.ask(own).json, 'forwarded'}, found['echo'].keys()
        )
        self.assertEqual({'type': 'object'}, found['echo']['parameters'])
        one = self.ask(f'{_CALL}/methods/echo')
        self.assertEqual(found['echo'], one.json)
        # The list has no versions, so that an older Ironic returns it too.
        for request in self.ironic.requests:
            self.assertNotIn('x-openstack-ironic-api-version', request.headers)

    def test_head(self) -> None:
        response = self.ask(f'{_CALL}/methods/echo', 'HEAD')
        self.assertEqual(200, response.status_int)
        self.assertEqual(b'', response.body)

    def test_plain_list(self) -> None:
        for query in ('', '?detail=False', '?detail=True&x=1'):
            self.values[f'{_CALL}/methods{query}'] = {'echo': self.echo}
            found = self.ask(f'{_CALL}/methods{query}').json
            self.assertEqual({'echo': self.echo}, found, query)

    def test_errors(self) -> None:
        for path, status in (
            (f'{_CALL}/methods/nope', 404),
            (f'{_CALL}/methods/echo?detail=True', 400),
            (f'{_CALL}/methods?detail=maybe', 400),
            ('/v1/drivers/x/vendor_passthru/methods?detail=True', 404),
        ):
            self.assertEqual(status, self.ask(path).status_int, path)
        self.ironic.answer = lambda request: None
        self.assertEqual(504, self.ask(f'{_CALL}/methods/echo').status_int)


class TestFailures(ForwardingCase):
    def call(self) -> tuple[int, str, dict[str, Any]]:
        response = self.ask(
            f'{_CALL}/x', 'POST', Accept='application/problem+json'
        )
        record = json.loads(self.audit.output.splitlines()[-1])
        return response.status_int, response.json['code'], record

    def test_unavailable(self) -> None:
        self.start(endpoint_override='http://127.0.0.1:9')
        for _ in range(2):
            status, code, record = self.call()
            self.assertEqual((503, 'ironic_unavailable'), (status, code))
            self.assertEqual('refused', record['outcome'])
            listed = self.ask('/v1/drivers').json['drivers']
            self.assertEqual(['ours'], [one['name'] for one in listed])
        self.assertEqual(1, self.log.output.count('Ironic is unavailable'))

    def test_lost(self) -> None:
        self.ironic.answer = lambda request: None
        status, code, record = self.call()
        self.assertEqual((504, 'outcome_unknown'), (status, code))
        self.assertEqual('unknown', record['outcome'])
        message = 'No complete response of Ironic to request'
        self.assertIn(f'{message} {record["request_id"]}', self.log.output)
        self.assertEqual(1, len(self.ironic.requests))

    def test_too_large(self) -> None:
        self.start(max_response_size=1024)
        self.ironic.answer = lambda request: request.send_json('x' * 2000)
        self.assertEqual((500, 'ironic_response_too_large'), self.call()[:2])

    def test_loop(self) -> None:
        """The endpoint is that of this service, by mistake."""

        def answer(request: stub.StubRequest) -> None:
            http_method, path, _ = request.line.split()
            headers = {'Via': request.headers['via']}
            again = self.ask(path, http_method, **headers)
            request.send_json(again.json, again.status)

        self.ironic.answer = answer
        response = self.ask(f'{_CALL}/x', 'POST')
        self.assertEqual(500, response.status_int)
        self.assertIn('endpoint_override must be', _fault(response))
        self.assertEqual(1, len(self.ironic.requests))


class TestMerged(ForwardingCase):
    """Resources of both services."""

    def test_drivers(self) -> None:
        theirs = {
            'name': 'ours',
            'hosts': ['i'],
            'default_bios_interface': 'x',
        }
        other = {'name': 'ipmi', 'hosts': ['i'], 'links': []}
        path = '/v1/drivers?detail=True'
        self.values[path] = {'drivers': [theirs, other]}
        ipmi, ours = self.ask(path, **_LATEST).json['drivers']
        self.assertEqual(other, ipmi)
        self.assertEqual(['c', 'i'], ours['hosts'])
        self.assertEqual('x', ours['default_bios_interface'])
        self.assertEqual('ours', ours['default_vendor_interface'])
        theirs['default_vendor_interface'] = 'no-vendor'
        self.values['/v1/drivers/ours'] = theirs
        self.start(served_by_ironic=['ours'])
        for each in (path, '/v1/drivers/ours'):
            found = self.ask(each, **_LATEST).json
            ours = found.get('drivers', [None, found])[1]
            self.assertEqual('no-vendor', ours['default_vendor_interface'])
            self.assertEqual(['c', 'i'], ours['hosts'])

    def test_fields(self) -> None:
        """Ironic has more fields, and the name is needed for the merge."""
        self.values['/v1/drivers?fields=hosts%2Cbios%2Cname'] = {
            'drivers': [{'name': 'ours', 'hosts': ['i'], 'bios': 1}]
        }
        response = self.ask('/v1/drivers?fields=hosts,bios', **_LATEST)
        (ours,) = response.json['drivers']
        self.assertEqual({'hosts', 'links', 'bios'}, set(ours))
        self.assertEqual(['c', 'i'], ours['hosts'])
        # Neither service has this field.
        unknown = self.ask('/v1/drivers?fields=hosts,x', **_LATEST)
        self.assertEqual(400, unknown.status_int)

    def test_properties(self) -> None:
        self.store.add('c', fakes.driver('ours', a='Own.', b='Own.'))
        self.values['/v1/drivers/ours/properties'] = {'b': '1', 'c': '2'}
        self.assertEqual(
            {'a': 'Own.', 'b': 'Own.', 'c': '2'},
            self.ask('/v1/drivers/ours/properties').json,
        )

    def test_conductors(self) -> None:
        theirs = {'hostname': 'c', 'alive': False, 'drivers': ['ipmi']}
        self.values['/v1/conductors'] = {'conductors': [theirs]}
        self.values['/v1/conductors/c'] = theirs
        self.values['/v1/conductors/i'] = {'hostname': 'i'}
        (both,) = self.ask('/v1/conductors', **_LATEST).json['conductors']
        self.assertIs(False, both['alive'])
        shown = self.ask('/v1/conductors/c', **_LATEST).json
        self.assertEqual(['ipmi', 'ours'], shown['drivers'])
        only = self.ask('/v1/conductors/i', **_LATEST).json
        self.assertEqual({'hostname': 'i'}, only)

    def test_head(self) -> None:
        self.values['/v1/drivers'] = {'drivers': [{'name': 'ipmi'}]}
        length = self.ask('/v1/drivers').content_length
        response = self.ask('/v1/drivers', 'HEAD')
        self.assertEqual(length, response.content_length)
        self.assertEqual(b'', response.body)

    def test_one_refuses(self) -> None:
        self.use_policy({'baremetal:driver:get': '!'})
        self.assertEqual(403, self.ask('/v1/drivers').status_int)
        self.values['/v1/drivers'] = {'drivers': [{'name': 'ipmi'}]}
        self.assertEqual(
            {'drivers': [{'name': 'ipmi'}]}, self.ask('/v1/drivers').json
        )

    def test_older_ironic(self) -> None:
        def answer(request: stub.StubRequest) -> None:
            wanted = request.headers['x-openstack-ironic-api-version']
            maximum = {'X_OpenStack_Ironic_API_Maximum_Version': '1.99'}
            if wanted == '1.99':
                request.send_json({'drivers': [{'name': 'ipmi'}]}, **maximum)
            else:
                request.send_json({}, '406 Not Acceptable', **maximum)

        self.ironic.answer = answer
        listed = self.ask('/v1/drivers', **_LATEST)
        self.assertEqual(2, len(listed.json['drivers']))
        self.assertEqual(
            '1.115', listed.headers['X-OpenStack-Ironic-API-Version']
        )

    def test_unusable_responses(self) -> None:
        values = ('[]', '{"drivers": [1]}', 'x', '[' * 5000)
        for body in values:

            def answer(request: stub.StubRequest, body: str = body) -> None:
                head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(body)}'
                request.send(f'{head}\r\n\r\n{body}'.encode())

            self.ironic.answer = answer
            self.start()
            listed = self.ask('/v1/drivers').json['drivers']
            self.assertEqual(['ours'], [one['name'] for one in listed])
        self.assertIn(
            'Ironic is unavailable: the response is not', self.log.output
        )

    def test_values_that_cannot_be_joined(self) -> None:
        for theirs in (
            {'name': 'ours', 'hosts': [{}]},
            {'name': 'ours', 'hosts': [1, 'i']},
            {'name': ['ours'], 'hosts': []},
            {'name': 'ours', 'hosts': [], 'x': float('nan')},
        ):
            self.values['/v1/drivers'] = {'drivers': [theirs]}
            self.values['/v1/drivers/ours'] = theirs
            (ours,) = self.ask('/v1/drivers').json['drivers']
            self.assertEqual(['c'], ours['hosts'], theirs)
            ours = self.ask('/v1/drivers/ours').json
            self.assertEqual(['c'], ours['hosts'], theirs)
        self.values['/v1/conductors'] = {
            'conductors': [{'hostname': 'c', 'drivers': [None], 'alive': 1}]
        }
        (found,) = self.ask('/v1/conductors', **_LATEST).json['conductors']
        self.assertIs(True, found['alive'])

    def test_repeated_fields(self) -> None:
        path = '/v1/drivers?fields=hosts%2Cbios%2Cname'
        self.values[path] = {'drivers': [{'name': 'ipmi', 'bios': 1}]}
        response = self.ask('/v1/drivers?fields=hosts&fields=bios', **_LATEST)
        self.assertEqual({'bios': 1}, response.json['drivers'][0])

    def test_pages(self) -> None:
        """Ironic limits the length of its lists."""
        first = {'next': 'http://x/v1/conductors?limit=1&marker=a%26'}
        self.values['/v1/conductors'] = {
            'conductors': [{'hostname': 'a'}],
            **first,
        }
        self.values['/v1/conductors?limit=1&marker=a%26'] = {
            'conductors': [{'hostname': 'b'}]
        }
        found = self.ask('/v1/conductors', **_LATEST).json
        self.assertEqual(['conductors'], list(found))
        names = [one['hostname'] for one in found['conductors']]
        self.assertEqual(['a', 'b', 'c'], names)
        # They do not end.
        self.start(merge_timeout=5.0)
        endless = {'conductors': [{'hostname': 'a'}], **first}
        self.ironic.answer = lambda request: request.send_json(endless)
        found = self.ask('/v1/conductors', **_LATEST).json['conductors']
        self.assertEqual(['c'], [one['hostname'] for one in found])
        self.assertIn('more than 100 pages', self.log.output)

    def test_running_calls_do_not_affect_lists(self) -> None:
        self.start(max_requests=1, timeout=9.0)
        self.values['/v1/drivers'] = {'drivers': [{'name': 'ipmi'}]}
        self.ironic.answer = lambda request: (
            self.ironic.release.wait(9)
            if 'POST' in request.line
            else self.answer(request)
        )
        with futures.ThreadPoolExecutor() as pool:
            pool.submit(self.ask, f'{_CALL}/x', 'POST')
            self.wait_for(lambda: self.ironic.requests, 'the call')
            self.assertEqual(503, self.ask(f'{_CALL}/x', 'POST').status_int)
            listed = self.ask('/v1/drivers').json['drivers']
            self.ironic.release.set()
        self.assertEqual(2, len(listed))
        self.assertNotIn('Ironic is unavailable', self.log.output)

    def test_one_list_detects_the_end_of_an_outage(self) -> None:
        self.ironic.answer = lambda request: self.ironic.release.wait(9)
        self.start(merge_timeout=0.5)
        self.ask('/v1/drivers')
        time.sleep(0.5)
        with futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(self.ask, ['/v1/drivers'] * 8))
        self.assertEqual(2, len(self.ironic.requests))

    def test_lost_response_of_one_caller_does_not_affect_others(self) -> None:
        """A server closes connections with headers beyond its limit."""
        self.values['/v1/drivers'] = {'drivers': [{'name': 'ipmi'}]}
        self.start(merge_timeout=60)
        self.ironic.answer = lambda request: (
            None
            if len(request.headers['user-agent']) > 4096
            else self.answer(request)
        )
        for agent, count in (('x' * 5000, 1), ('x', 2)):
            listed = self.ask('/v1/drivers', User_Agent=agent).json
            self.assertEqual(count, len(listed['drivers']))
        self.assertNotIn('Ironic is unavailable', self.log.output)

    def test_errors_of_one_caller_do_not_affect_others(self) -> None:
        self.values['/v1/drivers'] = {'drivers': [{'name': 'ipmi'}]}
        self.start(merge_timeout=60)
        for status, names in (
            ('500 Wrong scope', ['ours']),
            ('200 OK', ['ipmi', 'ours']),
        ):
            self.ironic.answer = lambda request, status=status: (
                request.send_json(self.values['/v1/drivers'], status)
            )
            listed = self.ask('/v1/drivers').json['drivers']
            self.assertEqual(names, [one['name'] for one in listed])

    def test_outage_does_not_delay_each_list(self) -> None:
        self.ironic.answer = lambda request: self.ironic.release.wait(9)
        self.start(merge_timeout=0.5)
        for _ in range(3):
            self.ask('/v1/drivers')
        self.assertEqual(1, len(self.ironic.requests))
        self.ironic.answer = self.answer
        self.values['/v1/drivers'] = {'drivers': [{'name': 'ipmi'}]}
        self.wait_for(
            lambda: len(self.ask('/v1/drivers').json['drivers']) == 2,
            'drivers of Ironic',
        )
        self.assertIn('Ironic is available again', self.log.output)
