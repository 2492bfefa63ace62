# SPDX-License-Identifier: Apache-2.0
"""Responses to failing drivers contain no internals.

Headers and bodies are searched for the contents of the failures: names of
classes and modules, paths, addresses, versions and secrets.
"""

import enum
import json
import pathlib
import platform
import socket
import sqlite3
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from typing import Annotated
from typing import Any

import pydantic

import ironic_passthru
from ironic_passthru import errors
from ironic_passthru.drivers import base as drivers
from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import web

SECRET = 'hunter2hunter2'
ADDRESS = '192.0.2.7'
PATH = '/etc/acme/credentials.yaml'

MARKERS = (
    SECRET,
    ADDRESS,
    PATH,
    'Traceback',
    'File "',
    '.py',
    'site-packages',
    str(pathlib.Path(ironic_passthru.__file__).parent),
    sys.prefix,
    # Classes and modules of drivers, service and libraries.
    'AcmeVendor',
    'AcmeError',
    'Depot',
    'Error:',
    'RuntimeError',
    'KeyError',
    'TypeError',
    'ValidationError',
    '_Remote',
    'test_leaks',
    'ironic_passthru.',
    'pydantic',
    'jsonschema',
    'oslo',
    'sqlalchemy',
    'sqlite',
    'stevedore',
    'webob',
    'pecan',
    'cheroot',
    'object at 0x',
    # Versions.
    platform.python_version(),
    'Python/',
    'OpenSSL',
)


class AcmeError(Exception):
    """An exception of the driver that is not an error of the project."""


class Refused(errors.DriverError):
    """An error of the project: its message is for the client."""

    code = 'acme_refused'
    status = 422
    _msg_fmt = 'The depot refused %(what)s.'


class Depot(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    slots: Annotated[int, pydantic.Field(ge=1)]

    @pydantic.model_validator(mode='after')
    def _exists(self) -> 'Depot':
        if self.slots == 13:
            pathlib.Path(PATH).read_text()
        if self.slots == 14:
            raise UnicodeError(f'{PATH} is not text')
        return self


class Shelf(pydantic.BaseModel):
    kind: str


class Colour(enum.Enum):
    RED = 'red'


def _chained(secret: str) -> None:
    try:
        raise AcmeError(f'{PATH}: {secret}')
    except AcmeError as cause:
        error = Refused(what=f'the login {secret}')
        error.add_note(f'see {PATH}')
        error.kwargs['path'] = pathlib.Path(PATH)
        raise error from cause


def _remote(secret: str) -> None:
    raise errors.VendorPassthruException('the depot said no') from OSError(
        5, f'no route to {ADDRESS} with {secret}', PATH
    )


def _raise(error: BaseException) -> None:
    raise error


def _recurse(secret: str) -> None:
    _recurse(secret)


def _generate(secret: str) -> Any:
    yield 1
    raise AcmeError(f'{PATH}: {secret}')


WAYS: dict[str, Callable[[str], Any]] = {
    'plain': lambda s: _raise(RuntimeError(f'{ADDRESS} refused {s}')),
    'own class': lambda s: _raise(AcmeError(PATH, s)),
    'key': lambda s: {}[s],
    'attribute': lambda s: Depot.nothing,
    'type': lambda s: len(5),
    'file': lambda s: pathlib.Path(PATH).read_text(),
    'import': lambda s: __import__('acme_' + s),
    'socket': lambda s: socket.create_connection(('127.0.0.1', 1)),
    'tls': lambda s: ssl.create_default_context(cafile=PATH),
    'fetch': lambda s: urllib.request.urlopen(f'bmc://me:{s}@{ADDRESS}'),
    'process': lambda s: subprocess.run([PATH, s], check=True),
    'database': lambda s: sqlite3.connect(':memory:').execute(s),
    'model': lambda s: Depot(slots=s),
    'json': lambda s: json.loads(s),
    'unicode': lambda s: b'\xff'.decode(),
    'exit': lambda s: sys.exit(f'{PATH} {s}'),
    'interrupt': lambda s: _raise(KeyboardInterrupt(s)),
    'assert': lambda s: _raise(AssertionError(s)),
    'memory': lambda s: _raise(MemoryError(s)),
    'recursion': _recurse,
    'group': lambda s: _raise(ExceptionGroup(PATH, [AcmeError(s)])),
    'chained': _chained,
    'remote': _remote,
    'internal': lambda s: _raise(errors.PassthruError(reason=s)),
    'not run': lambda s: _raise(errors.ConductorBusy()),
    'generator': _generate,
    'object': lambda s: object(),
    'error as result': lambda s: AcmeError(s),
    'class as result': lambda s: Depot,
    'bytes': lambda s: b'\xff',
    'not a number': lambda s: float('nan'),
}


class AcmeVendor(drivers.VendorInterface):
    """Methods that fail in a given way."""

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        if method == 'checked':
            WAYS[kwargs['way']](kwargs['pin'])

    @drivers.driver_passthru(['POST'], async_call=False, secret='pin')
    def act(self, way: str, pin: str) -> Any:
        return WAYS[way](pin)

    @drivers.driver_passthru(['POST'], secret='pin')
    def later(self, way: str, pin: str) -> Any:
        return WAYS[way](pin)

    @drivers.driver_passthru(['POST'], async_call=False, secret='pin')
    def checked(self, way: str, pin: str) -> None: ...

    @drivers.driver_passthru(
        ['POST'], async_call=False, attach=True, secret='pin'
    )
    def attached(self, way: str, pin: str) -> Any:
        return WAYS[way](pin)

    @drivers.driver_passthru(['POST'], async_call=False)
    def typed(
        self,
        depot: Depot | None = None,
        either: Depot | Shelf | None = None,
        many: list[Depot] | None = None,
        colour: Colour = Colour.RED,
        file: pydantic.FilePath | None = None,
        pin: pydantic.SecretStr | None = None,
        number: Annotated[int, pydantic.Strict()] = 1,
    ) -> None: ...


class TestLeaks(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.service = self.useFixture(
            embedded.Embedded(drivers={'acme': AcmeVendor()})
        )
        self.client = web.Client(self.service.url)

    def call(self, method: str, **parameters: Any) -> web.Answer:
        return self.client.call(method, 'POST', driver='acme', **parameters)

    def assert_tight(self, answer: web.Answer, what: str) -> None:
        shown = f'{answer.headers}\n{answer.body.decode("utf-8", "replace")}'
        # Links contain the URL of the service.
        shown = shown.replace(self.service.url, '')
        for marker in MARKERS:
            self.assertNotIn(marker, shown, what)

    def test_calls(self) -> None:
        for way in WAYS:
            for method in ('act', 'checked', 'attached'):
                answer = self.call(method, way=way, pin=SECRET)
                self.assert_tight(answer, f'{method} {way}')
                fails = way not in _SUCCEED.get(method, ())
                self.assertEqual(fails, answer.status >= 400, way)
                if answer.status == 500:
                    self.assertTrue(answer.fault, way)

    def test_operations(self) -> None:
        for way in WAYS:
            self._follow(self.call('later', way=way, pin=SECRET), way)
            self._follow(
                self.client.request(
                    'POST',
                    '/v1/drivers/acme/vendor_passthru?method=act',
                    {'way': way, 'pin': SECRET},
                    {'Prefer': 'respond-async'},
                ),
                way,
            )
        self.assert_tight(self.client.get('/v1/operations'), 'list')

    def _follow(self, accepted: web.Answer, way: str) -> None:
        self.assertEqual(202, accepted.status, way)
        self.assert_tight(accepted, way)
        path = accepted.headers['Location'].removeprefix(self.service.url)
        self.wait_for(
            lambda: (
                self.client.get(path).json['state'] in ('succeeded', 'failed')
            ),
            way,
        )
        self.assert_tight(self.client.get(path), way)
        self.assert_tight(self.client.get(f'{path}/result'), way)

    def test_parameters(self) -> None:
        for parameters in (
            {'depot': {'slots': 0}},
            {'depot': {'slots': 1.0}},
            {'depot': {'slots': True}},
            {'depot': {'slots': 13}},
            {'depot': {'slots': 14}},
            {'depot': 5},
            {'depot': {}},
            {'either': {'slots': 0}},
            {'either': {'slots': 13}},
            {'either': {'slots': 14}},
            {'either': {'kind': 5}},
            {'many': [{'slots': 1}, {'slots': 14}]},
            {'many': {'a': 1}},
            {'colour': 'blue'},
            {'file': PATH},
            {'file': 'a\x00b'},
            {'file': 'x' * 5000},
            {'pin': 5},
            {'pin': {SECRET: SECRET}},
            {'number': 1.0},
            {'number': 'x'},
            {SECRET[:4]: 1},
        ):
            answer = self.call('typed', **parameters)
            self.assert_tight(answer, str(parameters)[:80])
            self.assertGreaterEqual(answer.status, 400, str(parameters)[:80])

    def test_requests(self) -> None:
        for http_method, path, body in (
            ('GET', '/', None),
            ('GET', '/v1', None),
            ('GET', '/no/such/thing', None),
            ('GET', '/%00', None),
            ('GET', '/v1/drivers/acme/vendor_passthru?method=%ff', None),
            ('POST', '/v1/drivers', b'{'),
            ('POST', '/v1/drivers/acme/vendor_passthru?method=act', b'{"a":'),
            ('POST', '/v1/drivers/acme/vendor_passthru?method=act', b'\xff'),
            ('POST', '/v1/drivers/acme/vendor_passthru?method=act', b'[' * 99),
            ('BREW', '/v1/drivers', None),
            ('GET', '/healthcheck', None),
        ):
            answer = self.client.request(http_method, path, body)
            self.assert_tight(answer, f'{http_method} {path}')


# Not a failure of the driver.
_SUCCEED = {
    'checked': (
        'generator',
        'object',
        'error as result',
        'class as result',
        'bytes',
        'not a number',
    ),
    'attached': ('bytes',),
}
