# SPDX-License-Identifier: Apache-2.0
"""A private memcached."""

import contextlib
import getpass
from typing import Any

import fixtures
from pifpaf.drivers import memcached

from ironic_passthru.tests.functional import certificates
from ironic_passthru.tests.functional.servers import ports
from ironic_passthru.tests.functional.servers import programs


class Memcached(fixtures.Fixture):
    """A memcached on a loopback port.

    :param tls: certificates; with them, the port requires TLS.
    :ivar address: host and port.
    """

    def __init__(self, tls: certificates.Certificates | None = None) -> None:
        super().__init__()
        self._tls = tls

    def _setUp(self) -> None:
        programs.require('memcached', 'memcached')
        port = self.useFixture(ports.ReservedPort()).port
        self.address = f'localhost:{port}'
        self._running = contextlib.ExitStack()
        self.addCleanup(self.stop)
        self._running.enter_context(_MemcachedDriver(port, self._tls))

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._running.close()


class _MemcachedDriver(memcached.MemcachedDriver):
    """pifpaf's server with an account; memcached refuses to run as root."""

    def __init__(
        self, port: int, tls: certificates.Certificates | None
    ) -> None:
        files = {}
        if tls is not None:
            files = {
                'ssl_chain_cert': str(tls.server_cert),
                'ssl_key': str(tls.server_key),
            }
        super().__init__(port=port, **files)

    def _exec(self, command: list[str], **kwargs: Any) -> Any:
        mine = ['-l', '127.0.0.1', '-u', getpass.getuser()]
        return super()._exec([*command, *mine], **kwargs)
