# SPDX-License-Identifier: Apache-2.0
"""Tests in gabbits/, each file with a new all-in-one service."""

import json
import pathlib
import re
import unittest
from collections.abc import Iterable
from typing import Any

import fixtures
from gabbi import driver
from gabbi import fixture
from gabbi.handlers import base as handlers

from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import odd

_FILES = pathlib.Path(__file__).parent / 'gabbits'
_REQUEST_ID = re.compile('req-[0-9a-f-]{36}')


class Application:
    """Forward requests to the service of the fixture.

    gabbi calls the application factory when it collects tests, which is too
    early to start a service.
    """

    current: Any = None

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        return self.current(environ, start_response)


APPLICATION = Application()


class Service(fixture.GabbiFixture):
    """The all-in-one service for the tests of one file."""

    def start_fixture(self) -> None:
        self._resources = fixtures.Fixture()
        self._resources.setUp()
        self._resources.useFixture(
            fixtures.FakeLogger(level=0, nuke_handlers=True)
        )
        service = self._resources.useFixture(
            embedded.Embedded(drivers={'odd': odd.OddVendor()})
        )
        APPLICATION.current = service.application

    def stop_fixture(self) -> None:
        APPLICATION.current = None
        self._resources.cleanUp()


class Fault(handlers.ResponseHandler):
    """``response_fault``: the message of an error in Ironic's format."""

    test_key_suffix = 'fault'
    test_key_value = ''

    def __call__(self, test: Any) -> None:
        # Checks of every response.
        self._check_headers(test)
        expected = test.test_data[self._key]
        if not expected:
            return
        text = json.loads(test.output)['error_message']
        inner = json.loads(text)
        code = 'Client' if test.response['status'] < '500' else 'Server'
        test.assertEqual(code, inner['faultcode'])
        test.assertIsNone(inner['debuginfo'])
        if self.is_regex(expected):
            test.assertRegex(inner['faultstring'], expected[1:-1])
        else:
            test.assertEqual(expected, inner['faultstring'])

    def _check_headers(self, test: Any) -> None:
        response = test.response
        for name in ('x-openstack-request-id', 'openstack-request-id'):
            test.assertRegex(response[name], _REQUEST_ID)
        prefix = 'x-openstack-ironic-api-'
        test.assertEqual('1.1', response[f'{prefix}minimum-version'])
        test.assertEqual('1.115', response[f'{prefix}maximum-version'])
        test.assertRegex(response[f'{prefix}version'], r'^1\.[0-9]+$')
        test.assertIn('OpenStack-API-Version', response['vary'])
        if 'problem' in response.get('content-type', '') and test.output:
            problem = json.loads(test.output)
            test.assertEqual(str(problem['status']), response['status'])
            test.assertEqual(
                problem['request_id'], response['openstack-request-id']
            )


def load_tests(
    loader: unittest.TestLoader, tests: object, pattern: str | None
) -> unittest.TestSuite:
    """Return the tests of all files, by unittest's protocol."""
    return driver.build_tests(
        str(_FILES),
        loader,
        intercept=lambda: APPLICATION,
        fixture_module=__import__(__name__, fromlist=['Service']),
        response_handlers=[Fault],
        test_loader_name=__name__,
    )
