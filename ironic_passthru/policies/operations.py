# SPDX-License-Identifier: Apache-2.0
"""Rules on operations."""

from ironic_passthru.policies import base

GET = 'baremetal:operation:get'
LIST = 'baremetal:operation:list'
LIST_ALL = 'baremetal:operation:list_all'
CANCEL = 'baremetal:operation:cancel'

_ONE = '/v1/operations/{operation}'
_OWNERS = ('project_id', 'user_id')
_OWNER = (
    'Attributes: project_id of the operation, or, if neither it nor the '
    'caller has a project, user_id.'
)

RULES = (
    base.rule(
        GET,
        base.SYSTEM_OR_OWNER_READER,
        f'Show an operation and its result. {_OWNER}',
        ('GET', _ONE),
        ('GET', f'{_ONE}/result'),
        attributes=_OWNERS,
    ),
    base.rule(
        LIST,
        base.READER,
        'List the operations of the own project or, without a project, of '
        'the user. Those who ask for one that they may not see are told '
        'that there is none, or, without this rule, that they may see none.',
        ('GET', '/v1/operations'),
    ),
    base.rule(
        LIST_ALL,
        base.SYSTEM_READER,
        'List the operations of everybody.',
        ('GET', '/v1/operations'),
    ),
    base.rule(
        CANCEL,
        base.SYSTEM_ADMIN_OR_OWNER,
        'Cancel an operation that the caller may see, or ask it to end. '
        f'{_OWNER}',
        ('DELETE', _ONE),
        attributes=_OWNERS,
    ),
)
