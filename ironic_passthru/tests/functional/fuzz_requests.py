# SPDX-License-Identifier: Apache-2.0
"""Strategies of hypothesis for random requests.

An example contains the parts of many requests, which are combined: so a few
examples generate thousands of requests a second, and a failing example still
shrinks to one part of each kind.
"""

import dataclasses
import random
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from urllib import parse

from hypothesis import strategies as st

from ironic_passthru.tests.functional import raw

# Values of secret parameters, which must not appear in responses or logs.
SECRET = 'correct-horse-battery-staple'

_VERBS = [
    *('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'X'),
    *('GET', 'POST', 'GET', 'POST', 'GET', 'POST', 'TRACE'),
]
# Drivers whose methods never fail: a 5xx is an error of the service.
_METHODS = ['typed', 'anything', 'strict', 'strict_later', 'names', 'methods']
_SECRETIVE = ['secretive', 'secretive_later']
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
    *('limit', 'marker', 'state', 'driver', 'request_id', 'password'),
]
_HEADERS = [
    *('Accept', 'Content-Type', 'X-OpenStack-Ironic-API-Version', 'Cookie'),
    *('OpenStack-API-Version', 'X-OpenStack-Request-ID', 'Origin'),
    *('Expect', 'Connection', 'Range', 'Upgrade', 'X-Forwarded-Host'),
    *('Prefer', 'Prefer', 'Idempotency-Key', 'Access-Control-Request-Method'),
    # Set by proxies or authentication; clients must not set them.
    *('X-Roles', 'X-User-Id', 'X-Identity-Status', 'X_Roles', 'Forwarded'),
    *('OpenStack-System-Scope', 'X-Service-Token', 'X-Is-Admin-Project'),
    'Passthru-Conductor-Group',
]
_VALUES = [
    *('', '1.1', '1.115', 'latest', 'baremetal 1.50', 'application/json'),
    *('application/problem+json', '*/*', 'text/html', 'charset=x', 'close'),
    *('application/json; charset=utf-16', '100-continue', 'h2c', 'admin'),
    *('respond-async', 'wait=1', 'respond-async, wait=1', '"k"', 'all'),
    *('https://allowed.example', 'https://evil.example', 'Confirmed', 'True'),
]

_SPLITTING = bytes([*range(33), *b'#?', *range(127, 256)])
_byte = st.binary(max_size=6)
_text = st.text(max_size=6).map(lambda text: parse.quote(text).encode())


def _of(choices: list[str]) -> st.SearchStrategy[bytes]:
    """Return mostly one of ``choices``, sometimes other bytes.

    The HTTP server accepts all of them.
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
# Most of these succeed in an otherwise valid request.
_known_path = st.sampled_from(
    [
        *(b'/', b'/v1', b'/v1/drivers', b'/v1/drivers/odd', b'/healthcheck'),
        *(b'/v1/operations', b'/v1/conductors', b'/v1/conductors/embedded'),
        b'/v1/drivers/odd/vendor_passthru/methods',
        b'/v1/drivers/fake-hardware/properties',
        b'/v1/drivers/odd/vendor_passthru/typed',
        b'/v1/drivers/odd/vendor_passthru/anything',
        b'/v1/drivers/odd/vendor_passthru/strict',
        b'/v1/drivers/odd/vendor_passthru/strict_later',
    ]
)
_pair = st.builds(
    lambda name, value: name + b'=' + value,
    _of(_NAMES),
    _of([*_METHODS, '3', 'true', '1.5', '[1]', 'NaN', 'dynamic', 'name']),
)
_long = st.sampled_from([b'x' * 8192, b'x' * 9000, b'x' * 30_000, b'&' * 300])
_query = st.one_of(
    *[st.just(b'')] * 8,
    *[st.lists(_pair, max_size=4).map(b'&'.join)] * 8,
    _long,
)
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
_good_json = st.sampled_from(
    [b'', b'{}', b'null', b'{"slot": 3}', b'{"slot": 3, "serial": "x"}']
)
_body = st.one_of(
    *(_good_json, _good_json, _good_json, _json, _json),
    *(st.binary(max_size=30), st.just(b'[' * 5000)),
)
_FRAMINGS = [
    *['length'] * 12,
    *['chunked'] * 3,
    'short',
    'long',
    'none',
    'bad',
]
_BROKEN = [b'X: ' + b'x' * 33_000, b' X: y', b'X', b'X: \0']

# Number of requests of one example.
REQUESTS = 100


@dataclasses.dataclass(frozen=True)
class Request:
    """Bytes to send, and the expected response.

    :param alone: whether the connection cannot be used again.
    """

    http_method: str
    data: bytes
    alone: bool


@dataclasses.dataclass(frozen=True)
class Target:
    """HTTP method and URL."""

    http_method: str
    url: bytes
    secret: bool = False


@dataclasses.dataclass(frozen=True)
class Parts:
    """The parts of many requests.

    :param good: headers of valid logins, beginning with the most rights.
    """

    seed: int
    targets: list[Target]
    headers: list[list[bytes]]
    bodies: list[bytes]
    lengths: list[bytes]
    good: Sequence[list[bytes]]
    wrong: list[list[bytes]]

    def requests(self) -> Iterator[Request]:
        """Combine the parts to requests."""
        chance = random.Random(self.seed)
        for _ in range(REQUESTS):
            yield self._request(chance)

    def _request(self, chance: random.Random) -> Request:
        target = chance.choice(self.targets)
        lines = []
        # A request with several errors is rejected for the first one.
        if chance.random() < 0.4:
            lines.extend(chance.choice(self.headers))
        if chance.random() < 0.8:
            # The first one with probability 1/2.
            lines.extend(chance.choice([*self.good, self.good[0]]))
        else:
            lines.extend(chance.choice(self.wrong))
        if chance.random() < 0.03:
            lines.append(chance.choice(_BROKEN))
        body = chance.choice(self.bodies)
        if target.secret:
            # In addition to an error that may be reported first.
            fill = body if body[:1].isalnum() or body[:1] in b'{[' else b'0'
            body = b'{"password": "%s", "slot": %s}' % (SECRET.encode(), fill)
        return self._framed(chance, target, lines, body)

    def _framed(
        self,
        chance: random.Random,
        target: Target,
        lines: list[bytes],
        body: bytes,
    ) -> Request:
        framing = chance.choice(_FRAMINGS)
        if framing == 'chunked':
            lines.append(b'Transfer-Encoding: chunked')
            body = raw.chunked(*filter(None, [body[:3], body[3:]]))
        elif framing == 'bad':
            lines.append(b'Content-Length: ' + chance.choice(self.lengths))
        elif framing != 'none':
            wrong = {'length': 0, 'short': -1, 'long': 1}[framing]
            lines.append(b'Content-Length: %d' % (len(body) + wrong))
        return Request(
            target.http_method,
            raw.request(target.http_method, target.url, *lines, body=body),
            alone=framing not in ('length', 'chunked'),
        )


def _target(http_method: str, path: bytes, query: bytes) -> Target:
    return Target(http_method, path + b'?' + query if query else path)


def _secret_target(
    http_method: str, method: str, by_query: bool, query: bytes
) -> Target:
    url = b'/v1/drivers/odd/vendor_passthru'
    if by_query:
        url += b'?method=' + method.encode() + b'&' + query
    else:
        url += b'/' + method.encode() + b'?' + query
    return Target(http_method, url, secret=True)


_targets = st.one_of(
    *[
        st.builds(
            _target,
            st.sampled_from(_VERBS),
            st.one_of(_free_path, _call_path, _known_path, _known_path),
            _query,
        )
    ]
    * 6,
    st.builds(
        _secret_target,
        st.sampled_from(['GET', 'POST', 'PUT', 'DELETE', 'PATCH']),
        st.sampled_from(_SECRETIVE),
        st.booleans(),
        st.sampled_from(
            [
                b'',
                b'password=' + SECRET.encode(),
                b'slot=' + SECRET.encode(),
                b'password=%ff' + SECRET.encode(),
                b'x=' + SECRET.encode(),
            ]
        ),
    ),
)


def parts(
    good: Sequence[list[bytes]], wrong: st.SearchStrategy[list[bytes]]
) -> st.SearchStrategy[Parts]:
    """Return the strategy of examples.

    :param good: headers of valid logins, beginning with the most rights.
    :param wrong: headers of invalid logins.
    """

    def some(strategy: Any) -> Any:
        return st.lists(strategy, min_size=1, max_size=20)

    return st.builds(
        Parts,
        seed=st.integers(0, 2**32),
        targets=some(_targets),
        headers=some(st.lists(_header, max_size=3)),
        bodies=some(_body),
        lengths=some(_byte.map(_printable)),
        good=st.just(good),
        wrong=some(wrong),
    )


def _printable(data: bytes) -> bytes:
    return data.translate(None, b'\r\n')


def wrong_logins(name: bytes) -> st.SearchStrategy[list[bytes]]:
    """Return invalid logins of all kinds.

    :param name: header of the login.
    """
    fixed = [
        b'',
        b'notused',
        b'Basic',
        b'Basic Og==',
        b'Basic !!!!',
        b'Basic AAAA',
        b'Basic /////w==',
        b'Basic ' + b'QUFB' * 5000,
        b'Bearer ' + b'x' * 200,
        b'gAAAAABk' + b'A' * 180,
        b'../../v3/users',
        b'\xc3\xa4\xff',
        b'a\0b',
        b'a\r\n b',
        b'x' * 20_000,
    ]
    return st.one_of(
        st.just([]),
        st.sampled_from(fixed).map(lambda value: [name + b': ' + value]),
        st.sampled_from(fixed).map(lambda value: [name + b': ' + value] * 2),
        _byte.map(_printable).map(lambda value: [name + b': ' + value]),
    )
