# SPDX-License-Identifier: Apache-2.0
"""Selection of the metrics by the configuration."""

import sys
from unittest import mock

from ironic_passthru import errors
from ironic_passthru import metrics
from ironic_passthru.metrics import codes
from ironic_passthru.metrics import factory
from ironic_passthru.metrics import observer
from ironic_passthru.tests import base
from ironic_passthru.tests.functional import servers


class TestFactory(base.TestCase):
    def test_off_is_the_object_that_records_nothing(self) -> None:
        conf = self.make_conf()
        self.assertIs(observer.NO_METRICS, factory.of_api(conf))
        self.assertIs(observer.NO_METRICS, factory.of_conductor(conf))

    def test_the_extra_is_required(self) -> None:
        conf = self.make_conf(metrics__enabled=True)
        hidden = dict.fromkeys(
            [n for n in sys.modules if n.startswith('prometheus_client')]
        )
        hidden['prometheus_client'] = None
        sys.modules.pop('ironic_passthru.metrics.prometheus', None)
        vars(metrics).pop('prometheus', None)
        with (
            mock.patch.dict(sys.modules, hidden),
            self.assertRaisesRegex(errors.ConfigError, 'extra "metrics"'),
        ):
            factory.of_conductor(conf)

    def test_a_conductor_needs_its_port(self) -> None:
        port = self.useFixture(servers.ReservedPort()).port
        conf = self.make_conf(
            metrics__enabled=True, metrics__conductor_port=port
        )
        first, second = (factory.of_conductor(conf) for _ in range(2))
        first.serve()
        self.addCleanup(first.close)
        self.assertRaisesRegex(
            errors.ConfigError, 'conductor_port', second.serve
        )


class TestCodes(base.TestCase):
    def test_codes_of_vendors_have_one_value(self) -> None:
        vendor = errors.VendorError(message='x', status=400, code='acme_17')
        for error, code in (
            (vendor, 'vendor_error'),
            (errors.DriverError('x', code=418), 'vendor_error'),
            (errors.ConductorBusy(), 'conductor_busy'),
        ):
            self.assertEqual(code, codes.code_of(error))
