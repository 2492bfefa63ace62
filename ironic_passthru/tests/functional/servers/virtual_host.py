# SPDX-License-Identifier: Apache-2.0
"""Virtual hosts of a RabbitMQ that all modules of a worker use."""

import atexit
import functools
import itertools
from urllib import parse

import fixtures

from ironic_passthru.tests.functional.servers import rabbitmq

_NUMBERS = itertools.count(1)


@functools.cache
def _shared() -> rabbitmq.RabbitMQ:
    """Return the broker of this process, which ends with the process."""
    broker = rabbitmq.RabbitMQ()
    atexit.register(broker.cleanUp)
    broker.setUp()
    return broker


class VirtualHost(fixtures.Fixture):
    """A virtual host, with those attributes of RabbitMQ that sites use.

    For tests that neither stop nor reconfigure the broker.
    """

    def _setUp(self) -> None:
        broker = _shared()
        self.port = broker.port
        self.rabbitmqctl = broker.rabbitmqctl
        self.service_options = broker.service_options
        self.virtual_host = f'site{next(_NUMBERS)}'
        url = parse.urlsplit(broker.url)
        self.rabbitmqctl('add_vhost', self.virtual_host)
        self.rabbitmqctl(
            *('set_permissions', '-p', self.virtual_host),
            *(str(url.username), '.*', '.*', '.*'),
        )
        self.url = url._replace(path=f'/{self.virtual_host}').geturl()
