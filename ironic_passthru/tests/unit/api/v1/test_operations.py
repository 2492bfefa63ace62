# SPDX-License-Identifier: Apache-2.0
"""Tests of operations over HTTP."""

import json
from urllib import parse

import webob

from ironic_passthru import operation
from ironic_passthru.rpc import protocol
from ironic_passthru.tests.unit.api import fakes

_State = operation.State
_PROBLEM = {'Accept': 'application/problem+json'}


class OperationsCase(fakes.ApplicationCase):
    """Requests about operations."""

    def show(
        self, rest: str = '', http_method: str = 'GET', **headers: str
    ) -> webob.Response:
        return self.ask(f'/v1/operations{rest}', http_method, **headers)

    def ids(self, query: str = '') -> list[str]:
        listed = self.show(query)
        self.assertEqual(200, listed.status_int, listed.text)
        return [one['id'] for one in listed.json['operations']]

    def code(self, rest: str, http_method: str = 'GET') -> tuple[int, str]:
        response = self.show(rest, http_method, **_PROBLEM)
        self.assertEqual('application/problem+json', response.content_type)
        return response.status_int, response.json['code']


class TestList(OperationsCase):
    """GET /v1/operations."""

    def setUp(self) -> None:
        super().setUp()
        for number in range(5):
            self.operations.add(
                f'o{number}',
                driver='ab'[number % 2],
                method=f'm{number}',
                state=list(_State)[number],
                request_id=f'req-{number}',
                conductor='cd'[number // 3],
                user_id='uv'[number % 2],
                project_id='p' if number == 4 else None,
                targets=[f'b{number}', 'all'],
            )

    def test_newest_first(self) -> None:
        self.assertEqual(['o4', 'o3', 'o2', 'o1', 'o0'], self.ids())

    def test_an_empty_list(self) -> None:
        self.operations.found.clear()
        self.assertEqual({'operations': []}, self.show().json)

    def test_filters(self) -> None:
        for query, expected in (
            ('driver=a', ['o4', 'o2', 'o0']),
            ('method=m3', ['o3']),
            ('state=queued', ['o0']),
            ('state=queued,running', ['o1', 'o0']),
            ('state=queued&state=running', ['o1', 'o0']),
            ('target=b3', ['o3']),
            ('target=all&user_id=v', ['o3', 'o1']),
            ('project_id=p', ['o4']),
            ('created_after=2026-01-01T00:00:02.5', ['o4', 'o3']),
            ('created_after=2026-01-01T01:00:03+01:00', ['o4']),
            ('created_after=2026-01-01t00:00:02.5z', ['o4', 'o3']),
            ('created_before=2026-01-01T00:00:01Z', ['o0']),
            ('created_before=2026-01-01', []),
            ('sort_dir=asc&limit=2', ['o0', 'o1']),
            ('sort_key=driver', ['o3', 'o1', 'o4', 'o2', 'o0']),
            ('sort_key=driver&sort_dir=asc&marker=o2', ['o4', 'o1', 'o3']),
            ('request_id=req-2', ['o2']),
            ('conductor=d', ['o4', 'o3']),
            ('conductor=d&driver=a', ['o4']),
            ('conductor=nobody', []),
            ('limit=2', ['o4', 'o3']),
            ('limit=0', ['o4', 'o3', 'o2', 'o1', 'o0']),
            ('limit=100000', ['o4', 'o3', 'o2', 'o1', 'o0']),
            ('limit=' + '9' * 4000, ['o4', 'o3', 'o2', 'o1', 'o0']),
            ('marker=o2', ['o1', 'o0']),
            ('marker=o2&limit=1&driver=a', ['o0']),
        ):
            self.assertEqual(expected, self.ids(f'?{query}'), query)

    def test_what_is_refused(self) -> None:
        for query, code in (
            ('state=done', 'invalid_argument'),
            ('state=queued,', 'invalid_argument'),
            ('state=', 'invalid_argument'),
            ('limit=-1', 'invalid_argument'),
            ('limit=x', 'invalid_argument'),
            ('limit=', 'invalid_argument'),
            ('limit=1.5', 'invalid_argument'),
            ('limit=1_0', 'invalid_argument'),
            ('limit=%D9%A3', 'invalid_argument'),
            ('limit=' + '9' * 5000, 'invalid_argument'),
            ('limit=1&limit=1', 'invalid_argument'),
            ('marker=nothing', 'invalid_argument'),
            ('marker=', 'invalid_argument'),
            ('marker=%00', 'invalid_argument'),
            ('driver=%00', 'invalid_argument'),
            ('fields=nothing', 'invalid_argument'),
            ('user_id=%00', 'invalid_argument'),
            ('state=queued&state=done', 'invalid_argument'),
            ('driver=a&driver=b', 'invalid_argument'),
            ('created_after=', 'invalid_argument'),
            ('created_after=yesterday', 'invalid_argument'),
            ('created_before=0001-01-01T00:00:00%2B01:00', 'invalid_argument'),
            ('sort_key=state', 'invalid_argument'),
            ('sort_dir=up', 'invalid_argument'),
            ('owner=x', 'unexpected_arguments'),
            ('detail=True', 'unexpected_arguments'),
        ):
            self.assertEqual((400, code), self.code(f'?{query}'), query)

    def test_fields(self) -> None:
        listed = self.show('?fields=state,id&limit=1').json['operations']
        self.assertEqual({'state', 'id', 'links'}, set(listed[0]))
        # As generated clients send a list.
        repeated = self.show('?fields=state&fields=id&limit=1').json
        self.assertEqual(listed, repeated['operations'])
        self.assertIn('fields=state&fields=id', repeated['next'])
        listed = self.show('?limit=1').json['operations']
        self.assertNotIn('parameters', listed[0])
        self.assertNotIn('error', listed[0])
        self.assertEqual(['b4', 'all'], listed[0]['targets'])
        listed = self.show('?fields=parameters,error').json['operations']
        self.assertEqual({'parameters', 'error', 'links'}, set(listed[0]))

    def test_lists_with_parameters_are_shorter(self) -> None:
        for number in range(101):
            self.operations.add(f'p{number}')
        for fields, size in (('id', 106), ('parameters', 100)):
            listed = self.show(f'?fields={fields}').json
            self.assertEqual(size, len(listed['operations']))
            self.assertEqual(size == 100, 'next' in listed)

    def test_pages_follow_each_other(self) -> None:
        for query, whole in (
            ('limit=1', ['o4', 'o3', 'o2', 'o1', 'o0']),
            ('limit=2', ['o4', 'o3', 'o2', 'o1', 'o0']),
            ('limit=2&driver=a&fields=id', ['o4', 'o2', 'o0']),
            ('limit=1&state=queued,succeeded', ['o2', 'o0']),
            ('limit=1&state=queued&state=succeeded', ['o2', 'o0']),
            (
                'limit=1&target=all&user_id=u&sort_key=driver&sort_dir=asc'
                '&created_after=2026-01-01T00:00:00.5%2B00:00&fields=id',
                ['o2', 'o4'],
            ),
        ):
            asked = parse.parse_qs(query)
            found: list[str] = []
            url: str | None = f'/v1/operations?{query}'
            while url:
                page = self.ask(url).json
                found += [one['id'] for one in page['operations']]
                url = page.get('next')
                if url:
                    self.assertTrue(
                        url.startswith('http://localhost/v1/operations?')
                    )
                    values = parse.parse_qs(parse.urlsplit(url).query)
                    self.assertEqual([found[-1]], values.pop('marker'))
                    self.assertEqual(asked, values)
            self.assertEqual(whole, found)

    def test_the_last_page_has_no_next(self) -> None:
        self.assertNotIn('next', self.show('?limit=5').json)
        self.assertIn('next', self.show('?limit=4').json)

    def test_head(self) -> None:
        response = self.show('', 'HEAD')
        self.assertEqual(200, response.status_int)
        self.assertEqual(b'', response.body)

    def test_registry_unavailable(self) -> None:
        self.operations.unavailable = True
        for rest in ('', '/o1', '/o1/result'):
            response = self.show(rest)
            self.assertEqual(503, response.status_int)
            self.assertIn('Retry-After', response.headers)
        self.assertEqual(503, self.show('/o1', 'DELETE').status_int)

    def test_other_verbs(self) -> None:
        for rest, allow in (
            ('', {'GET', 'HEAD', 'OPTIONS'}),
            ('/o1', {'GET', 'HEAD', 'DELETE', 'OPTIONS'}),
            ('/o1/result', {'GET', 'HEAD', 'OPTIONS'}),
        ):
            response = self.show(rest, 'PUT')
            self.assertEqual(405, response.status_int)
            self.assertEqual(allow, set(response.allow))


class TestShow(OperationsCase):
    """GET /v1/operations/{id}."""

    def test_all_of_it(self) -> None:
        self.operations.add(
            'o',
            state=_State.FAILED,
            started_at=fakes._EPOCH,
            progress=operation.Progress(50.5, 'half'),
            parameters={'a': [1, {'password': '***'}], 'b': None},
            error=operation.Error('It broke.', 418, 'teapot'),
            targets=['b1', 'b2'],
        )
        response = self.show('/o')
        self.assertEqual(200, response.status_int)
        self.assertNotIn('Retry-After', response.headers)
        self.assertEqual(
            {
                'id': 'o',
                'driver': 'd',
                'method': 'm',
                'http_method': 'POST',
                'state': 'failed',
                'user_id': None,
                'project_id': None,
                'request_id': 'req-1',
                'conductor': 'c',
                'incarnation': 'c-0',
                'created_at': '2026-01-01T00:00:00+00:00',
                'started_at': '2026-01-01T00:00:00+00:00',
                'finished_at': None,
                'progress': {'percent': 50.5, 'message': 'half'},
                'cancel_requested': False,
                'parameters': {'a': [1, {'password': '***'}], 'b': None},
                'targets': ['b1', 'b2'],
                'error': {
                    'status': 418,
                    'code': 'teapot',
                    'message': 'It broke.',
                },
                'links': [
                    {
                        'href': 'http://localhost/v1/operations/o',
                        'rel': 'self',
                    },
                    {
                        'href': 'http://localhost/operations/o',
                        'rel': 'bookmark',
                    },
                ],
            },
            response.json,
        )

    def test_every_state_is_200(self) -> None:
        for state in _State:
            self.operations.add('o', state=state)
            response = self.show('/o')
            self.assertEqual(200, response.status_int)
            self.assertEqual(state, response.json['state'])
            self.assertIsNone(response.json['error'])
            self.assertEqual(
                {'percent': None, 'message': None}, response.json['progress']
            )
            active = state in operation.ACTIVE
            self.assertEqual(active, 'Retry-After' in response.headers)

    def test_unknown_ones(self) -> None:
        for rest in ('/x', '/%00', '/%C3%A4', '/' + 'x' * 65, '/a%20'):
            for http_method in ('GET', 'DELETE'):
                self.assertEqual(
                    (404, 'operation_not_found'), self.code(rest, http_method)
                )
            self.assertEqual(404, self.show(f'{rest}/result').status_int)
        self.assertEqual((404, 'not_found'), self.code('/x/more'))

    def test_fields(self) -> None:
        self.operations.add('o')
        shown = self.show('/o?fields=parameters').json
        self.assertEqual({'parameters', 'links'}, set(shown))
        self.assertEqual(400, self.show('/o?fields=x').status_int)
        self.assertEqual(400, self.show('/o?limit=1').status_int)

    def test_wait(self) -> None:
        self.operations.add('o')
        self.operations.on_read = lambda reads: (
            self.operations.succeed('o') if reads == 3 else None
        )
        response = self.show('/o', Prefer='wait=3')
        self.assertEqual('succeeded', response.json['state'])
        self.assertEqual('wait=3', response.headers['Preference-Applied'])
        self.assertNotIn('Retry-After', response.headers)

    def test_wait_has_a_bound(self) -> None:
        self.build(max_wait=1)
        self.operations.add('o')
        response = self.show('/o', Prefer='wait=100, respond-async')
        self.assertEqual('queued', response.json['state'])
        self.assertEqual('wait=1', response.headers['Preference-Applied'])
        self.assertIn('Retry-After', response.headers)

    def test_registry_becomes_unavailable(self) -> None:
        self.operations.add('o')

        def leave(_asks: int) -> None:
            self.operations.unavailable = True

        self.operations.on_read = leave
        response = self.show('/o', Prefer='wait=3')
        # What was read before is still an answer.
        self.assertEqual('queued', response.json['state'])
        self.assertNotIn('Preference-Applied', response.headers)


class TestResult(OperationsCase):
    """GET /v1/operations/{id}/result."""

    def test_not_yet(self) -> None:
        for state in operation.ACTIVE:
            self.operations.add('o', state=state)
            response = self.show('/o/result')
            self.assertEqual(202, response.status_int)
            self.assertEqual(b'', response.body)
            self.assertNotIn('Content-Type', response.headers)
            self.assertEqual('2', response.headers['Retry-After'])
            self.assertEqual(
                'http://localhost/v1/operations/o',
                response.headers['Location'],
            )

    def test_values(self) -> None:
        for value in (None, False, 0, 1.5, '', 'ä', [], {'a': [None]}):
            self.operations.add('o')
            self.operations.results.clear()
            self.operations.succeed('o', value)
            response = self.show('/o/result')
            self.assertEqual(200, response.status_int)
            self.assertEqual(json.dumps(value), response.text)
            self.assertEqual('application/json', response.content_type)

    def test_attachment(self) -> None:
        self.operations.add('o', attach=True)
        attached = protocol.Attached(b'\x00\xff', 'image/x', 'ä.img')
        self.operations.succeed('o', attached.to_bus())
        response = self.show('/o/result', Accept='image/png')
        self.assertEqual(b'\x00\xff', response.body)
        self.assertEqual('image/x', response.headers['Content-Type'])
        self.assertIn('_.img', response.headers['Content-Disposition'])

    def test_what_has_no_result(self) -> None:
        failure = operation.Error('It broke.', 418, 'teapot')
        for state, error, expected in (
            (_State.FAILED, failure, (418, 'teapot')),
            (_State.FAILED, None, (500, 'internal_error')),
            (_State.UNKNOWN, None, (504, 'outcome_unknown')),
            (_State.CANCELLED, None, (409, 'operation_cancelled')),
            (_State.EXPIRED, None, (503, 'operation_expired')),
        ):
            self.operations.add('o', state=state, error=error)
            self.assertEqual(expected, self.code('/o/result'))

    def test_the_recorded_error_has_the_common_form(self) -> None:
        failure = operation.Error('It broke.', 418, 'teapot')
        self.operations.add('o', state=_State.FAILED, error=failure)
        inner = json.loads(self.show('/o/result').json['error_message'])
        self.assertEqual('It broke.', inner['faultstring'])
        self.assertEqual('Client', inner['faultcode'])

    def test_unknown_names_the_call_and_its_record(self) -> None:
        self.operations.add('o', state=_State.UNKNOWN, request_id='req-7')
        response = self.show('/o/result')
        self.assertIn('req-7', response.text)
        self.assertTrue(response.headers['Location'].endswith('/o'))

    def test_expired_may_be_sent_again(self) -> None:
        self.operations.add('o', state=_State.EXPIRED)
        self.assertIn('Retry-After', self.show('/o/result').headers)

    def test_purged(self) -> None:
        self.operations.add('o', state=_State.SUCCEEDED, result_parts=2)
        self.assertEqual((410, 'result_gone'), self.code('/o/result'))

    def test_wait(self) -> None:
        self.operations.add('o')
        self.operations.on_read = lambda reads: (
            self.operations.succeed('o', 7) if reads == 3 else None
        )
        response = self.show('/o/result', Prefer='wait=3')
        self.assertEqual('7', response.text)
        self.assertEqual('wait=3', response.headers['Preference-Applied'])

    def test_what_is_refused(self) -> None:
        self.operations.add('o')
        self.assertEqual(400, self.show('/o/result?x=1').status_int)
        self.assertEqual(
            406, self.show('/o/result', Accept='image/png').status_int
        )


class TestDelete(OperationsCase):
    """DELETE /v1/operations/{id}."""

    def test_queued(self) -> None:
        self.operations.add('o')
        response = self.show('/o', 'DELETE')
        self.assertEqual(200, response.status_int)
        self.assertEqual('cancelled', response.json['state'])
        self.assertNotIn('Retry-After', response.headers)

    def test_running(self) -> None:
        self.operations.add('o', state=_State.RUNNING)
        for _ in range(2):
            response = self.show('/o', 'DELETE')
            self.assertEqual(202, response.status_int)
            self.assertEqual('running', response.json['state'])
            self.assertIs(True, response.json['cancel_requested'])
            self.assertIn('Retry-After', response.headers)

    def test_final(self) -> None:
        for state in operation.FINAL:
            self.operations.add('o', state=state)
            self.assertEqual(
                (409, 'operation_final'), self.code('/o', 'DELETE')
            )
            self.assertEqual(state, self.operations.found['o'].state)

    def test_purged_meanwhile(self) -> None:
        self.operations.add('o')

        def purge(_operation_id: str) -> bool:
            del self.operations.found['o']
            return False

        self.operations.cancel = purge  # type: ignore[method-assign]
        self.assertEqual(404, self.show('/o', 'DELETE').status_int)

    def test_nothing_is_done_if_anything_is_wrong(self) -> None:
        self.operations.add('o')
        for rest, headers, status in (
            ('/o?x=1', {}, 400),
            ('/o', {'Host': 'a b'}, 400),
            ('/o', {'Accept': 'image/png'}, 406),
        ):
            response = self.show(rest, 'DELETE', **headers)
            self.assertEqual(status, response.status_int)
        self.assertEqual(_State.QUEUED, self.operations.found['o'].state)
