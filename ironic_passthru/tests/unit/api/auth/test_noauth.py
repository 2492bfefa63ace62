# SPDX-License-Identifier: Apache-2.0
"""Tests of requests that need no login."""

from ironic_passthru.api.auth import noauth
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.tests import base


class TestAnonymous(base.TestCase):
    """Everybody may do everything, and nobody has a name."""

    def test_the_identity_of_everybody(self) -> None:
        environ = {keys.REQUEST_ID: 'req-1', keys.GLOBAL_REQUEST_ID: 'req-2'}
        context = noauth.Anonymous().identify(environ)
        self.assertEqual('req-1', context.request_id)
        self.assertEqual('req-2', context.global_request_id)
        self.assertIsNone(context.user_id)
        self.assertEqual(['admin', 'member', 'reader'], context.roles)
        self.assertEqual('all', context.system_scope)
