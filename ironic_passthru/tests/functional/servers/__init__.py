# SPDX-License-Identifier: Apache-2.0
"""Private database and message servers for functional tests, as fixtures."""

import logging

from ironic_passthru.tests.functional.servers.galera import Galera
from ironic_passthru.tests.functional.servers.mariadb import MariaDB
from ironic_passthru.tests.functional.servers.memcached import Memcached
from ironic_passthru.tests.functional.servers.ports import ReservedPort
from ironic_passthru.tests.functional.servers.postgresql import PostgreSQL
from ironic_passthru.tests.functional.servers.programs import MissingProgram
from ironic_passthru.tests.functional.servers.programs import require
from ironic_passthru.tests.functional.servers.rabbitmq import RabbitMQ
from ironic_passthru.tests.functional.servers.sql import execute
from ironic_passthru.tests.functional.servers.sql import LOGIN
from ironic_passthru.tests.functional.servers.sql import SECRET
from ironic_passthru.tests.functional.servers.standby import PostgreSQLPair
from ironic_passthru.tests.functional.servers.virtual_host import VirtualHost

__all__ = [
    'LOGIN',
    'SECRET',
    'Galera',
    'MariaDB',
    'Memcached',
    'MissingProgram',
    'PostgreSQL',
    'PostgreSQLPair',
    'RabbitMQ',
    'ReservedPort',
    'VirtualHost',
    'execute',
    'require',
]

# pifpaf logs a warning for every process that has ended by itself.
logging.getLogger('pifpaf').addHandler(logging.NullHandler())
