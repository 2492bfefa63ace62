# SPDX-License-Identifier: Apache-2.0
"""Tests of calls: parameters of requests, and responses."""

from typing import Any

import webob

from ironic_passthru.rpc import protocol
from ironic_passthru.tests.unit.api import fakes

_TYPED: dict[str, Any] = {
    'type': 'object',
    'properties': {'slot': {'type': 'integer'}, 'name': {'type': 'string'}},
    'required': ['slot'],
    'additionalProperties': False,
}


class PassthruCase(fakes.ApplicationCase):
    """Calls of one driver."""

    def setUp(self) -> None:
        super().setUp()
        self.store.add(
            'c',
            fakes.driver(
                'd',
                fakes.method('any', http_methods=('GET', 'POST')),
                fakes.method('typed', schema=_TYPED),
                fakes.method('file', attach=True),
                fakes.method('later', async_call=True, attach=True),
            ),
        )

    def call(
        self,
        rest: str,
        http_method: str = 'GET',
        body: bytes = b'',
        **headers: str,
    ) -> webob.Response:
        return self.ask(
            f'/v1/drivers/d/vendor_passthru{rest}',
            http_method,
            body,
            **headers,
        )

    def sent(self) -> dict[str, Any]:
        """Return the parameters of the last call that was sent."""
        return self.bus.calls[-1][2]['info']


class TestBody(PassthruCase):
    """Parameters in the body."""

    def test_what_is_sent_on(self) -> None:
        for body, expected in (
            (b'', {}),
            (b'null', {}),
            (b' null ', {}),
            (b'\xef\xbb\xbf', {}),
            (b'\xef\xbb\xbf{"a": 1}', {'a': 1}),
            ('{"ä": "ö"}'.encode(), {'ä': 'ö'}),
        ):
            self.assertEqual(200, self.call('/any', 'POST', body).status_int)
            self.assertEqual(expected, self.sent())

    def test_what_is_not(self) -> None:
        for body in (
            b' ',
            b'\n',
            b'[]',
            b'"x"',
            b'0',
            b'{',
            b'{"a": 1}x',
            b"{'a': 1}",
            b'{"a": 1,}',
            b'{"a": NaN}',
            b'{"a": 1e999}',
            b'{"a": ' + b'1' * 4301 + b'}',
            b'{"a": "\\ud800"}',
            b'{"a": 1, "a": 2}',
            b'\xff',
            b'{"a": "\xff"}',
            b'\xfe\xff\x00{\x00}',
            b'{"a": "\xed\xa0\x80"}',
            b'[' * 100_000,
        ):
            response = self.call('/any', 'POST', body)
            self.assertEqual(400, response.status_int, body[:40])
        self.assertEqual([], self.bus.calls)

    def test_charsets(self) -> None:
        for content_type, status in (
            ('application/json', 200),
            ('application/json; charset=utf-8', 200),
            ('text/plain; charset=UTF8', 200),
            ('text/plain; Charset="utf-8"; x=y', 200),
            ('text/plain; charset=latin-1', 400),
            ('text/plain; charset=utf-16', 400),
            ('text/plain; charset=', 400),
            ('text/charset', 200),
            (';;;', 200),
            ('\xff; charset=\xff', 400),
        ):
            response = self.call(
                '/any', 'POST', b'{}', Content_Type=content_type
            )
            self.assertEqual(status, response.status_int, content_type)


class TestQuery(PassthruCase):
    """Parameters in the query."""

    def test_they_are_read_by_type(self) -> None:
        self.call('?method=typed&slot=3&name=007')
        self.assertEqual({'slot': 3, 'name': '007'}, self.sent())

    def test_they_join_those_of_the_body(self) -> None:
        self.call('/typed?slot=3', body=b'{"name": "x"}')
        self.assertEqual({'slot': 3, 'name': 'x'}, self.sent())

    def test_what_is_refused(self) -> None:
        for rest, http_method, body in (
            ('/typed?slot=3', 'GET', b'{"slot": 3}'),
            ('/typed?slot=3&slot=3', 'GET', b''),
            ('/typed?slot=3&method=typed', 'GET', b''),
            ('/typed?slot=x', 'GET', b''),
            ('/typed?slot=3&other=1', 'GET', b''),
            ('?method=any&x=1', 'GET', b''),
            ('?method=any&x=1', 'POST', b''),
            ('?method=any&method=any', 'GET', b''),
            ('?method=any&context=1', 'GET', b''),
        ):
            response = self.call(rest, http_method, body)
            self.assertEqual(400, response.status_int, rest)
        self.assertEqual([], self.bus.calls)


class TestAnswer(PassthruCase):
    """Responses to results of conductors."""

    def attach(self, data: bytes, name: str | None = None) -> webob.Response:
        attached = protocol.Attached(data, 'a/b; c=d', name)
        self.bus.result = {
            'return': attached.to_bus(),
            'async': False,
            'attach': True,
        }
        return self.call('/file', Accept='image/png')

    def test_json(self) -> None:
        for value in (None, True, 0, 1.5, '', 'ä', [], {'a': [1]}):
            self.bus.result = {
                'return': value,
                'async': False,
                'attach': False,
            }
            response = self.call('/any')
            self.assertEqual(200, response.status_int)
            self.assertEqual('application/json', response.content_type)
            self.assertEqual(value, response.json)

    def test_accepted(self) -> None:
        self.bus.result = {'return': None, 'async': True, 'attach': False}
        response = self.call('/later')
        self.assertEqual(202, response.status_int)
        self.assertEqual(b'', response.body)
        self.assertNotIn('Content-Type', response.headers)
        self.assertEqual('0', response.headers['Content-Length'])

    def test_attachments_are_raw(self) -> None:
        for data in (b'', b'text', bytes(range(256))):
            response = self.attach(data)
            self.assertEqual(200, response.status_int)
            self.assertEqual(data, response.body)
            self.assertEqual('a/b; c=d', response.headers['Content-Type'])

    def test_names_of_files(self) -> None:
        for name, plain, encoded in (
            ('a.txt', 'a.txt', 'a.txt'),
            ('/etc/passwd', 'passwd', 'passwd'),
            ('..\\..\\a', 'a', 'a'),
            ('a"b', 'ab', 'a%22b'),
            ('a\r\nb', 'ab', 'ab'),
            ('ä', '_', '%C3%A4'),
        ):
            header = self.attach(b'', name).headers['Content-Disposition']
            self.assertEqual(
                f'attachment; filename="{plain}"; '
                f"filename*=UTF-8''{encoded}",
                header,
            )

    def test_accept_counts_except_for_attachments(self) -> None:
        self.assertEqual(406, self.call('/any', Accept='a/b').status_int)
        self.assertEqual([], self.bus.calls)
        self.assertEqual(200, self.attach(b'').status_int)
