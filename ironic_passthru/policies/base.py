# SPDX-License-Identifier: Apache-2.0
"""What the defaults of rules are made of.

A reader of whatever scope may look at what there is; what concerns the
whole site, and all that touches hardware, needs system scope. Keystone gives
administrators the roles member and reader too.
"""

from typing import Any

from oslo_policy import policy

READER = 'role:reader'
SYSTEM_READER = 'role:reader and system_scope:all'
SYSTEM_ADMIN = 'role:admin and system_scope:all'
# Of an operation only one of the two is told, see api/v1/operations.py.
_OWNER = '(project_id:%(project_id)s or user_id:%(user_id)s)'
SYSTEM_OR_OWNER_READER = f'({SYSTEM_READER}) or (role:reader and {_OWNER})'
SYSTEM_ADMIN_OR_OWNER = f'({SYSTEM_ADMIN}) or (role:member and {_OWNER})'

# All of them, for every rule. A scope that is missing here could not be
# admitted by any policy file; which one is wanted is said by the rule.
SCOPES = ['system', 'domain', 'project']


class Rule(policy.DocumentedRuleDefault):
    """A rule.

    :param attributes: all that what it decides on can have. A check of any
        other one would be false for ever, and its ``not`` true.
    :param stated: what oslo.policy wants to know.
    """

    def __init__(self, attributes: tuple[str, ...], **stated: Any) -> None:
        super().__init__(**stated)
        self.attributes = frozenset(attributes)


def rule(
    name: str,
    check: str,
    description: str,
    *operations: tuple[str, str],
    attributes: tuple[str, ...] = (),
) -> Rule:
    """Return a rule.

    :param check: its default, in the language of oslo.policy.
    :param operations: verb and path of each request that it decides on.
    :param attributes: see :class:`Rule`.
    """
    return Rule(
        attributes,
        name=name,
        check_str=check,
        description=description,
        operations=[
            {'method': verb, 'path': path} for verb, path in operations
        ],
        scope_types=SCOPES,
    )
