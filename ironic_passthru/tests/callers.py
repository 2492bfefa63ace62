# SPDX-License-Identifier: Apache-2.0
"""An authentication strategy for tests: a header names the caller."""

from collections.abc import Mapping
from typing import Any
from unittest import mock

import fixtures

from ironic_passthru import context
from ironic_passthru import errors
from ironic_passthru.api.auth import login
from ironic_passthru.api.auth import strategies

HEADER = 'X-Caller'

_ADMIN = ['admin', 'member', 'reader']
_MEMBER = ['member', 'reader']
_READER = ['reader']

# Attributes of tokens of the usual kinds, as Keystone returns them.
CALLERS: dict[str, dict[str, Any]] = {
    'system-admin': {
        'roles': _ADMIN,
        'system_scope': 'all',
        'user_id': 'root',
    },
    'system-reader': {
        'roles': _READER,
        'system_scope': 'all',
        'user_id': 'eve',
    },
    'domain-reader': {
        'roles': _READER,
        'domain_id': 'd1',
        'user_id': 'dora',
    },
    'project-admin': {'roles': _ADMIN, 'project_id': 'p1', 'user_id': 'ann'},
    'project-member': {'roles': _MEMBER, 'project_id': 'p1', 'user_id': 'bob'},
    'project-reader': {'roles': _READER, 'project_id': 'p1', 'user_id': 'joe'},
    'other-member': {'roles': _MEMBER, 'project_id': 'p2', 'user_id': 'bob'},
    'lone-member': {'roles': _MEMBER, 'user_id': 'bob'},
    'lone-other': {'roles': _MEMBER, 'user_id': 'liz'},
    'no-role': {'roles': [], 'project_id': 'p1', 'user_id': 'max'},
    'no-role-in-system': {
        'roles': [],
        'system_scope': 'all',
        'user_id': 'max',
    },
}


class Callers(fixtures.Fixture):
    """Replace auth_strategy noauth.

    :param more: further callers, by name.
    """

    def __init__(
        self, more: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        super().__init__()
        self._callers = CALLERS | dict(more or {})

    def _setUp(self) -> None:
        patch = mock.patch.dict(
            strategies.STRATEGIES, noauth=lambda conf: self
        )
        patch.start()
        self.addCleanup(patch.stop)

    def identify(self, environ: dict[str, Any]) -> context.RequestContext:
        """Return the caller that a request names."""
        name = environ.get('HTTP_X_CALLER')
        if name not in self._callers:
            raise errors.Unauthorized(challenge='Test realm="callers"')
        return login.make_context(environ, **self._callers[name])
