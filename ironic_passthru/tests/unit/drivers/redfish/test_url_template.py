# SPDX-License-Identifier: Apache-2.0
"""Templates of URLs of BMCs."""

from ironic_passthru.drivers.redfish import url_template
from ironic_passthru.tests import base


class TestTemplates(base.TestCase):
    def test_templates(self) -> None:
        for target, template in (
            ('/redfish/v1/', '/redfish/v1'),
            ('/redfish/v1/Systems/437XR1138R2', '/redfish/v1/Systems/{id}'),
            (
                '/redfish/v1/Systems/1/Actions/ComputerSystem.Reset',
                '/redfish/v1/Systems/{id}/Actions/{id}',
            ),
            (
                '/redfish/v1/Chassis/1/Sensors?$skip=50',
                '/redfish/v1/Chassis/{id}/Sensors',
            ),
            ('/rest/serial-4711', '/{id}/{id}'),
            ('/' + 'a/' * 1000, '/{path}'),
        ):
            self.assertEqual(template, url_template.of(target))
