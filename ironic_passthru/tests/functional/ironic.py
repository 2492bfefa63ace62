# SPDX-License-Identifier: Apache-2.0
"""A fixture with a real Ironic, API and conductor in one process."""

import os
import pathlib
import signal
import subprocess
import sys
import venv
from typing import Any

import fixtures
from keystoneauth1 import adapter
from keystoneauth1 import exceptions
from keystoneauth1 import noauth
from keystoneauth1 import session

from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers

# Its requirements conflict with constraints.txt.
REQUIREMENT = 'ironic==39.*'
# Directory of a virtual environment with it; otherwise one is created.
_HOME = 'PASSTHRU_IRONIC'
# Interfaces that have an implementation without any function.
_WITHOUT = (
    'bios',
    'console',
    'firmware',
    'inspect',
    'raid',
    'rescue',
    'vendor',
)

_HEADERS = {'X-OpenStack-Ironic-API-Version': '1.90'}


class IronicPackages(fixtures.Fixture):
    """A virtual environment with Ironic.

    :cvar VARIABLE: its name in the environment.
    :ivar home: its directory.
    """

    VARIABLE = _HOME
    REQUIREMENTS: tuple[str, ...] = (REQUIREMENT,)

    def _setUp(self) -> None:
        if self.VARIABLE in os.environ:
            self.home = pathlib.Path(os.environ[self.VARIABLE])
            return
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.home = directory / 'ironic'
        venv.create(self.home)
        subprocess.run(
            [
                *(sys.executable, '-m', 'pip'),
                *('--python', str(self.home / 'bin/python')),
                *('install', '--quiet', *self.REQUIREMENTS),
            ],
            check=True,
            # Without PYTHONPATH, whose packages pip would check as well.
            env={'PATH': os.environ['PATH'], 'HOME': str(directory)}
            | {k: v for k, v in os.environ.items() if k.startswith('PIP_')},
            timeout=600,
        )


def write_package(
    directory: pathlib.Path, name: str, source: str, entry_points: str
) -> None:
    """Write an installed package with one module, ``NAME_hardware``."""
    (directory / f'{name}_hardware.py').write_text(source)
    metadata = directory / f'{name}-1.0.dist-info'
    metadata.mkdir()
    (metadata / 'METADATA').write_text(
        f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n'
    )
    (metadata / 'entry_points.txt').write_text(entry_points)


class Ironic(fixtures.Fixture):
    """Ironic with SQLite.

    :param home: a virtual environment with Ironic.
    :param packages: a directory with further Python packages.
    :param options: options of Ironic, as ``group__name``.
    :ivar url: URL of its API.
    """

    def __init__(
        self,
        home: pathlib.Path,
        *,
        packages: pathlib.Path | None = None,
        **options: object,
    ) -> None:
        super().__init__()
        self._home = home
        self._packages = packages
        self._options = options

    def _setUp(self) -> None:
        self._directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path
        )
        self._port = self.useFixture(servers.ReservedPort()).port
        self.url = f'http://127.0.0.1:{self._port}'
        self._policy = self._directory / 'policy.yaml'
        self.show_passwords('!')
        config = self._directory / 'ironic.conf'
        config.write_text(self._configuration())
        arguments = ('--config-file', str(config))
        environment = {
            'PATH': os.environ['PATH'],
            'HOME': str(self._directory),
        }
        if self._packages is not None:
            environment['PYTHONPATH'] = str(self._packages)
        subprocess.run(
            [self._home / 'bin/ironic-dbsync', *arguments, 'create_schema'],
            check=True,
            capture_output=True,
            env=environment,
            timeout=120,
        )
        self._process = self.useFixture(
            processes.Process(
                [str(self._home / 'bin/ironic'), *arguments],
                environment=environment,
                log=self._directory / 'ironic.log',
            )
        )
        self.start()

    def _configuration(self) -> str:
        options: dict[str, object] = {
            'auth_strategy': 'noauth',
            'rpc_transport': 'none',
            'host': 'host1',
            'state_path': self._directory,
            'enabled_hardware_types': 'redfish,fake-hardware',
            'enabled_power_interfaces': 'redfish,fake',
            'enabled_management_interfaces': 'redfish,fake',
            'enabled_boot_interfaces': 'redfish-virtual-media,fake',
            'enabled_deploy_interfaces': 'direct,fake',
            'enabled_network_interfaces': 'noop',
            'api__host_ip': '127.0.0.1',
            'api__port': self._port,
            # The nodes of a test fill several pages.
            'api__max_limit': 2,
            'database__connection': f'sqlite:///{self._directory}/ironic.db',
            'oslo_policy__policy_file': self._policy,
        }
        # Some defaults need programs such as ipmitool.
        without = {
            f'enabled_{kind}_interfaces': f'no-{kind},fake'
            for kind in _WITHOUT
        }
        return deployment.config_text(**options | without | self._options)

    def show_passwords(self, rule: str) -> None:
        """Change Ironic's policy for passwords in its responses."""
        self._policy.write_text(f'"show_password": "{rule}"\n')

    def create_node(
        self, client: adapter.Adapter | None = None, **fields: Any
    ) -> str:
        """Create a node; return its UUID.

        :param client: by default one without login.
        """
        node = {'driver': 'redfish', **fields}
        traits = node.pop('traits', ())
        api = client or self.api(session.Session(noauth.NoAuth()))
        made = api.post('/v1/nodes', json=node, headers=_HEADERS).json()
        for trait in traits:
            api.put(
                f'/v1/nodes/{made["uuid"]}/traits/{trait}', headers=_HEADERS
            )
        return str(made['uuid'])

    def api(self, login: session.Session) -> adapter.Adapter:
        """Return a client with a login."""
        return adapter.Adapter(login, endpoint_override=self.url)

    def start(self) -> None:
        """Start it and wait until it responds."""
        self._process.start()
        processes.wait_until(self._answers, 'Ironic answers')

    def _answers(self) -> bool:
        if not self._process.running:
            raise processes.Failed(f'Ironic ended:\n{self._process.log()}')
        try:
            session.Session().get(self.url, timeout=2)
        except exceptions.ClientException:
            return False
        return True

    def suspend(self) -> None:
        """Suspend it; the kernel still accepts connections."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Resume it after suspend()."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Stop it and close its port."""
        self._process.kill()
