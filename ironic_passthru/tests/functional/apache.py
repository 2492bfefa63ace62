# SPDX-License-Identifier: Apache-2.0
"""A private Apache with mod_wsgi and the shipped configuration."""

import functools
import os
import pathlib
import re
import shutil
import site
import ssl
import subprocess
import sys

import fixtures
import trustme

from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import servers

CONFIGURATION = console.ROOT / 'etc' / 'apache2' / 'ironic-passthru.conf'

# Apache does not run applications as root.
ACCOUNT = 'www-data'

_MODULES = pathlib.Path('/usr/lib/apache2/modules')

# Modules that the configuration names or uses; Debian enables some of them.
_LOADED = (
    'mpm_event',
    'authn_core',
    'authz_core',
    'headers',
    'macro',
    'reqtimeout',
    'socache_shmcb',
    'ssl',
    'wsgi',
)

# Directives of Debian's apache2.conf.
_SERVER = """
ServerName localhost
PidFile {directory}/pid
DefaultRuntimeDir {directory}
WSGISocketPrefix {directory}/wsgi
ErrorLog /dev/stderr
"""


class WrongPython(Exception):
    """mod_wsgi is built for a different version of Python."""


class Apache(fixtures.Fixture):
    """Certificate, ports and Python for the Apache processes of one site.

    :param directory: an empty directory that other accounts can reach.
    :ivar tls: TLS context for clients.
    :ivar authority: file of the CA certificate.
    :ivar tls_url: URL of the TLS port.
    :ivar script: a copy of the shipped WSGI script.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__()
        self.directory = directory

    def _setUp(self) -> None:
        self.directory.mkdir()
        self.script = self.directory / 'ironic-passthru.wsgi'
        shutil.copy(CONFIGURATION.with_suffix('.wsgi'), self.script)
        port = self.useFixture(servers.ReservedPort()).port
        self._tls_address = f'127.0.0.1:{port}'
        self.tls_url = f'https://{self._tls_address}'
        authority = trustme.CA()
        self.tls = ssl.create_default_context()
        authority.configure_trust(self.tls)
        issued = authority.issue_cert('localhost', '127.0.0.1')
        self.authority = self.directory / 'authority.pem'
        authority.cert_pem.write_to_path(str(self.authority))
        self._certificate = self.directory / 'certificate.pem'
        self._key = self.directory / 'key.pem'
        issued.cert_chain_pems[0].write_to_path(str(self._certificate))
        issued.private_key_pem.write_to_path(str(self._key))
        self._home = _virtual_environment(self.directory / 'python')

    def command(self, address: str) -> list[str]:
        """Return the command line of an Apache in the foreground.

        :param address: host and port for plain HTTP.
        """
        program = servers.require('apache2', 'apache2', ('/usr/sbin',))
        values = {
            'home': self._home,
            'script': self.script,
            'user': ACCOUNT,
            'group': ACCOUNT,
            'listen': self._tls_address,
            'address': self._tls_address,
            'certificate': self._certificate,
            'key': self._key,
            'logs': self.directory,
            'plain': address,
        }
        lines = [_load(name) for name in _LOADED]
        lines.append(_SERVER.format(directory=self.directory))
        lines.extend(
            f'Define PASSTHRU_{name.upper()} {value}'
            for name, value in values.items()
        )
        lines.append(f'Include {CONFIGURATION}')
        main = self.directory / 'apache2.conf'
        main.write_text('\n'.join((*lines, '')))
        return [*_as_account(), program, '-D', 'FOREGROUND', '-f', str(main)]

    def access_log(self) -> str:
        """Return the text of the access log."""
        return (self.directory / 'ironic-passthru-access.log').read_text()

    def error_log(self) -> str:
        """Return the text of the error log."""
        return (self.directory / 'ironic-passthru-error.log').read_text()


def _load(name: str) -> str:
    return f'LoadModule {name}_module {_module(name)}'


def _module(name: str) -> pathlib.Path:
    path = _MODULES / f'mod_{name}.so'
    if not path.exists():
        raise servers.MissingProgram(
            f'{path} is missing: install the Debian packages apache2 and '
            'libapache2-mod-wsgi-py3'
        )
    return path


def _virtual_environment(home: pathlib.Path) -> pathlib.Path:
    """Create a virtual environment with the packages of the tests.

    The tests may run with a Python that was built from source, whose standard
    library does not match the Python of Debian's mod_wsgi.
    """
    version = _check_python()
    subprocess.run(
        [f'/usr/bin/python{version}', '-m', 'venv', '--without-pip', home],
        check=True,
    )
    packages = home / 'lib' / f'python{version}' / 'site-packages'
    lines = [
        f'import site; site.addsitedir({path!r})'
        for path in site.getsitepackages()
    ]
    (packages / 'tests.pth').write_text('\n'.join(lines))
    return home


@functools.cache
def _check_python() -> str:
    """Return the version of Python that mod_wsgi is built for.

    :raises: WrongPython if the tests run with another version.
    """
    module = _module('wsgi')
    found = re.search(rb'libpython(\d+\.\d+)\.so', module.read_bytes())
    built_in = found[1].decode() if found else 'of unknown version'
    mine = f'{sys.version_info.major}.{sys.version_info.minor}'
    if built_in != mine:
        raise WrongPython(
            f'{module} has Python {built_in} built in, and these tests run '
            f'on Python {mine}: run them on Python {built_in}, or with a '
            f'mod_wsgi for Python {mine}'
        )
    return mine


def _as_account() -> list[str]:
    """Return the prefix of a command line that drops root privileges."""
    if os.geteuid() != 0:
        return []
    # Packages and files of the test may be readable by root only.
    return [
        servers.require('setpriv', 'util-linux'),
        *('--reuid', ACCOUNT, '--regid', ACCOUNT, '--clear-groups'),
        *('--inh-caps', '+dac_override', '--ambient-caps', '+dac_override'),
        '--',
    ]
