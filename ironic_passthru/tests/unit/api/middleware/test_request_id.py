# SPDX-License-Identifier: Apache-2.0
"""Tests of request ids."""

from ironic_passthru.tests.unit.api import fakes


class TestRequestId(fakes.ApplicationCase):
    """Every response contains a request id."""

    def test_it_stands_under_both_names(self) -> None:
        for http_method, path in (
            ('GET', '/'),
            ('HEAD', '/v1'),
            ('OPTIONS', '/v1'),
            ('GET', '/nothing'),
            ('GET', '/healthcheck'),
            ('PUT', '/healthcheck'),
        ):
            headers = self.ask(path, http_method).headers
            self.assertRegex(
                headers['openstack-request-id'], '^req-[0-9a-f-]{36}$'
            )
            self.assertEqual(
                [headers['openstack-request-id']],
                headers.getall('x-openstack-request-id'),
            )

    def test_no_two_requests_share_one(self) -> None:
        ids = {
            self.ask('/').headers['openstack-request-id'] for _ in range(20)
        }
        self.assertEqual(20, len(ids))

    def test_a_client_cannot_choose_it(self) -> None:
        wanted = 'req-11111111-2222-3333-4444-555555555555'
        for name in ('X_OpenStack_Request_ID', 'OpenStack_Request_ID'):
            headers = self.ask('/', **{name: wanted}).headers
            self.assertNotEqual(wanted, headers['openstack-request-id'])
