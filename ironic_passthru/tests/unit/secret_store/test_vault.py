# SPDX-License-Identifier: Apache-2.0
"""Secrets of Vault in the documented form, from a server that imitates it."""

import http.server
import json
import pathlib
import threading

import fixtures

from ironic_passthru.secret_store import store
from ironic_passthru.tests import base

RECORD = {
    'type': 'passphrase',
    'name': None,
    'created': None,
    'value': b'correct-horse'.hex(),
}


class _Vault(http.server.BaseHTTPRequestHandler):
    """KV version 2 with the login of an AppRole."""

    SECRETS = {
        '/v1/secret/data/ironic-passthru/bmc/good': RECORD,
        '/v1/secret/data/ironic-passthru/bmc/text': {'password': 'hunter2'},
        '/v1/secret/data/ironic-passthru/bmc/type': {**RECORD, 'type': 'x'},
        '/v1/secret/data/ironic-passthru/bmc/long': {
            **RECORD,
            'value': '61' * 70000,
        },
    }
    token = 'token'
    status = 0

    def do_POST(self) -> None:
        size = int(self.headers['Content-Length'])
        login = json.loads(self.rfile.read(size))
        if login != {'role_id': 'role', 'secret_id': 'secret'}:
            self.respond(400, {'errors': ['invalid role or secret ID']})
            return
        auth = {'client_token': self.token, 'lease_duration': 60}
        self.respond(200, {'auth': auth})

    def do_GET(self) -> None:
        if self.status:
            self.respond(self.status, {'errors': ['hunter2']})
        elif self.headers['X-Vault-Token'] != self.token:
            self.respond(403, {})
        elif self.path not in self.SECRETS:
            self.respond(404, {'errors': []})
        else:
            self.respond(200, {'data': {'data': self.SECRETS[self.path]}})

    def respond(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class TestVault(base.TestCase):
    def open(self, secret_id: str) -> store.SecretStore:
        self.vault = type('_', (_Vault,), {})
        server = http.server.HTTPServer(('127.0.0.1', 0), self.vault)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        ).start()
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = path = directory / 'conf'
        path.write_text(
            '[key_manager]\nbackend = vault\n[vault]\n'
            f'vault_url = http://127.0.0.1:{server.server_port}\n'
            f'approle_role_id = role\napprole_secret_id = {secret_id}\n'
            'kv_path = ironic-passthru\n'
        )
        path.chmod(0o600)
        return store.SecretStore(str(path), option='x')

    def test_documented_form(self) -> None:
        reader = self.open('secret')
        self.assertEqual('correct-horse', reader.read('bmc/good'))
        for name, reason in (
            ('none', 'does not exist'),
            ('text', 'store it in the form of castellan'),
            ('type', 'store it in the form of castellan'),
            ('long', 'has more than 65536 characters'),
        ):
            error = self.assertRaises(
                store.SecretUnusable, reader.read, f'bmc/{name}'
            )
            self.assertIn(reason, str(error))

    def test_login_that_is_refused(self) -> None:
        error = self.assertRaises(
            store.StoreUnavailable, self.open('hunter2').read, 'bmc/good'
        )
        self.assertIn('invalid role or secret ID', str(error))
        self.assertNotIn('hunter2', str(error))

    def test_errors_of_the_server(self) -> None:
        reader = self.open('secret')
        for status in (400, 429, 473, 502):
            self.vault.status = status
            error = self.assertRaises(
                store.StoreUnavailable, reader.read, 'bmc/good'
            )
            self.assertIn(f'HTTP {status}', str(error))
            self.assertNotIn('hunter2', str(error))

    def test_token_that_is_revoked(self) -> None:
        reader = self.open('secret')
        self.assertEqual('correct-horse', reader.read('bmc/good'))
        self.vault.token = 'another'
        self.assertRaises(store.SecretUnusable, reader.read, 'bmc/good')
        self.assertEqual('correct-horse', reader.read('bmc/good'))

    def test_credentials_that_change(self) -> None:
        reader = self.open('hunter2')
        self.assertRaises(store.StoreUnavailable, reader.read, 'bmc/good')
        text = self.path.read_text()
        self.path.write_text('not valid')
        error = self.assertRaises(
            store.StoreUnavailable, reader.read, 'bmc/good'
        )
        self.assertIn(f'{self.path}:1', str(error))
        self.path.write_text(text.replace('hunter2', 'secret'))
        self.assertEqual('correct-horse', reader.read('bmc/good'))
