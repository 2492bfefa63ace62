# SPDX-License-Identifier: Apache-2.0
"""Tests of requests that need no login."""

from typing import Any

from oslo_context import context as oslo_context

from ironic_passthru.api import environ as keys
from ironic_passthru.api.auth import noauth
from ironic_passthru.tests import base


class TestAnonymous(base.TestCase):
    """Everybody may ask, and each request is told apart."""

    def test_a_request_has_its_ids_while_it_lasts(self) -> None:
        seen: list[Any] = []

        def below(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            seen.append(environ[keys.CONTEXT])
            seen.append(oslo_context.get_current())
            return []

        environ = {keys.REQUEST_ID: 'req-1', keys.GLOBAL_REQUEST_ID: 'req-2'}
        noauth.Anonymous(below)(environ, None)
        context, current = seen
        self.assertIs(context, current)
        self.assertEqual('req-1', context.request_id)
        self.assertEqual('req-2', context.global_request_id)
        self.assertIsNone(context.user_id)
        self.assertEqual(['admin', 'member', 'reader'], context.roles)
        self.assertEqual('all', context.system_scope)
        self.assertIsNone(oslo_context.get_current())

    def test_it_ends_with_an_error_too(self) -> None:
        def below(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            raise KeyError

        self.assertRaises(
            KeyError,
            noauth.Anonymous(below),
            {keys.REQUEST_ID: 'req-1'},
            None,
        )
        self.assertIsNone(oslo_context.get_current())
