# SPDX-License-Identifier: Apache-2.0
"""Rules for drivers, their properties and methods."""

from ironic_passthru.policies import base

GET = 'baremetal:driver:get'
GET_PROPERTIES = 'baremetal:driver:get_properties'
CALL = 'baremetal:driver:vendor_passthru'

_PASSTHRU = '/v1/drivers/{driver}/vendor_passthru'
_VERBS = ('GET', 'POST', 'PUT', 'DELETE', 'PATCH')

RULES = (
    base.Rule(
        GET,
        base.READER,
        'List the allowed drivers, show a driver, list its methods that '
        'baremetal:driver:vendor_passthru allows, and describe the API. '
        'Attribute: driver.',
        ('GET', '/v1/drivers'),
        ('GET', '/v1/drivers/{driver}'),
        ('GET', f'{_PASSTHRU}/methods'),
        ('GET', f'{_PASSTHRU}/methods/{{method}}'),
        ('GET', '/v1/openapi.json'),
        attributes=('driver',),
    ),
    base.Rule(
        GET_PROPERTIES,
        base.READER,
        'Show the properties of a driver. Attribute: driver.',
        ('GET', '/v1/drivers/{driver}/properties'),
        attributes=('driver',),
    ),
    base.Rule(
        CALL,
        base.SYSTEM_ADMIN,
        'Call a vendor passthru method. Attributes: driver, method, '
        'http_method, dangerous (True or False), conductor_group.',
        *(
            (http_method, f'{_PASSTHRU}?method={{method}}')
            for http_method in _VERBS
        ),
        *((http_method, f'{_PASSTHRU}/{{method}}') for http_method in _VERBS),
        attributes=(
            'driver',
            'method',
            'http_method',
            'dangerous',
            'conductor_group',
        ),
    ),
)
