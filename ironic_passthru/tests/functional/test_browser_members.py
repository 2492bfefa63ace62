# SPDX-License-Identifier: Apache-2.0
"""Members of results in the console."""

from ironic_passthru.drivers import redfish
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import browser


class TestMembers(browser.ConsoleTestCase):
    """Results that are described by a JSON Schema."""

    def setUp(self) -> None:
        self.browser = self.useFixture(browser.Chromium()).browser
        self.service = self.useFixture(
            embedded.Embedded(
                {'redfish': redfish.RedfishVendor()}, api__console=True
            )
        )
        super().setUp()

    def test_members_are_listed_before_a_call(self) -> None:
        self.open('drivers', 'redfish', 'power')
        self.page.get_by_text('Members of the result').click()
        self.sees('items.*.power_state', '.members')
        self.sees('The state after the change.', '.members')
        self.assert_accessible(self.page)
        self.open('drivers', 'fake-hardware', 'screenshot')
        self.sees('Fetch a picture')
        self.assertEqual(0, self.page.locator('.members').count())
