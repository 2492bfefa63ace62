# SPDX-License-Identifier: Apache-2.0
"""Secrets of Barbican, from a server that imitates it and its Identity."""

import http.server
import json
import logging
import pathlib
import threading
from typing import Any

import fixtures

from ironic_passthru.secret_store import store
from ironic_passthru.tests import base

TEXT = '6f2b0e7a-1d3c-4f58-9a0b-2c4d6e8f0a1b'
OCTETS = '0c9d8e7f-6a5b-4c3d-8e2f-1a0b9c8d7e6f'
DENIED = '9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d'
OTHER = 'b3f1d2c4-5e6f-4a7b-8c9d-0e1f2a3b4c5d'

SECRETS = {
    TEXT: ('text/plain', b'correct-h\xc3\xb6rse\n'),
    OCTETS: ('application/octet-stream', b'battery-staple'),
}


class _Server(http.server.BaseHTTPRequestHandler):
    """Identity below /v3, Barbican below /v1."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers['Content-Length']))
        token = {'methods': [], 'expires_at': '2999-01-01T00:00:00.000000Z'}
        self.respond({'token': token}, 201)

    def do_GET(self) -> None:
        url = f'http://{self.headers["Host"]}/'
        version = {'status': 'stable', 'links': [{'rel': 'self'}]}
        parts = self.path.split('/')
        if self.path.startswith('/v3'):
            version['id'], version['links'] = (
                'v3',
                [{'rel': 'self', 'href': f'{url}v3'}],
            )
            self.respond({'version': version})
        elif parts[-1] == 'payload':
            self.respond(SECRETS[parts[-2]][1])
        elif parts[-1] in SECRETS:
            kind = SECRETS[parts[-1]][0]
            self.respond(
                {
                    'name': 'a',
                    'secret_type': 'passphrase',
                    'content_types': {'default': kind},
                    'created': '2026-11-30T17:00:00',
                }
            )
        elif parts[-1] == DENIED:
            self.respond({'title': 'Forbidden'}, 403)
        elif 'secrets' in parts:
            self.respond({'title': 'Not Found'}, 404)
        else:
            version['id'], version['links'] = (
                'v1',
                [{'rel': 'self', 'href': f'{url}v1/'}],
            )
            self.respond({'versions': [version]})

    def respond(self, document: Any, status: int = 200) -> None:
        body = document
        if not isinstance(body, bytes):
            body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('X-Subject-Token', 'token')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class TestBarbican(base.TestCase):
    def open(self) -> store.SecretStore:
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Server)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        ).start()
        url = f'http://127.0.0.1:{server.server_port}'
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'conf'
        path.write_text(
            '[key_manager]\nbackend = barbican\nauth_type = keystone_password'
            f'\nauth_url = {url}/v3\nusername = u\npassword = p\n'
            f'[barbican]\nbarbican_endpoint = {url}\n'
        )
        path.chmod(0o600)
        return store.SecretStore(str(path), option='x')

    def test_values(self) -> None:
        reader = self.open()
        log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.assertEqual('correct-hörse', reader.read(TEXT))
        self.assertEqual('battery-staple', reader.read(OCTETS))
        # Other requests of urllib3 are logged.
        self.assertIn('/v1/secrets', log.output)
        for text in ('correct', 'battery', 'Calculated'):
            self.assertNotIn(text, log.output)

    def test_identifiers(self) -> None:
        reader = self.open()
        for identifier, reason in (
            (OTHER, 'its secret does not exist'),
            ('rack1', 'its secret does not exist'),
            (DENIED, 'denies access to its secret'),
        ):
            error = self.assertRaises(
                store.SecretUnusable, reader.read, identifier
            )
            self.assertIn(reason, str(error))
