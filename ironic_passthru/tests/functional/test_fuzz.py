# SPDX-License-Identifier: Apache-2.0
"""Requests that nobody meant: whatever is sent, it costs one answer."""

import os
from typing import Any
from urllib import parse

import fixtures
import hypothesis
from hypothesis import strategies as st

from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import envelope
from ironic_passthru.tests.functional import odd
from ironic_passthru.tests.functional import raw

# More of them than tests have time for: PASSTHRU_FUZZ_REQUESTS=100000.
_REQUESTS = int(os.environ.get('PASSTHRU_FUZZ_REQUESTS', '300'))

# What the HTTP server answers by itself.
_OF_SERVER = {400, 405, 408, 413, 414, 501, 505}

_VERBS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'X']
# Those whose methods run without a fault, so that a 5xx is never theirs.
_METHODS = ['typed', 'anything', 'strict', 'strict_later', 'names', 'methods']
_SEGMENTS = [
    '',
    'v1',
    'drivers',
    'odd',
    'fake-hardware',
    'nobody',
    'properties',
    'vendor_passthru',
    'conductors',
    'operations',
    'result',
    'embedded',
    'healthcheck',
    'detailed',
    '%2F',
    '%00',
    '%ff',
    '..',
    '.json',
    *_METHODS,
]
_NAMES = [
    *('method', 'slot', 'serial', 'on', 'load', 'items', 'anything', 'task'),
    *('self', 'context', 'http_method', 'detail', 'fields', 'type', ''),
    *('limit', 'marker', 'state', 'driver', 'request_id'),
]
_HEADERS = [
    *('Accept', 'Content-Type', 'X-OpenStack-Ironic-API-Version', 'Cookie'),
    *('OpenStack-API-Version', 'X-OpenStack-Request-ID', 'X-Auth-Token'),
    *('Expect', 'Connection', 'Range', 'Upgrade', 'X-Forwarded-Host'),
    *('Prefer', 'Prefer', 'Idempotency-Key'),
]
_VALUES = [
    *('', '1.1', '1.115', 'latest', 'baremetal 1.50', 'application/json'),
    *('application/problem+json', '*/*', 'text/html', 'charset=x', 'close'),
    *('application/json; charset=utf-16', '100-continue', 'h2c'),
    *('respond-async', 'wait=2', 'respond-async, wait=2', '"k"'),
]

_SPLITTING = bytes([*range(33), *b'#?', *range(127, 256)])
_byte = st.binary(max_size=6)
_text = st.text(max_size=6).map(lambda text: parse.quote(text).encode())


def _of(choices: list[str]) -> st.SearchStrategy[bytes]:
    """Return mostly one of ``choices``, sometimes other bytes.

    Only such as the HTTP server does not refuse by itself.
    """
    likely = st.sampled_from(choices).map(str.encode)
    odd = _byte.map(lambda data: data.translate(None, _SPLITTING))
    return st.one_of(*[likely] * 6, _text, odd)


_free_path = st.lists(_of(_SEGMENTS), max_size=6).map(
    lambda parts: b'/' + b'/'.join(parts)
)
_call_path = st.builds(
    lambda method, tail: b'/v1/drivers/odd/vendor_passthru' + method + tail,
    st.sampled_from([b'', *(b'/' + name.encode() for name in _METHODS)]),
    st.sampled_from([b'', b'', b'', b'/', b'//', b'/x']),
)
_pair = st.builds(
    lambda name, value: name + b'=' + value,
    _of(_NAMES),
    _of([*_METHODS, '3', 'true', '1.5', '[1]', 'NaN', 'dynamic', 'name']),
)
_query = st.lists(_pair, max_size=4).map(b'&'.join)
_header = st.builds(
    lambda name, value: name.encode() + b': ' + value,
    st.sampled_from(_HEADERS),
    _of(_VALUES),
)
_json = st.recursive(
    st.one_of(
        st.sampled_from(
            [b'null', b'true', b'3', b'1.5', b'"x"', b'NaN', b'1e999', b'""']
        ),
        st.sampled_from([b'"\\ud800"', b'9' * 5000, b'-0', b'"\xff"', b'']),
    ),
    lambda values: st.one_of(
        st.lists(values, max_size=3).map(
            lambda items: b'[' + b','.join(items) + b']'
        ),
        st.lists(st.tuples(st.sampled_from(_NAMES), values), max_size=4).map(
            lambda pairs: (
                b'{'
                + b','.join(b'"%s":%s' % (n.encode(), v) for n, v in pairs)
                + b'}'
            )
        ),
    ),
    max_leaves=8,
)
_body = st.one_of(_json, _json, st.binary(max_size=30), st.just(b'[' * 5000))
_framing = st.sampled_from(
    ['length', 'length', 'length', 'chunked', 'short', 'long', 'none', 'bad']
)


@st.composite
def _requests(draw: Any) -> tuple[str, bytes]:
    verb = draw(st.sampled_from(_VERBS))
    target = draw(st.one_of(_free_path, _call_path, _call_path))
    query = draw(_query)
    if query:
        target += b'?' + query
    headers = draw(st.lists(_header, max_size=3))
    body = draw(_body)
    framing = draw(_framing)
    lengths = {'length': 0, 'short': -1, 'long': 1}
    if framing == 'chunked':
        headers.append(b'Transfer-Encoding: chunked')
        body = raw.chunked(*filter(None, [body[:3], body[3:]]))
    elif framing == 'bad':
        headers.append(b'Content-Length: ' + draw(_byte.map(_printable)))
    elif framing in lengths:
        headers.append(b'Content-Length: %d' % (len(body) + lengths[framing]))
    return verb, raw.request(verb, target, *headers, body=body)


def _printable(data: bytes) -> bytes:
    return data.translate(None, b'\r\n')


class TestFuzz(envelope.EnvelopeCase):
    """Requests of any kind against the all-in-one service."""

    _resources: Any = None

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls._resources = fixtures.Fixture()
        cls._resources.setUp()
        cls.addClassCleanup(cls._resources.cleanUp)
        service = cls._resources.useFixture(
            embedded.Embedded(drivers={'odd': odd.OddVendor()})
        )
        cls.port = parse.urlsplit(service.url).port or 0

    @hypothesis.given(request=_requests())
    @hypothesis.settings(
        max_examples=_REQUESTS,
        deadline=None,
        # A failure must not depend on what an earlier run has left.
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def test_any_request_gets_an_answer_of_the_common_form(
        self, request: tuple[str, bytes]
    ) -> None:
        verb, data = request
        with raw.Connection('127.0.0.1', self.port) as connection:
            connection.send(data)
            connection.finish_sending()
            answer = connection.answer(verb)
        assert answer is not None, 'the connection ended without an answer'
        if 'openstack-request-id' not in answer.headers:
            self.assertIn(answer.status, _OF_SERVER, answer.body)
            return
        self.assertLess(answer.status, 500, answer.body)
        self.assert_answer(answer, answer.status)
