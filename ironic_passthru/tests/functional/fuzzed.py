# SPDX-License-Identifier: Apache-2.0
"""The service as a process, for fuzz tests.

Its memory and its log contain nothing of the tests.
"""

import json
import logging
import os
import pathlib
import resource
import signal
import sys
import threading
from collections.abc import Callable

import fixtures
import pydantic

from ironic_passthru.drivers import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import odd
from ironic_passthru.tests.functional import processes


class FuzzedVendor(odd.OddVendor):
    """Methods whose errors contain their arguments."""

    @base.driver_passthru(
        ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'], async_call=False
    )
    def secretive(
        self,
        password: pydantic.SecretStr,
        slot: int = 0,
        anything: str = '',
        items: list[int] | None = None,
    ) -> None:
        """Accept a secret."""

    @base.driver_passthru(['POST', 'PUT'])
    def secretive_later(
        self, password: pydantic.SecretStr, slot: int = 0
    ) -> None:
        """Accept a secret, asynchronously."""


class Fuzzed(fixtures.Fixture):
    """A process that runs the all-in-one service with the driver ``odd``.

    :param options: for ``embedded.Embedded``.
    :ivar url: URL of the API.
    :ivar directory: its path must not appear in a response.
    """

    def __init__(self, **options: object) -> None:
        super().__init__()
        self._options = options

    def _setUp(self) -> None:
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (self.directory / 'options').write_text(json.dumps(self._options))
        self._process = self.useFixture(
            processes.Process(
                [sys.executable, '-m', __name__, str(self.directory)],
                environment={**os.environ, 'TMPDIR': str(self.directory)},
                log=self.directory / 'log',
            )
        )
        self._process.start()
        address = self.directory / 'url'
        processes.wait_until(self._there(address), 'the service is there')
        self.url = address.read_text()

    def _there(self, address: pathlib.Path) -> Callable[[], bool]:
        def there() -> bool:
            if not self._process.running:
                raise processes.Failed(self._process.log())
            return address.exists()

        return there

    @property
    def resident_bytes(self) -> int:
        """The memory that it uses now, in bytes."""
        pages = self._in_proc('statm').read_text().split()[1]
        return int(pages) * resource.getpagesize()

    @property
    def descriptors(self) -> int:
        """The number of its open files and sockets."""
        return len(list(self._in_proc('fd').iterdir()))

    def _in_proc(self, name: str) -> pathlib.Path:
        return pathlib.Path('/proc', str(self._process.pid), name)

    def log(self) -> str:
        """Return its output."""
        return self._process.log()


def main(directory: pathlib.Path) -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    options = json.loads((directory / 'options').read_text())
    service = embedded.Embedded(drivers={'odd': FuzzedVendor()}, **options)
    with service:
        address = directory / 'url.new'
        address.write_text(service.url)
        address.rename(directory / 'url')
        over.wait()


if __name__ == '__main__':
    main(pathlib.Path(sys.argv[1]))
