# SPDX-License-Identifier: Apache-2.0
"""Simulated BMCs: sushy's emulator, and one that injects errors."""

import collections
import contextlib
import dataclasses
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from collections.abc import Mapping

import bcrypt
import fixtures
import trustme
import yaml

from ironic_passthru import context as request_context

USERNAME = 'admin'
PASSWORD = 'emulated-secret'

#: Context of a call without an operation.
CONTEXT = request_context.RequestContext(overwrite=False)

_LISTENING = re.compile(rb'Running on (https?://127\.0\.0\.1:\d+)')


class SushyEmulator(fixtures.Fixture):
    """A process of ``sushy-emulator --fake`` on the loopback interface.

    It requires a login. Each system has a medium in its CD drive and none
    in its floppy drive; all are powered off.

    :param names: names of its systems.
    :param tls: whether it serves HTTPS, with a certificate of ``ca``.
    :ivar url: URL of the emulator.
    :ivar uuids: system ids by name.
    :ivar ca: file of the CA certificate.
    """

    def __init__(
        self,
        names: tuple[str, ...] = ('alpha', 'beta', 'gamma'),
        *,
        tls: bool = False,
    ) -> None:
        super().__init__()
        self.uuids = {
            name: f'00000000-0000-4000-8000-{number:012d}'
            for number, name in enumerate(names, start=1)
        }
        self.tls = tls
        self.url = ''

    def _setUp(self) -> None:
        self._directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path
        )
        self.ca = self._directory / 'ca.pem'
        log = self._directory / 'log'
        config = self._write_config()
        with log.open('wb') as output:
            process = subprocess.Popen(
                [_program(), '--fake', '--config', str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, 'PYTHONUNBUFFERED': '1'},
            )
        self.addCleanup(_end, process)
        self.url = _wait_for_url(process, log)

    def inventory(
        self,
        path: pathlib.Path,
        *,
        tags: Mapping[str, list[str]] | None = None,
        more: Mapping[str, Mapping[str, object]] | None = None,
    ) -> pathlib.Path:
        """Write an inventory file that names each system; return ``path``.

        :param tags: tags of systems, by name.
        :param more: further entries, by name.
        """
        entries = {
            name: self.entry(name) | {'tags': (tags or {}).get(name, [])}
            for name in self.uuids
        }
        path.write_text(yaml.safe_dump({**entries, **(more or {})}))
        path.chmod(0o600)
        return path

    def entry(self, name: str) -> dict[str, object]:
        """Return the entry of one system for an inventory file."""
        entry: dict[str, object] = {
            'address': self.url,
            'username': USERNAME,
            'password': PASSWORD,
            'system_id': self.uuids[name],
        }
        return entry | ({'ca': str(self.ca)} if self.tls else {})

    def _write_config(self) -> pathlib.Path:
        settings: dict[str, object] = {
            'SUSHY_EMULATOR_LISTEN_IP': '127.0.0.1',
            'SUSHY_EMULATOR_LISTEN_PORT': 0,
            'SUSHY_EMULATOR_STATE_DIR': str(self._directory),
            'SUSHY_EMULATOR_AUTH_FILE': str(self._write_logins()),
            'SUSHY_EMULATOR_FAKE_SYSTEMS': [
                {
                    'uuid': uuid,
                    'name': name,
                    'power_state': 'Off',
                    'external_notifier': False,
                    'nics': [],
                }
                for name, uuid in self.uuids.items()
            ],
            'SUSHY_EMULATOR_VMEDIA_DEVICES': {
                'Cd': {
                    'Name': 'Virtual CD',
                    'MediaTypes': ['CD', 'DVD'],
                    'Image': 'http://images.invalid/boot.iso',
                    'ImageName': 'boot.iso',
                    'Inserted': True,
                },
                'Floppy': {
                    'Name': 'Virtual floppy',
                    'MediaTypes': ['Floppy', 'USBStick'],
                },
            },
        }
        if self.tls:
            settings |= self._write_certificate()
        config = self._directory / 'emulator.conf'
        config.write_text(
            ''.join(
                f'{name} = {value!r}\n' for name, value in settings.items()
            )
        )
        return config

    def _write_logins(self) -> pathlib.Path:
        path = self._directory / 'htpasswd'
        # A low cost, because the emulator checks the password at each request.
        digest = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        path.write_text(f'{USERNAME}:{digest}\n')
        return path

    def _write_certificate(self) -> dict[str, object]:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca))
        issued = authority.issue_cert('127.0.0.1')
        certificate = self._directory / 'server.pem'
        issued.cert_chain_pems[0].write_to_path(str(certificate))
        key = self._directory / 'server.key'
        issued.private_key_pem.write_to_path(str(key))
        return {
            'SUSHY_EMULATOR_SSL_CERT': str(certificate),
            'SUSHY_EMULATOR_SSL_KEY': str(key),
        }


def _program() -> str:
    beside = pathlib.Path(sys.executable).with_name('sushy-emulator')
    found = str(beside) if beside.exists() else shutil.which('sushy-emulator')
    if not found:
        raise RuntimeError('sushy-emulator (sushy-tools) is not installed')
    return found


def _wait_for_url(process: subprocess.Popen[bytes], log: pathlib.Path) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if match := _LISTENING.search(log.read_bytes()):
            return match.group(1).decode()
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError(
        f'sushy-emulator does not listen: {log.read_text(errors="replace")}'
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclasses.dataclass(frozen=True)
class Received:
    """A received request with its body."""

    http_method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


_ROOT = '/redfish/v1'
_SYSTEM = f'{_ROOT}/Systems/1'
_MEDIA = f'{_SYSTEM}/VirtualMedia'

DOCUMENTS: dict[str, dict[str, object]] = {
    _ROOT: {'Id': 'Root', 'Systems': {'@odata.id': f'{_ROOT}/Systems'}},
    f'{_ROOT}/Systems': {'Members': [{'@odata.id': _SYSTEM}]},
    _SYSTEM: {
        '@odata.id': _SYSTEM,
        'Id': '1',
        'Manufacturer': 'Acme',
        'Model': 'A1',
        'SerialNumber': 'S1',
        'PowerState': 'On',
        'Status': {'Health': 'OK'},
        'IndicatorLED': 'Off',
        'VirtualMedia': {'@odata.id': _MEDIA},
    },
    _MEDIA: {'Members': [{'@odata.id': f'{_MEDIA}/Cd'}]},
    f'{_MEDIA}/Cd': {
        '@odata.id': f'{_MEDIA}/Cd',
        'Id': 'Cd',
        'Name': 'Virtual CD',
        'MediaTypes': ['CD'],
        'Inserted': True,
        'Actions': {
            '#VirtualMedia.EjectMedia': {'target': f'{_MEDIA}/Cd/Eject'}
        },
    },
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Request handler of :class:`FaultyBmc`."""

    bmc: 'FaultyBmc'

    def _serve(self) -> None:
        length = int(self.headers.get('Content-Length') or 0)
        request = Received(
            http_method=self.command,
            path=self.path.rstrip('/'),
            body=self.rfile.read(length),
            headers=dict(self.headers),
        )
        self.bmc.received.append(request)
        fault = self.bmc.faults.get(self.command)
        if fault == 'slow':
            # Counted until just before the response: after it, the next
            # request of the client may arrive first.
            with self.bmc.counted():
                self.bmc.over.wait(0.1)
            self._behave(request)
        elif fault is None:
            self._behave(request)
        elif fault.isdigit():
            self._refuse(int(fault))
        else:
            getattr(self, f'_{fault}')()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _behave(self, request: Received) -> None:
        if request.http_method != 'GET':
            self.answer(204)
        elif request.path in self.bmc.documents:
            self.answer(200, self.bmc.documents[request.path])
        else:
            self.answer(404, {'error': {'code': 'Base.1.0.General'}})

    def answer(
        self, status: int, document: object = None, **headers: str
    ) -> None:
        """Send a document."""
        body = b'' if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Allow', 'GET, PATCH')
        if self.bmc.etag and status == 200:
            self.send_header('ETag', self.bmc.etag)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: int) -> None:
        # This wording makes sushy's connector retry; the rest must not
        # appear in a result or a log.
        message = f'SYS518 iLO InvalidOperationForSystemState {self.bmc.url}'
        self.answer(
            status,
            {'error': {'code': 'Base.1.0.GeneralError', 'message': message}},
        )

    def _close(self) -> None:
        self.close_connection = True

    def _reset(self) -> None:
        # SO_LINGER with 0 seconds makes the kernel send RST instead of FIN.
        linger = struct.pack('ii', 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        os.close(self.connection.detach())

    def _hang(self) -> None:
        self.bmc.over.wait(60)
        self.close_connection = True

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header('Content-Length', '1000')
        self.end_headers()
        try:
            while not self.bmc.over.wait(0.1):
                self.wfile.write(b' ')
        except OSError:
            self.close_connection = True

    def _garbage(self) -> None:
        self.wfile.write(b'\x00\xffnot HTTP at all\r\n\r\n')
        self.close_connection = True

    def _bad_headers(self) -> None:
        self.wfile.write(
            b'HTTP/1.1 200 OK\r\nA: b\r\n no colon\r\nc d\r\n\r\n{}'
        )
        self.close_connection = True

    def _redirect(self) -> None:
        self.answer(307, Location=f'{self.bmc.url}/elsewhere')

    def _huge(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while not self.bmc.over.is_set():
                self.wfile.write(b' ' * 1024 * 1024)
        except OSError:
            self.close_connection = True

    def _elsewhere(self) -> None:
        self.answer(
            200,
            {'Id': 'R', 'Systems': {'@odata.id': 'http://127.0.0.2/Systems'}},
        )

    def _list(self) -> None:
        self.answer(200, [1, 2])


class FaultyBmc(fixtures.Fixture):
    """A BMC that reads requests and then injects errors.

    :param faults: error by HTTP method: ``close``, ``reset``, ``hang``,
        ``drip``, ``garbage``, ``redirect``, ``bad_headers``, ``huge``,
        ``elsewhere``, ``list``, or a status such as ``503``. Other methods
        get a normal response, and so do ``slow`` ones, after a tenth of a
        second.
    :param documents: documents by path.
    :param etag: the ETag of each document.
    :ivar received: every request, in the order of arrival.
    :ivar most_at_once: how many slow requests were served at once.
    """

    handler = Handler

    def __init__(
        self,
        faults: Mapping[str, str] | None = None,
        *,
        documents: Mapping[str, Mapping[str, object]] | None = None,
        etag: str | None = None,
    ) -> None:
        super().__init__()
        self.faults = dict(faults or {})
        self.documents = DOCUMENTS if documents is None else documents
        self.etag = etag
        self.received: list[Received] = []
        self.most_at_once = 0
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._now = 0

    def _setUp(self) -> None:
        self._server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0), type('Bound', (self.handler,), {'bmc': self})
        )
        thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        thread.start()
        # In reverse order: hanging requests end before the server stops.
        self.addCleanup(self._server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(self._server.shutdown)
        self.addCleanup(self.over.set)

    @property
    def url(self) -> str:
        """Host and port."""
        return f'http://127.0.0.1:{self._server.server_port}'

    def entry(self, **more: object) -> dict[str, object]:
        """Return an entry for an inventory file."""
        login = {'username': USERNAME, 'password': PASSWORD}
        return {'address': self.url, **login, **more}

    def count(self) -> collections.Counter[str]:
        """Return the number of requests by HTTP method."""
        return collections.Counter(
            request.http_method for request in self.received
        )

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count a concurrent request."""
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        yield
        with self._lock:
            self._now -= 1
