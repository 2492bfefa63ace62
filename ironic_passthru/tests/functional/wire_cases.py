# SPDX-License-Identifier: Apache-2.0
"""Test cases of HTTP on the level of bytes, for any server."""

from ironic_passthru.tests.functional import body_cases
from ironic_passthru.tests.functional import raw
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional import wire

_LATEST = 'X-OpenStack-Ironic-API-Version: 1.115'

# Headers that differ in each response.
_OWN = {'date', 'x-openstack-request-id', 'openstack-request-id'}

READING_PATHS = (
    '/',
    '/v1',
    '/v1/',
    '/v1/drivers',
    '/v1/drivers/',
    '/v1/drivers?detail=True',
    '/v1/drivers/fake-hardware',
    '/v1/drivers/fake-hardware/',
    '/v1/drivers/fake-hardware/properties',
    '/v1/drivers/fake-hardware/properties/',
    '/v1/drivers/fake-hardware/vendor_passthru/methods',
    '/v1/drivers/fake-hardware/vendor_passthru/methods/',
    '/v1/conductors',
    '/v1/conductors/',
    '/v1/conductors?detail=True',
    '/v1/operations',
    '/v1/operations/',
    '/v1/operations?limit=1',
    '/healthcheck',
    '/healthcheck/',
    '/healthcheck/detailed',
    # Errors, which HEAD shows in the same way.
    '/v1/drivers/nobody',
    '/v1/drivers?detail=perhaps',
    '/v1/operations/nothing',
    '/v1/operations/nothing/result',
    '/v1/nothing',
)

PATHS = {
    b'/v1/drivers/fake-hardware': 200,
    b'/v1/drivers/fake%2Dhardware': 200,
    b'/v1/drivers%2Ffake-hardware': 200,
    b'/v1/drivers%2ffake-hardware/': 200,
    b'/v1%2Fdrivers?type=dynamic': 200,
    b'/v1/drivers/fake%2Fhardware': 404,
    b'/v1/drivers/fake%252Dhardware': 404,
    b'/v1/drivers%252Ffake-hardware': 404,
    b'/v2': 404,
    b'/V1': 404,
    b'/v1.json': 404,
    b'/v1/drivers.json': 404,
    b'/v1/drivers/fake-hardware.json': 404,
    b'/v1/drivers/fake-hardware/properties.json': 404,
    wire.FAKE.encode() + b'/hello.json': 400,
    wire.FAKE.encode() + b'/methods.json': 400,
    wire.FAKE.encode() + b'/hello': 200,
    wire.FAKE.encode() + b'/hello/': 200,
    wire.FAKE.encode() + b'/?method=hello': 200,
    wire.FAKE.encode() + b'/hello//': 404,
    wire.FAKE.encode() + b'/hello/more': 404,
    wire.FAKE.encode() + b'/methods/more': 404,
    wire.FAKE.encode() + b'//hello': 404,
    wire.FAKE.encode() + b'//': 404,
    wire.FAKE.encode() + b'/%2F': 404,
    b'/v1//': 404,
    b'/v1//drivers': 404,
    b'/v1/drivers//': 404,
    b'/v1/drivers//properties': 404,
    b'/v1/drivers/fake-hardware//': 404,
    b'/v1/drivers/fake-hardware//properties': 404,
    b'/v1/drivers/fake-hardware/properties/more': 404,
    b'/v1/drivers/fake-hardware/nothing': 404,
    b'/v1/drivers/%00': 404,
    b'/v1/drivers/%0A': 404,
    b'/v1/drivers/fake-hardware%0A': 404,
    b'/v1/drivers/%ff': 404,
    b'/v1/drivers/%C3%A4': 404,
    b'/v1/drivers/%ED%A0%80': 404,
    b'/v1/conductors/%ff': 404,
    b'/v1/conductors/nobody': 404,
    b'/v1/operations/%ff': 404,
    b'/v1/operations/%00': 404,
    b'/v1/operations/nothing': 404,
    b'/v1/operations//result': 404,
    b'/v1/operations/nothing/result/more': 404,
    b'/v1/operations?marker=%ff': 400,
    b'/v1/operations?driver=%00': 400,
    b'/v1/operations?limit=%C2%B2': 400,
    b'/v1/operations?limit=' + b'9' * 5000: 400,
    b'/%ff': 404,
    b'/healthcheck/more': 404,
    b'/healthcheck//': 404,
    b'/healthchecks': 404,
    wire.FAKE.encode() + b'/%ff': 404,
    b'/v1/drivers?%ff': 400,
    b'/v1/drivers?detail=%ff': 400,
    b'/v1/drivers?detail=True&detail=True': 400,
    b'/v1/drivers?bogus': 400,
    wire.FAKE.encode() + b'?method=%ff': 400,
    wire.FAKE.encode() + b'?%ff=hello': 400,
    wire.FAKE.encode() + b'?method=hello&name=%ff': 400,
    wire.FAKE.encode() + b'?method=hello&name=%C3%A4': 200,
    wire.FAKE.encode() + b'?method=hello&name=%00': 200,
    wire.FAKE.encode() + b'?method=hello&name=%zz': 200,
    wire.FAKE.encode() + b'?method=hello&name=%': 200,
    wire.FAKE.encode() + b'?method=hello&name=a;b=c': 200,
    wire.FAKE.encode() + b'?method=hello&': 200,
    wire.FAKE.encode() + b'?&method=hello': 200,
    wire.FAKE.encode() + b'?method=hello&=': 400,
    wire.FAKE.encode() + b'?' + b'a&' * 3000: 400,
}


class WireCases(body_cases.BodyCases):
    """Cases of bodies, connections, HTTP methods, paths and headers."""

    # More than one request on a connection

    def test_requests_in_a_pipeline_are_answered_in_order(self) -> None:
        hello = f'{wire.FAKE}?method=hello&name='
        with self.connect() as connection:
            connection.send(
                b''.join(
                    self.request('GET', f'{hello}{name}') for name in 'abc'
                )
            )
            for name in 'abc':
                answer = connection.answer()
                if answer is None:
                    # The server may close the connection after any response.
                    break
                self.assert_answer(answer, 200)
                self.assertEqual(f'Hello, {name}!', answer.json['greeting'])

    def test_an_error_does_not_spoil_the_next_request(self) -> None:
        with self.connect() as connection:
            connection.send(
                self.mark('Content-Length: 1', body=b'{')
                + self.request('GET', '/nothing')
                + self.request('HEAD', '/nothing')
                + self.request('GET', f'{wire.FAKE}/hello')
            )
            for http_method, status in (
                ('POST', 400),
                ('GET', 404),
                ('HEAD', 404),
                ('GET', 200),
            ):
                answer = connection.answer(http_method)
                if answer is None:
                    break
                self.assert_answer(answer, status)

    def test_a_refused_body_is_not_taken_for_a_request(self) -> None:
        length = len(self.body)
        inner = self.mark(f'Content-Length: {length}', body=self.body)
        wrong = 'X-OpenStack-Ironic-API-Version: 9.9'
        for headers, body in (
            ([wrong, f'Content-Length: {len(inner)}'], inner),
            ([wrong, 'Transfer-Encoding: chunked'], raw.chunked(inner)),
            ([wrong, 'Transfer-Encoding: chunked'], inner),
            ([wrong, 'Content-Length: -1'], inner),
            (['Transfer-Encoding: chunked'], b'zz\r\n' + inner),
            (['Content-Length: -1'], inner),
            ([f'Content-Length: {2 << 20}'], inner),
        ):
            with self.connect() as connection:
                connection.send(
                    self.request(
                        'POST', f'{wire.FAKE}/echo', *headers, body=body
                    )
                )
                connection.finish_sending()
                connection.answer()
                connection.rest()
                self.assertEqual([], self.marked(self.key), headers)

    # HTTP methods

    def test_head_has_the_headers_of_get(self) -> None:
        for path in READING_PATHS:
            got = self.ask(self.request('GET', path, _LATEST))
            head = self.ask_head(self.request('HEAD', path, _LATEST))
            assert got is not None and head is not None
            self.assertEqual(got.status, head.status, path)
            self.assertEqual(_plain(got), _plain(head), path)
            self.assert_headers(head)

    def ask_head(self, data: bytes) -> web.Answer | None:
        """Send a HEAD request, and check that there is no body."""
        with self.connect() as connection:
            connection.send(data)
            connection.finish_sending()
            answer = connection.answer('HEAD')
            self.assertEqual(b'', connection.rest())
            return answer

    def test_head_never_runs_a_method(self) -> None:
        for target in (
            f'{wire.MARKS}/mark?key={self.key}',
            f'{wire.MARKS}?method=mark&key={self.key}',
            f'{wire.MARKS}?method=methods',
            f'{wire.MARKS}?method=mark',
        ):
            answer = self.ask_head(self.request('HEAD', target))
            self.assert_answer(answer, 400)
        self.assertEqual([], self.marked(self.key))

    def test_options_is_empty(self) -> None:
        calls = (
            f'{wire.MARKS}/mark',
            f'{wire.MARKS}?method=mark&key={self.key}',
        )
        for path in (*READING_PATHS[:-1], *calls):
            answer = self.ask(self.request('OPTIONS', path))
            self.assert_answer(answer, 200)
            assert answer is not None
            self.assertEqual(b'', answer.body)
            self.assertIsNone(answer.headers['Content-Type'])
        self.assertEqual([], self.marked(self.key))

    def test_verbs_that_a_resource_does_not_take_are_405(self) -> None:
        for http_method in ('POST', 'PUT', 'DELETE', 'PATCH', 'BREW'):
            for path in READING_PATHS[:-3]:
                if http_method != 'BREW' and 'methods' in path:
                    # A call of a vendor method of this name.
                    continue
                answer = self.ask(self.request(http_method, path, _LATEST))
                if 'methods' in path:
                    self.assert_answer(answer, 400)
                    continue
                self.assert_answer(answer, 405)
                assert answer is not None
                self.assertEqual('GET, HEAD, OPTIONS', answer.headers['Allow'])

    def test_verbs_that_a_method_does_not_take_are_400(self) -> None:
        for http_method in ('PATCH', 'TRACE', 'BREW', 'HEAD'):
            answer = self.ask(
                self.request(http_method, f'{wire.MARKS}/mark?key={self.key}'),
                http_method,
            )
            self.assert_refused(answer, 400)

    def test_verbs_in_lower_case_are_others(self) -> None:
        answer = self.ask(
            self.request('get', f'{wire.MARKS}/mark?key={self.key}')
        )
        self.assert_refused(answer, 400)

    # Paths, queries and headers

    def test_paths(self) -> None:
        for path, status in PATHS.items():
            answer = self.ask(self.request('GET', path, _LATEST))
            self.assertIsNotNone(answer, path)
            assert answer is not None
            self.assertEqual(status, answer.status, (path, answer.body))
            if status == 200 or 'openstack-request-id' in answer.headers:
                self.assert_answer(answer, status)
            else:
                # The server itself has rejected it.
                self.assert_fault(answer)

    def test_paths_of_odd_bytes_are_refused(self) -> None:
        for path in (
            b'/v1/drivers/\xff',
            b'/v1/drivers/\xc3\xa4',
            b'//',
            b'//v1/drivers',
            b'//v1%2Fdrivers',
            b'///',
            b'/%2F',
            b'/./v1',
            b'/v1/../v1/drivers',
        ):
            answer = self.ask(self.request('GET', path))
            self.assert_refused(answer, 404)
            self.assertIsNotNone(answer, path)

    def test_queries_of_odd_bytes(self) -> None:
        target = f'{wire.FAKE}/hello?name='.encode()
        self.assert_refused(
            self.ask(self.request('GET', target + b'\xff')), 400
        )
        answer = self.ask(self.request('GET', target + b'\xc3\xa4'))
        if answer is not None and answer.status == 200:
            self.assertEqual('Hello, ä!', answer.json['greeting'])

    def test_queries_that_are_too_long(self) -> None:
        for size, status in ((8000, 200), (8193, 414), (12_000, 414)):
            query = 'name='.ljust(size, 'x')
            answer = self.ask(
                self.request('GET', f'{wire.FAKE}/hello?{query}')
            )
            if answer and 'openstack-request-id' in answer.headers:
                self.assert_answer(answer, status)
            else:
                # A server may have a lower limit.
                self.assert_refused(answer, 414)
        self.assert_serves()

    def test_hostile_hosts_never_get_into_links(self) -> None:
        for host in (
            b'evil"><script>',
            b'a b',
            b'a/b',
            b'a@b',
            b'a, b',
            b'\xff\xfe',
            b'[::1',
            b'h:port',
            b'h#',
            b'x' * 5000 + b'/',
        ):
            answer = self.ask(self.request('GET', '/', host=host))
            self.assert_refused(answer, 400)

    def test_links_follow_the_host(self) -> None:
        for host in ('bmc.example', 'bmc.example:99', '[::1]:99', '192.0.2.1'):
            answer = self.ask(self.request('GET', '/', host=host))
            self.assert_answer(answer, 200)
            assert answer is not None
            link = answer.json['default_version']['links'][0]['href']
            self.assertEqual(f'http://{host}/v1/', link)

    def test_without_a_host_links_name_the_server(self) -> None:
        answer = self.ask(b'GET / HTTP/1.0\r\n\r\n')
        self.assert_answer(answer, 200)
        assert answer is not None
        link = answer.json['default_version']['links'][0]['href']
        self.assertEndsWith(link, f':{self.port}/v1/')

    def assertEndsWith(self, text: str, end: str) -> None:
        """Check how a text ends."""
        self.assertEqual(end, text[-len(end) :])

    def test_huge_headers_cost_one_refusal(self) -> None:
        for size in (10_000, 200_000, 2_000_000):
            answer = self.ask(
                self.request('GET', '/v1/drivers', f'X-Long: {"x" * size}')
            )
            if answer is not None and answer.status != 200:
                self.assert_refused(answer, 400, 413, 431)
        self.assert_serves()

    def test_many_headers_cost_one_refusal(self) -> None:
        many = [f'X-{number}: {number}' for number in range(20_000)]
        answer = self.ask(self.request('GET', '/v1/drivers', *many))
        if answer is not None and answer.status != 200:
            self.assert_refused(answer, 400, 413, 431)
        self.assert_serves()

    def test_unusual_headers_are_no_bug(self) -> None:
        names = (
            'Accept',
            'Content-Type',
            'OpenStack-API-Version',
            'X-OpenStack-Ironic-API-Version',
            'X-OpenStack-Request-ID',
            'X-Auth-Token',
            'X-Forwarded-Host',
            'Forwarded',
            'Range',
            'If-None-Match',
            'Cookie',
        )
        values = (
            b'\xff',
            b'\xc3\xa4',
            b',',
            b';',
            b'=',
            b'"',
            b'*/',
            b'a/b;q=x',
            b'\x0b',
            b'x' * 5000,
        )
        for name in names:
            for value in values:
                header = f'{name}: '.encode() + value
                answer = self.ask(self.request('GET', '/v1/drivers', header))
                if answer is None:
                    continue
                self.assertLess(answer.status, 500, (header, answer.body))
                # A second token makes the first one invalid.
                expected = (
                    (400, 401) if name in self.login else (200, 400, 406)
                )
                if 'openstack-request-id' in answer.headers:
                    self.assert_answer(answer, *expected)

    def test_a_conductor_group_is_named_once(self) -> None:
        """No server drops a header that restricts a call."""
        for values, status in (
            ([''], 200),
            (['x'], 400),
            (['', ''], 400),
            (['', 'x'], 400),
            (['x', ''], 400),
        ):
            headers = [f'Passthru-Conductor-Group: {name}' for name in values]
            answer = self.ask(
                self.request('GET', f'{wire.FAKE}/hello', *headers)
            )
            self.assert_answer(answer, status)

    def test_other_protocols_are_rejected(self) -> None:
        for data in (
            b'\x16\x03\x01\x02\x00',
            b'GET\r\n\r\n',
            b'GET / HTTP/9.9\r\n\r\n',
            b'GET / JUNK\r\n\r\n',
            b'\r\n\r\n\r\n',
            b'GET / HTTP/1.1\r\nno colon\r\n\r\n',
        ):
            with self.connect() as connection:
                connection.send(data)
                connection.finish_sending()
                answer = connection.answer()
                if answer is not None:
                    self.assertIn(answer.status, (400, 500, 505, 408))
        self.assert_serves()


def _plain(answer: web.Answer) -> dict[str, str]:
    """Return the headers of a response without those that always differ."""
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower() not in _OWN
    }
