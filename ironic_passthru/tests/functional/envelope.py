# SPDX-License-Identifier: Apache-2.0
"""Checks that apply to every response of the API."""

import json
import re

from testtools import matchers

from ironic_passthru.tests import base
from ironic_passthru.tests.functional import web

_VARY = ['Accept', 'OpenStack-API-Version', 'X-OpenStack-Ironic-API-Version']
_REQUEST_ID = 'req-[0-9a-f-]{36}'


class EnvelopeCase(base.TestCase):
    """Checks of headers and error bodies."""

    def assert_answer(self, answer: web.Answer | None, *statuses: int) -> None:
        """Check the status, the common headers and the form of an error."""
        assert answer is not None, 'the connection ended without an answer'
        self.assertIn(answer.status, statuses, answer.body)
        self.assert_headers(answer)
        if answer.status >= 400:
            self.assert_fault(answer)

    def assert_headers(self, answer: web.Answer) -> None:
        """Check the headers of every response."""
        headers = answer.headers
        for name in ('x-openstack-request-id', 'openstack-request-id'):
            self.assertThat(
                headers[name] or '', matchers.MatchesRegex(_REQUEST_ID)
            )
        prefix = 'X-OpenStack-Ironic-API-'
        self.assertEqual('1.1', headers[f'{prefix}Minimum-Version'])
        self.assertEqual('1.115', headers[f'{prefix}Maximum-Version'])
        self.assertIsNotNone(headers[f'{prefix}Version'])
        self.assertEqual('nosniff', headers['X-Content-Type-Options'])
        self.assertEqual('no-store', headers['Cache-Control'])
        # Apache removes the spaces of this list.
        self.assertEqual(_VARY, re.split(', ?', headers['Vary']))

    def assert_fault(self, answer: web.Answer) -> None:
        """Check body and headers of an error."""
        status = answer.status
        for needed, name in (
            (401, 'WWW-Authenticate'),
            (405, 'Allow'),
            (503, 'Retry-After'),
        ):
            if status == needed:
                self.assertIsNotNone(answer.headers[name], name)
        kind = answer.headers.get_content_type()
        if not answer.body:
            # A response to HEAD.
            self.assertRegex(kind, r'^application/(problem\+)?json$')
            return
        if kind == 'application/problem+json':
            self.assertEqual(status, answer.json['status'])
            return
        self.assertEqual('application/json', kind)
        self.assertEqual(['error_message'], list(answer.json))
        inner = json.loads(answer.json['error_message'])
        code = 'Client' if status < 500 else 'Server'
        self.assertEqual(
            {'faultcode', 'faultstring', 'debuginfo'}, inner.keys()
        )
        self.assertEqual(code, inner['faultcode'])
        self.assertThat(
            inner['faultstring'], matchers.MatchesRegex(r'(?s).*\S')
        )
        self.assertNotRegex(
            inner['faultstring'], re.compile('Traceback|hunter2')
        )
