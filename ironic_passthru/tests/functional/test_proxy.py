# SPDX-License-Identifier: Apache-2.0
"""The documented proxy, and forged client addresses."""

import http.client
import json
import os
import pathlib
from typing import Any
from urllib import parse

import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers

_SAMPLE = console.ROOT / 'doc/source/admin/samples/proxy.conf'
_MODULES = pathlib.Path('/usr/lib/apache2/modules')
_LOADED = ('mpm_event', 'authz_core', 'headers', 'proxy', 'proxy_http')

# Address of the API in the sample.
_ADDRESS = '192.0.2.10:6385'
# The whole network is loopback: client and proxy have different addresses.
_CLIENT = '127.0.0.2'
_PROXY = '127.0.0.1'

_SERVER = """
ServerName localhost
Listen {port}
User www-data
Group www-data
PidFile {directory}/pid
DefaultRuntimeDir {directory}
ErrorLog /dev/stderr
{sample}
"""

_FORGED = {
    'Forwarded': 'for=203.0.113.9;host=evil.example;proto=https',
    'X-Forwarded-For': '203.0.113.9',
    'X-Forwarded-Host': 'evil.example',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Prefix': '/evil',
}


class TestProxy(base.TestCase):
    """Apache as a proxy, with the configuration of the page."""

    def setUp(self) -> None:
        super().setUp()
        self.lines = self.useFixture(
            fixtures.FakeLogger('ironic_passthru.audit', format='%(message)s')
        )
        self.service = self.useFixture(
            embedded.Embedded(
                config='[oslo_middleware]\n'
                'enable_proxy_headers_parsing = true\n',
                audit__format='json',
            )
        )
        self.port = self.useFixture(servers.ReservedPort()).port
        self.url = f'http://{_PROXY}:{self.port}'
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        apache = self.useFixture(
            processes.Process(
                self.command(directory),
                environment=os.environ,
                log=directory / 'log',
            )
        )
        apache.start()
        processes.wait_until(self.answers, 'Apache')

    def command(self, directory: pathlib.Path) -> list[str]:
        """Return the command line of a proxy in the foreground."""
        sample = _SAMPLE.read_text()
        self.assertIn(_ADDRESS, sample)
        api = parse.urlsplit(self.service.url).netloc
        server = _SERVER.format(
            port=self.port,
            directory=directory,
            sample=sample.replace(_ADDRESS, api),
        )
        lines = [
            f'LoadModule {name}_module {_MODULES}/mod_{name}.so'
            for name in _LOADED
        ]
        main = directory / 'apache2.conf'
        main.write_text('\n'.join((*lines, server)))
        program = servers.require('apache2', 'apache2', ('/usr/sbin',))
        return [program, '-D', 'FOREGROUND', '-f', str(main)]

    def answers(self) -> bool:
        try:
            return self.ask('GET', '/').status == 200
        except OSError:
            return False

    def ask(self, http_method: str, path: str, **headers: str) -> Any:
        """Return the answer to a request, its body as ``body``."""
        connection = http.client.HTTPConnection(
            _PROXY, self.port, timeout=60, source_address=(_CLIENT, 0)
        )
        self.addCleanup(connection.close)
        connection.request(http_method, path, headers=headers)
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        return answer

    def call(self, **headers: str) -> tuple[http.client.HTTPResponse, Any]:
        """Return the response to a call and its audit record."""
        answer = self.ask(
            'POST',
            '/v1/drivers/fake-hardware/vendor_passthru/start_fan_test',
            **headers,
        )
        line = json.loads(self.lines.output.splitlines()[-1])
        return answer, line

    def test_clients_have_their_own_addresses(self) -> None:
        for headers in ({}, _FORGED):
            answer, line = self.call(**headers)
            self.assertEqual(202, answer.status)
            self.assertEqual(_CLIENT, line['address'])
            self.assertEqual(_PROXY, line['proxy'])

    def test_links_lead_to_the_proxy(self) -> None:
        for headers in ({}, _FORGED):
            answer, line = self.call(**headers)
            self.assertEqual(
                f'{self.url}/v1/operations/{line["operation"]}',
                answer.headers['Location'],
            )

    def test_names_keep_their_slashes(self) -> None:
        """The proxy must not change paths."""
        for path, status in (
            ('/v1/drivers/fake-hardware', 200),
            ('/v1/drivers%2Ffake-hardware', 200),
            ('/v1/drivers/fake-hardware%2F%2F', 404),
        ):
            self.assertEqual(status, self.ask('GET', path).status, path)
