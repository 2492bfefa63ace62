# SPDX-License-Identifier: Apache-2.0
"""Tests of requests without authentication."""

from ironic_passthru.api.auth import noauth
from ironic_passthru.api.http import environ_keys
from ironic_passthru.tests import base


class TestAnonymous(base.TestCase):
    """Callers are anonymous administrators."""

    def test_the_identity_of_all_callers(self) -> None:
        environ = {
            environ_keys.REQUEST_ID: 'req-1',
            environ_keys.GLOBAL_REQUEST_ID: 'req-2',
        }
        context = noauth.Anonymous().identify(environ)
        self.assertEqual('req-1', context.request_id)
        self.assertEqual('req-2', context.global_request_id)
        self.assertIsNone(context.user_id)
        self.assertEqual(['admin', 'member', 'reader'], context.roles)
        self.assertEqual('all', context.system_scope)
