# SPDX-License-Identifier: Apache-2.0
"""Registry rows of conductors without processes."""

import json
import uuid
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg

from ironic_passthru import conf as project_conf
from ironic_passthru import spec
from ironic_passthru.conf import database as database_options
from ironic_passthru.db import models
from ironic_passthru.db import session

DRIVERS = 20
METHODS = 20

_table = models.conductors


def configuration(url: str) -> cfg.ConfigOpts:
    """Return a configuration with the registry at ``url``."""
    conf = cfg.ConfigOpts()
    project_conf.register_opts(conf, [database_options])
    conf([], project='ironic_passthru', default_config_files=[])
    conf.set_override('connection', url, group='database')
    return conf


def driver_name(number: int) -> str:
    """Return the name of a driver."""
    return f'acme-rack-{number:02}'


def method_name(number: int) -> str:
    """Return the name of a method of each driver."""
    return f'set_power_limit_{number:02}'


def register(
    database: session.Database, conductors: int, *, versions: int = 1
) -> None:
    """Insert live conductors.

    :param versions: number of driver versions, with different methods and
        equal numbers of conductors.
    """
    now = models.utc_now()
    drivers_by_version = [
        [_driver(number, version) for number in range(DRIVERS)]
        for version in range(versions)
    ]
    with database.writer() as writer:
        writer.execute(
            sa.insert(models.catalogs).values(created_at=now),
            [
                _document(one)
                for drivers in drivers_by_version
                for one in drivers
            ],
        )
        writer.execute(
            sa.insert(_table).values(
                conductor_group='',
                online=True,
                created_at=now,
                started_at=now,
                heartbeat_at=now,
                liveness_at=now,
            ),
            [
                {'hostname': _hostname(number), 'incarnation': _incarnation()}
                for number in range(conductors)
            ],
        )
        rows = writer.execute(sa.select(_table.c.hostname, _table.c.id))
        ids = {row.hostname: row.id for row in rows}
        writer.execute(
            sa.insert(models.conductor_drivers),
            [
                {
                    'conductor_id': ids[_hostname(number)],
                    'driver': one.name,
                    'digest': one.digest,
                }
                for number in range(conductors)
                for one in drivers_by_version[number % versions]
            ],
        )


def heartbeat(database: session.Database) -> None:
    """Write the heartbeats of all conductors."""
    now = models.utc_now()
    with database.writer() as writer:
        writer.execute(
            sa.update(_table).values(heartbeat_at=now, liveness_at=now)
        )


def restart(database: session.Database, number: int) -> None:
    """Register a new incarnation with the same drivers."""
    with database.writer() as writer:
        writer.execute(
            sa.update(_table)
            .where(_table.c.hostname == _hostname(number))
            .values(incarnation=_incarnation(), started_at=models.utc_now())
        )


def _hostname(number: int) -> str:
    return f'rack-controller-{number:04}.example.org'


def _incarnation() -> str:
    return str(uuid.uuid4())


def _document(driver: spec.DriverSpec) -> dict[str, str]:
    return {
        'driver': driver.name,
        'digest': driver.digest,
        'document': json.dumps(driver.to_document(), separators=(',', ':')),
    }


def _driver(number: int, version: int) -> spec.DriverSpec:
    names = [method_name(number) for number in range(METHODS)]
    return spec.DriverSpec(
        name=driver_name(number),
        properties={
            f'acme_{name}': f'The {name} of the rack controller. Required.'
            for name in ('address', 'username', 'password', 'verify_ca')
        },
        methods={name: _method(name, version) for name in names},
    )


def _method(name: str, version: int) -> spec.MethodSpec:
    """Return a method with typical parameters."""
    properties: dict[str, Any] = {
        'rack': {'type': 'string', 'minLength': 1, 'maxLength': 64},
        'slot': {
            'type': 'integer',
            'minimum': 1,
            'maximum': 48 + version,
            'description': 'Slot number, from the bottom.',
        },
        'watts': {
            'anyOf': [
                {'type': 'number', 'exclusiveMinimum': 0, 'maximum': 5000},
                {'type': 'null'},
            ],
            'default': None,
            'description': 'Limit; null removes it.',
        },
        'mode': {
            'type': 'string',
            'enum': ['hard', 'soft', 'off'],
            'default': 'soft',
        },
        'notify': {
            'type': 'array',
            'items': {'type': 'string', 'format': 'email'},
            'maxItems': 16,
            'default': [],
        },
        'force': {'type': 'boolean', 'default': False},
    }
    return spec.MethodSpec(
        name=name,
        http_methods=('PUT', 'DELETE'),
        async_call=True,
        attach=False,
        description='Limit the power that one slot of a rack may draw.',
        schema={
            'type': 'object',
            'properties': properties,
            'required': ['rack', 'slot'],
            'additionalProperties': False,
        },
    )
