# SPDX-License-Identifier: Apache-2.0
"""Policy rules and their default checks.

Readers of any scope can list drivers and their own operations. Data of the
whole site and calls require system scope. Keystone implies the roles member
and reader for administrators.
"""

from oslo_policy import policy

READER = 'role:reader'
SYSTEM_READER = 'role:reader and system_scope:all'
SYSTEM_ADMIN = 'role:admin and system_scope:all'
# An operation has only one of both, see api/v1/operations.py.
_OWNER = '(project_id:%(project_id)s or user_id:%(user_id)s)'
SYSTEM_OR_OWNER_READER = f'({SYSTEM_READER}) or (role:reader and {_OWNER})'
SYSTEM_ADMIN_OR_OWNER = f'({SYSTEM_ADMIN}) or (role:member and {_OWNER})'

# A policy file could not allow a scope that is missing here; checks restrict
# the scope.
SCOPES = ['system', 'domain', 'project']


class Rule(policy.DocumentedRuleDefault):
    """A policy rule.

    :param check: default check string of oslo.policy.
    :param operations: HTTP method and path of each request that it decides.
    :param attributes: all attributes of targets. A check of any other is
        always false, and its negation always true.
    """

    def __init__(
        self,
        name: str,
        check: str,
        description: str,
        *operations: tuple[str, str],
        attributes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(
            name=name,
            check_str=check,
            description=description,
            operations=[
                {'method': http_method, 'path': path}
                for http_method, path in operations
            ],
            scope_types=SCOPES,
        )
        self.attributes = frozenset(attributes)
