# SPDX-License-Identifier: Apache-2.0
"""The service that vendors start in their tests."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import fixtures

from ironic_passthru import errors
from ironic_passthru.testing import service
from ironic_passthru.tests import base

# Imports of modules that the extra lacks, and warnings, would be errors.
SCRIPT = """
import sys, unittest
sys.modules['eventlet'] = sys.modules['fixtures'] = None
from ironic_passthru.testing import bmc, conformance, harness, service

class Test(conformance.DriverConformance, unittest.TestCase):
    driver = 'fake-hardware'

    def test_service(self):
        with service.LocalService('fake-hardware') as local:
            self.assertTrue(local.url)

unittest.main(argv=['test'])
"""


class LocalServiceTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.NestedTempfile())

    def directories(self) -> list[str]:
        """Return the temporary directories."""
        return os.listdir(tempfile.gettempdir())

    def test_calls_over_http(self) -> None:
        with service.LocalService('fake-hardware') as local:
            url = f'{local.url}/v1/drivers/fake-hardware/vendor_passthru'
            with urllib.request.urlopen(f'{url}?method=hello') as response:
                self.assertIn('greeting', json.load(response))
            self.assertEqual(1, len(self.directories()))
        self.assertEqual([], self.directories())
        self.assertRaises(
            urllib.error.URLError, urllib.request.urlopen, local.url
        )

    def test_a_configuration(self) -> None:
        conf = service.configuration('[api]\nport = 7000\n[acme]\nx = 1\n')
        self.assertEqual(7000, conf.api.port)
        with service.LocalService(
            'fake-hardware', config='[DEFAULT]\nauth_strategy = noauth\n'
        ) as local:
            self.assertEqual('noauth', local.conf.auth_strategy)

    def test_a_driver_that_cannot_be_loaded(self) -> None:
        local = service.LocalService('no-such-driver')
        self.assertRaises(errors.DriverLoadError, local.start)
        self.assertEqual([], self.directories())

    def test_without_warnings_and_further_packages(self) -> None:
        done = subprocess.run(
            [sys.executable, '-W', 'error', '-c', SCRIPT],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('OK', done.stderr)
