# SPDX-License-Identifier: Apache-2.0
"""Conformance tests, and tests of the lamps."""

import unittest

from ironic_passthru import errors
from ironic_passthru.testing import conformance


class TestRackLamps(conformance.DriverConformance, unittest.TestCase):
    """The installed driver, called as a conductor does."""

    driver = 'rack-lamps'

    def test_all_lamps_are_off(self) -> None:
        self.assertEqual({'r1': 'off', 'r2': 'off'}, self.call('lamps', 'GET'))

    def test_a_lamp_can_blink(self) -> None:
        self.assertIsNone(
            self.call('set_lamp', 'PUT', rack='r1', state='blinking')
        )

    def test_a_lamp_that_is_not_there_is_refused(self) -> None:
        with self.assertRaisesRegex(errors.InvalidParameterValue, 'rack r9'):
            self.call('set_lamp', 'PUT', rack='r9')
