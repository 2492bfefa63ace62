# SPDX-License-Identifier: Apache-2.0
"""The example of a driver with many targets."""

import pathlib
import runpy
from typing import Any

from ironic_passthru import errors
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.testing import conformance
from ironic_passthru.testing import harness
from ironic_passthru.tests import base

_FILE = pathlib.Path(__file__).parents[4] / 'doc/source/examples/acme_fleet.py'
_DRIVER: type[driver_base.VendorInterface] = runpy.run_path(str(_FILE))[
    'AcmeStrips'
]


class ExampleTest(conformance.DriverConformance, base.TestCase):
    driver = _DRIVER

    def test_call(self) -> None:
        strips = harness.DriverHarness(self.start())

        def switch(**parameters: Any) -> list[str]:
            result = strips.call('outlet', 'PUT', state='on', **parameters)
            return list(result['items'])

        self.assertEqual(['r1-left', 'r1-right'], switch(tag='rack1'))
        self.assertEqual(['r2-left'], switch(target='r2*'))
        for parameters in ({}, {'tag': 'rack3'}):
            self.assertRaises(errors.Invalid, switch, **parameters)

    def test_calls_can_be_split(self) -> None:
        method = self.load().methods['outlet']
        self.assertTrue(method.spec.selects_targets)
