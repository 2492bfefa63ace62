# SPDX-License-Identifier: Apache-2.0
"""A driver for tests whose parameters have every shape of pydantic."""

import datetime
import enum
import time
from typing import Annotated
from typing import Any
from typing import Literal

import pydantic
import typing_extensions

from ironic_passthru import errors
from ironic_passthru.drivers import base


class Position(enum.Enum):
    """Side of a rack."""

    FRONT = 'front'
    REAR = 'rear'


class Vlan(pydantic.BaseModel):
    """A VLAN of a port."""

    id: Annotated[int, pydantic.Field(ge=1, le=4094)]
    tagged: bool = False


class StaticAddress(pydantic.BaseModel):
    """A fixed address."""

    kind: Literal['static'] = 'static'
    address: Annotated[str, pydantic.Field(pattern=r'^[0-9.]+$')]


class Dynamic(pydantic.BaseModel):
    """An address from DHCP."""

    kind: Literal['dhcp'] = 'dhcp'


class Port(pydantic.BaseModel):
    """A port of a switch."""

    name: str
    vlans: list[Vlan] = []
    address: StaticAddress | Dynamic
    uplink: 'Port | None' = None


Tree = typing_extensions.TypeAliasType(
    'Tree', 'dict[str, Tree] | list[Tree] | int'
)


class Loop(pydantic.BaseModel):
    """A model that no value fits, because it requires itself."""

    loop: 'Loop'
    more: Annotated[list[int], pydantic.Field(min_length=100_000)]


class Names(pydantic.BaseModel):
    """A model whose members have names of Object.prototype."""

    proto: Annotated[int, pydantic.Field(alias='__proto__')]
    constructor: int | None = None


class Count:
    """The number of calls."""

    value = 0


COUNT = Count()


class NestedVendor(base.VendorInterface):
    """Methods whose parameters are models."""

    @base.driver_passthru(
        ['POST'],
        async_call=False,
        examples=[
            {
                'port': {
                    'name': 'eth1',
                    'vlans': [{'id': 7, 'tagged': True}],
                    'address': {'kind': 'dhcp'},
                    'uplink': {
                        'name': 'eth9',
                        'vlans': [],
                        'address': {'kind': 'dhcp'},
                    },
                },
                'serial': 12345678901234567890,
            }
        ],
    )
    def configure(
        self,
        port: Port,
        position: Position = Position.FRONT,
        serial: int | None = None,
        labels: dict[str, str] | None = None,
        since: datetime.date | None = None,
        limit: int | str = 3,
        key: pydantic.SecretStr | None = None,
        anything: Any = None,
        enabled: bool = True,
    ) -> dict[str, Any]:
        """Configure a port of a switch."""
        return {
            'port': port,
            'position': position,
            'serial': serial,
            'labels': labels,
            'since': since,
            'limit': limit,
            'key': key.get_secret_value() if key else None,
            'anything': anything,
            'enabled': enabled,
        }

    @base.driver_passthru(['POST'], async_call=False, target='bmcs')
    def read_health(self, bmcs: list[str]) -> dict[str, Any]:
        """Read the health of servers."""
        items = {
            bmc: {'ok': index != 1, 'status': 'OK' if index != 1 else None}
            for index, bmc in enumerate(bmcs)
        }
        return {'summary': {'total': len(items)}, 'items': items}

    @base.driver_passthru(['POST'], async_call=False)
    def hostile(self, name: str = '') -> dict[str, Any]:
        """Return <b>markup</b> as data."""
        markup = '<img src=x onerror=alert(1)><script>alert(2)</script>'
        if name:
            raise errors.InvalidParameterValue(f'{markup} {name}')
        return {markup: [{markup: markup}, {markup: markup}]}

    @base.driver_passthru(['POST'], async_call=False)
    def recursive(self, tree: Tree, loop: Loop | None = None) -> Any:
        """Return a tree."""
        return {'tree': tree, 'loop': loop}

    @base.driver_passthru(['POST'], async_call=False)
    def large(self) -> dict[str, Any]:
        """Return a value of some megabytes."""
        return {
            'constructor': 'x ' * 1_000_000,
            'numbers': list(range(100_000)),
            'records': [{'a': 1}] * 200 + [{f'k{n}': n} for n in range(2000)],
        }

    @base.driver_passthru(['POST'], async_call=False)
    def names(self, body: Names) -> list[Any]:
        """Return names that objects of JavaScript inherit."""
        return [body, {'x': 1}]

    @base.driver_passthru(['POST'], async_call=False)
    def count(self) -> dict[str, int]:
        """Count the calls."""
        # A double click needs time.
        time.sleep(0.3)
        COUNT.value += 1
        return {'count': COUNT.value}
