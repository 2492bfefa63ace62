# SPDX-License-Identifier: Apache-2.0
"""The Redfish emulator of sushy-tools."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping

import bcrypt
import fixtures
import trustme
import yaml

USERNAME = 'admin'
PASSWORD = 'emulated-secret'

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
