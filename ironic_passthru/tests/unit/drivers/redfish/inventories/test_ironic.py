# SPDX-License-Identifier: Apache-2.0
"""Faulty responses of an Ironic; functional tests have a real one."""

import json
import logging
import pathlib
import threading
from wsgiref import simple_server
from wsgiref import types

import fixtures

from ironic_passthru import errors
from ironic_passthru.drivers.redfish.inventories import ironic
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.drivers.redfish.inventories import (
    test_ironic_nodes,
)


def node(number: int, **info: object) -> dict[str, object]:
    """Return a node of Ironic."""
    return {
        'uuid': f'00000000-0000-0000-0000-{number:012}',
        'name': f'n{number}',
        'driver_info': {**test_ironic_nodes.GOOD, **info},
    }


class _Handler(simple_server.WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


class Stub(fixtures.Fixture):
    """An API with one response at a time.

    :ivar queries: the queries of all requests.
    """

    def _setUp(self) -> None:
        self.queries: list[str] = []
        self.set({'nodes': []})
        server = simple_server.make_server(
            '127.0.0.1', 0, self._application, handler_class=_Handler
        )
        self.url = f'http://127.0.0.1:{server.server_port}'
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)

    def set(
        self,
        body: object,
        status: str = '200 OK',
        location: str | None = None,
    ) -> None:
        """Set the following responses."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = [('Location', location)] if location else []
        self._response = (status, data, headers)

    def _application(
        self, environ: types.WSGIEnvironment, start: types.StartResponse
    ) -> list[bytes]:
        self.queries.append(environ['QUERY_STRING'])
        status, body, headers = self._response
        start(status, [('Content-Type', 'application/json'), *headers])
        return [body]


class IronicSourceTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=logging.INFO, nuke_handlers=False)
        )
        self.stub = self.useFixture(Stub())
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def start(self, text: str | None = None) -> ironic.IronicSource:
        """Return a source with a configuration of the group."""
        if text is None:
            text = f'auth_type = none\nendpoint = {self.stub.url}'
        path = self.directory / 'test.conf'
        path.write_text(
            f'[redfish]\ninventory_refresh = 1\n[redfish_ironic]\n{text}\n'
        )
        conf = self.make_conf()
        conf([], default_config_files=[str(path)])
        source = ironic.IronicSource()
        self.addCleanup(source.stop)
        source.start(conf)
        return source

    def wait_for_log(self, text: str) -> None:
        self.wait_for(lambda: text in self.log.output, text)

    def test_options(self) -> None:
        for text, expected in (
            ('', '[redfish_ironic] auth_type is required'),
            ('auth_type = hunter', '[redfish_ironic]: '),
            ('auth_type = password', '[redfish_ironic]: '),
            ('auth_type = none\ntimeout = soon', '[redfish_ironic]: '),
        ):
            error = self.assertRaises(errors.ConfigError, self.start, text)
            self.assertIn(expected, error.message)
            self.assertNotIn('\n', error.message)

    def test_responses_without_nodes(self) -> None:
        elsewhere = self.useFixture(Stub())
        for body, status, location, expected in (
            ({}, '500 Internal Server Error', None, 'InternalServerError'),
            ({}, '401 Unauthorized', None, 'Unauthorized'),
            (b'<html>', '200 OK', None, '(status 200) is not a list'),
            ([], '200 OK', None, '(status 200) is not a list'),
            ({'nodes': [1]}, '200 OK', None, '(status 200) is not a list'),
            ({}, '302 Found', elsewhere.url, '(status 302) is not a list'),
            ({'nodes': [node(1)], 'next': 'x'}, '200 OK', None, 'never end'),
        ):
            self.stub.set(body, status, location)
            source = self.start()
            source.stop()
            error = self.assertRaises(errors.TemporaryFailure, source.current)
            self.assertIn('targets are not known yet', error.message)
            self.assertIn(expected, self.log.output.splitlines()[-1])
        self.assertEqual([], elsewhere.queries)

    def test_the_last_nodes_remain(self) -> None:
        self.stub.set({'nodes': [node(1)]})
        source = self.start()
        self.stub.set({}, '503 Service Unavailable')
        self.wait_for_log('the last 1 targets remain in use')
        self.assertEqual(1, len(source.current()))
        self.stub.set({'nodes': [node(1), node(2)]})
        self.wait_for_log('has 2 usable Redfish nodes')
        self.assertEqual(2, len(source.current()))

    def test_pages_are_read_from_the_same_host(self) -> None:
        elsewhere = self.useFixture(Stub())
        self.stub.set({'nodes': [node(1)], 'next': elsewhere.url})
        self.start().stop()
        self.assertEqual([], elsewhere.queries)
        first, second = self.stub.queries
        self.assertNotIn('marker', first)
        self.assertIn(f'marker={node(1)["uuid"]}', second)

    def test_nodes_that_are_no_targets_are_summarized(self) -> None:
        nodes = [node(0), node(1, redfish_password='******')]
        nodes += [node(n, redfish_address=None) for n in range(2, 14)]
        self.stub.set({'nodes': nodes})
        source = self.start()
        self.stub.queries.clear()
        self.wait_for(lambda: len(self.stub.queries) == 2, 'two refreshes')
        self.assertEqual(1, len(source.current()))
        for text in (
            'hides the credentials of 1 Redfish nodes',
            '12 Redfish nodes of Ironic of [redfish_ironic] are not targets: '
            'n2 (redfish_address is missing), n3',
            'n11 (redfish_address is missing) and 2 more',
        ):
            self.assertEqual(1, self.log.output.count(text), text)
