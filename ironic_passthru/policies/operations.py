# SPDX-License-Identifier: Apache-2.0
"""Rules for operations."""

from ironic_passthru.policies import base

GET = 'baremetal:operation:get'
LIST = 'baremetal:operation:list'
LIST_ALL = 'baremetal:operation:list_all'
CANCEL = 'baremetal:operation:cancel'

_PATH = '/v1/operations/{operation}'
_OWNERS = ('project_id', 'user_id')
_OWNER = (
    'Attributes: project_id of the operation, or user_id if neither the '
    'operation nor the caller has a project.'
)

RULES = (
    base.Rule(
        GET,
        base.SYSTEM_OR_OWNER_READER,
        f'Show an operation, its result and its events. {_OWNER}',
        ('GET', _PATH),
        ('GET', f'{_PATH}/result'),
        ('GET', f'{_PATH}/events'),
        attributes=_OWNERS,
    ),
    base.Rule(
        LIST,
        base.READER,
        'List the operations of the own project or, without a project, of '
        'the user. Requests for other operations get 404, or 403 without '
        'this rule.',
        ('GET', '/v1/operations'),
    ),
    base.Rule(
        LIST_ALL,
        base.SYSTEM_READER,
        'List the operations of all users.',
        ('GET', '/v1/operations'),
    ),
    base.Rule(
        CANCEL,
        base.SYSTEM_ADMIN_OR_OWNER,
        f'Cancel a visible operation, or request its cancellation. {_OWNER}',
        ('DELETE', _PATH),
        attributes=_OWNERS,
    ),
)
