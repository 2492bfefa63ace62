# SPDX-License-Identifier: Apache-2.0
"""Tests of the headers of every response."""

import webob

from ironic_passthru.api.middleware import headers
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.api import fakes

_PREFIX = 'X-OpenStack-Ironic-API-'


class TestCommonHeaders(fakes.ApplicationCase):
    """Headers of every response, whatever layer makes it."""

    def test_every_response_contains_them(self) -> None:
        self.store.add('c', fakes.driver('d', fakes.method('m')))
        for http_method, path, status in (
            ('GET', '/', 200),
            ('HEAD', '/v1', 200),
            ('OPTIONS', '/v1', 200),
            ('GET', '/v1/drivers/d/vendor_passthru/m', 200),
            ('GET', '/nothing', 404),
            ('PUT', '/v1', 405),
            ('GET', '/healthcheck', 200),
            ('GET', '/healthcheck/detailed', 200),
            ('GET', '/healthcheck/nothing', 404),
            ('PUT', '/healthcheck', 405),
        ):
            response = self.ask(path, http_method)
            headers = response.headers
            self.assertEqual(status, response.status_int, (http_method, path))
            self.assertEqual('1.1', headers[f'{_PREFIX}Minimum-Version'])
            self.assertEqual('1.115', headers[f'{_PREFIX}Maximum-Version'])
            self.assertEqual('1.1', headers[f'{_PREFIX}Version'])
            self.assertEqual(
                'Accept, OpenStack-API-Version, '
                'X-OpenStack-Ironic-API-Version',
                headers['Vary'],
            )
            self.assertEqual('nosniff', headers['X-Content-Type-Options'])
            self.assertEqual('no-store', headers['Cache-Control'])

    def test_internal_errors_contain_them(self) -> None:
        self.store.add('c', fakes.driver('d', fakes.method('m')))
        self.bus.result = KeyError('a bug')
        response = self.ask('/v1/drivers/d/vendor_passthru/m')
        self.assertEqual(500, response.status_int)
        self.assertIn('x-openstack-request-id', response.headers)
        self.assertEqual('1.1', response.headers[f'{_PREFIX}Version'])

    def test_the_version_in_force_is_repeated(self) -> None:
        for asked, status, told in (
            ('1.42', 200, '1.42'),
            ('latest', 200, '1.115'),
            ('9.9', 406, '1.1'),
        ):
            response = self.ask('/', X_OpenStack_Ironic_API_Version=asked)
            self.assertEqual(status, response.status_int)
            self.assertEqual(told, response.headers[f'{_PREFIX}Version'])
            self.assertEqual(
                '1.115', response.headers[f'{_PREFIX}Maximum-Version']
            )


class TestVary(base.TestCase):
    """One Vary header lists everything that a response depends on."""

    def test_vary_of_a_layer_is_kept(self) -> None:
        below = webob.Response(vary=('Origin',))
        response = webob.Request.blank('/').get_response(
            headers.CommonHeaders(below)
        )
        told = response.headers.getall('Vary')
        self.assertEqual(1, len(told))
        self.assertEqual('Accept, OpenStack-API-Version', told[0][:29])
        self.assertEqual(', Origin', told[0][-8:])
