# SPDX-License-Identifier: Apache-2.0
"""A private RabbitMQ broker of one node or of several."""

import collections.abc
import contextlib
import os
import pathlib
import re
import secrets
import signal
import socket
import time
from concurrent import futures
from typing import Any

import fixtures
from pifpaf.drivers import rabbitmq

from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import certificates
from ironic_passthru.tests.functional.servers import ports
from ironic_passthru.tests.functional.servers import programs

# Accounts that pifpaf creates.
_ACCOUNTS = ('add_user', 'set_permissions')

# Offset of the distribution port from the AMQP port of a node.
_DISTRIBUTION_OFFSET = 10000

# Limit of the start of all nodes on a busy host.
_START_SECONDS = 120.0

# Recommended configuration of brokers with TLS.
SAMPLES = pages.ROOT / 'etc' / 'rabbitmq'
_PAGE = 'doc/source/admin/rabbitmq.rst'

# The default of RabbitMQ 3, in bytes. Tests send larger messages than the
# service and RabbitMQ 4 accept by default.
_MAX_MESSAGE_SIZE = 128 * 1024 * 1024

_PATHS = ('/usr/lib/rabbitmq/bin', '/usr/local/sbin', '/usr/sbin')


class RabbitMQ(fixtures.Fixture):
    """A private RabbitMQ broker with its own epmd.

    :param nodes: number of nodes, 1 or 3.
    :param tls: certificates; with them, the broker has the recommended
        configuration: the files of ``etc/rabbitmq``, the accounts of the page
        about RabbitMQ, and TLS with client certificates only.
    :ivar ports: the AMQP ports of the nodes.
    :ivar port: the AMQP port of the first node.
    :ivar url: transport URL for oslo.messaging, with all nodes.
    """

    STOP_SECONDS = 30.0

    def __init__(
        self,
        nodes: int = 1,
        *,
        tls: certificates.Certificates | None = None,
    ) -> None:
        super().__init__()
        self._count = nodes
        self._tls = tls

    def _setUp(self) -> None:
        programs.require('rabbitmq-server', 'rabbitmq-server', _PATHS)
        programs.require('rabbitmqctl', 'rabbitmq-server', _PATHS)
        programs.require('epmd', 'erlang-base')
        offsets = (0, _DISTRIBUTION_OFFSET)
        self.ports = [
            self.useFixture(ports.ReservedPort(offsets)).port
            for _ in range(self._count)
        ]
        self.port = self.ports[0]
        epmd_port = self.useFixture(ports.ReservedPort()).port
        self._server = self.useFixture(
            _RabbitMQDriver(
                ports=self.ports, epmd_port=epmd_port, tls=self._tls
            )
        )
        self.url = self.make_url(self.ports)
        for node in range(self._count):
            self._wait(True, _START_SECONDS, node)

    def make_url(
        self, ports: collections.abc.Iterable[int], host: str = ''
    ) -> str:
        """Return the transport URL with these ports.

        :param host: by default the name in the certificate or the loopback.
        """
        host = host or (self._tls.server if self._tls else '127.0.0.1')
        login = f'{self._server.username}:{self._server.password}'
        hosts = ','.join(f'{login}@{host}:{port}' for port in ports)
        return f'rabbit://{hosts}/{self.virtual_host}'

    @property
    def virtual_host(self) -> str:
        """The virtual host of the service."""
        return 'passthru' if self._tls else '/'

    def service_options(self) -> str:
        """Return the recommended options of the service for this broker."""
        if self._tls is None:
            return ''
        text = self._tls.in_file(
            SAMPLES / 'ironic-passthru.conf', '/etc/ironic_passthru/tls'
        )
        text, count = re.subn('rabbit://.*', self.url, text)
        assert count == 1, text
        return text

    def log(self, node: int = 0) -> str:
        """Return the log of a node."""
        return self._server.log(self._server.names[node])

    def shell(self, commands: str, **environment: str) -> None:
        """Run commands of a page on the first node."""
        self._server.shell(commands, environment)

    def stop(self, node: int = 0) -> None:
        """Stop a node in order: it notifies its clients."""
        self._server.stop_node(self._server.names[node])
        self._wait(False, self.STOP_SECONDS, node)

    def kill(self, node: int = 0) -> None:
        """Kill a node."""
        self._server.kill_node(self._server.names[node], signal.SIGKILL)
        self._wait(False, self.STOP_SECONDS, node)

    def suspend(self) -> None:
        """Suspend the first node; its connections stay open."""
        pid = int(self.rabbitmqctl('eval', 'os:getpid().').strip(' "\n'))
        os.kill(pid, signal.SIGSTOP)
        self._suspended = pid

    def resume(self) -> None:
        """Resume a suspended node."""
        os.kill(self._suspended, signal.SIGCONT)

    def start(self, node: int = 0) -> None:
        """Start a node again, with its durable data."""
        self._server.start_node(self._server.names[node])
        self._wait(True, _START_SECONDS, node)

    def start_all(self) -> None:
        """Start all nodes at once."""
        self._server.start_nodes(self._server.names)
        for node in range(self._count):
            self._wait(True, _START_SECONDS, node)

    def rabbitmqctl(self, *command: str, node: int = 0) -> str:
        """Run ``rabbitmqctl`` on a node and return its output."""
        return self._server.output(self._server.names[node], command)

    def _wait(self, listening: bool, seconds: float, node: int) -> None:
        deadline = time.monotonic() + seconds
        while _answers_amqp(self.ports[node], self._tls) is not listening:
            if time.monotonic() > deadline:
                state = 'accepts no' if listening else 'still accepts'
                raise RuntimeError(
                    f'RabbitMQ {state} connections after {seconds} seconds'
                )
            time.sleep(0.05)


class _RabbitMQDriver(rabbitmq.RabbitMQDriver):
    """pifpaf's broker, isolated from others on this host.

    :ivar names: names of its nodes.
    """

    def __init__(
        self,
        *,
        ports: list[int],
        epmd_port: int,
        tls: certificates.Certificates | None = None,
    ) -> None:
        self._tls = tls
        self._is_set_up = False
        name = f'passthru{ports[0]}'
        super().__init__(
            port=ports[0],
            nodename=name,
            # The name in the page.
            username='passthru',
            password=secrets.token_hex(16),
            cluster=len(ports) > 1,
        )
        self.names = [f'{name}@localhost']
        if self.cluster:
            self.names = [
                f'{name}-{number}@localhost'
                for number in range(1, len(ports) + 1)
            ]
        self._ports = dict(zip(self.names, ports, strict=True))
        self._apart = {
            'ERL_EPMD_PORT': str(epmd_port),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
        }

    def _setUp(self) -> None:
        # Called last: epmd outlives its nodes.
        self.addCleanup(self._end_epmd)
        super()._setUp()
        self._is_set_up = True

    def _exec(
        self,
        command: list[str],
        env: collections.abc.Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        apart = dict(self._apart)
        if env and 'RABBITMQ_NODE_PORT' in env:
            port = int(env['RABBITMQ_NODE_PORT'])
            apart['RABBITMQ_DIST_PORT'] = str(port + _DISTRIBUTION_OFFSET)
            node = env['RABBITMQ_NODENAME']
            apart['RABBITMQ_CONFIG_FILE'] = self._write_config(node)
            if self._tls is not None:
                # A line with a port defines a listener without TLS.
                env = {k: v for k, v in env.items() if '_NODE_' not in k}
        return super()._exec(command, env={**(env or {}), **apart}, **kwargs)

    def _write_config(self, node: str) -> str:
        path = pathlib.Path(self.tempdir, f'{node}.conf')
        if self._tls is None:
            path.write_text(f'max_message_size = {_MAX_MESSAGE_SIZE}\n')
            return str(path)
        text = self._tls.in_file(
            SAMPLES / 'rabbitmq.conf', '/etc/rabbitmq/tls'
        )
        text = text.replace('/etc/rabbitmq/', f'{SAMPLES}/')
        text = text.replace('= 5671', f'= 127.0.0.1:{self._ports[node]}')
        if self.cluster:
            text = text.replace('#cluster_formation', 'cluster_formation')
            for number, name in enumerate(self.names, 1):
                text = text.replace(f'rabbit@mq{number}', name)
        path.write_text(text)
        return str(path)

    def start_node(self, nodename: str) -> None:
        if self._is_set_up:
            self.start_nodes([nodename])
        elif nodename == self.names[-1]:
            # The base class starts the nodes of a cluster in order.
            self.start_nodes(self.names)

    def start_nodes(self, names: list[str]) -> None:
        """Start nodes at once: each may wait for the others.

        :raises: TimeoutError; the cleanup stops the nodes.
        """
        pool = futures.ThreadPoolExecutor(len(names))
        started = pool.map(super().start_node, names, timeout=_START_SECONDS)
        pool.shutdown(wait=False)
        list(started)

    def join_cluster(self, nodename: str, master: str) -> None:
        """Do nothing: the nodes join by their configuration."""

    def rabbitmqctl(self, nodename: str, command: list[str]) -> None:
        if self._tls is None or command[0] not in _ACCOUNTS:
            super().rabbitmqctl(nodename, command)
        elif command[0] == 'add_user':
            for block in pages.blocks(_PAGE):
                if block.run_by.endswith('servers/rabbitmq.py'):
                    environment = {'BROKER_PASSWORD': self.password}
                    self.shell(block.commands, environment)

    def shell(
        self, commands: str, environment: collections.abc.Mapping[str, str]
    ) -> None:
        node = {'RABBITMQ_NODENAME': self.names[0]}
        self._exec(
            ['bash', '-e', '-c', commands],
            path=self._path,
            env={**self.env, **node, **environment},
        )

    def output(self, node: str, command: collections.abc.Iterable[str]) -> str:
        _, text = self._exec(
            ['rabbitmqctl', '-q', '-n', node, *command],
            stdout=True,
            path=self._path,
            env=self.env,
        )
        return text.decode()

    def log(self, node: str) -> str:
        return pathlib.Path(self.tempdir, f'{node}.log').read_text()

    def _end_epmd(self) -> None:
        # Only this epmd, by its port.
        self._exec(['epmd', '-kill'], ignore_failure=True)


def _answers_amqp(
    port: int, tls: certificates.Certificates | None = None
) -> bool:
    """Return whether a broker sends its greeting; it may listen before."""
    try:
        with contextlib.ExitStack() as links:
            link = links.enter_context(
                socket.create_connection(('127.0.0.1', port), timeout=2)
            )
            if tls is not None:
                link = links.enter_context(
                    tls.client_context().wrap_socket(
                        link, server_hostname=tls.server
                    )
                )
            link.sendall(b'AMQP\x00\x00\x09\x01')
            return bool(link.recv(1))
    except OSError:
        return False
