# SPDX-License-Identifier: Apache-2.0
"""Tests of the targets that drivers serve."""

import queue
import types
from typing import Any

from ironic_passthru import errors
from ironic_passthru.conductor import served_targets
from ironic_passthru.db import target_lists
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.tests import base


class ServedTargetsCase(base.TestCase):
    """Driver ``d`` returns or raises ``answer``, ``other`` publishes none."""

    def setUp(self) -> None:
        super().setUp()
        self.answer: Any = {'n1': ['web']}
        self.drivers: Any = {
            name: types.SimpleNamespace(
                interface=types.SimpleNamespace(get_targets=get_targets)
            )
            for name, get_targets in (
                ('d', self.get_targets),
                ('other', lambda: None),
            )
        }
        self.served = served_targets.ServedTargets(self.drivers)

    def get_targets(self) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class ServedTargetsTest(ServedTargetsCase):
    """What a conductor publishes and checks."""

    def read(self) -> dict[str, Any]:
        return {
            name: {**each.tags} for name, each in self.served.read().items()
        }

    def test_read(self) -> None:
        self.assertEqual({'d': {'n1': {'web'}}}, self.read())
        first = self.served.read()['d']
        self.assertIs(first, self.served.read()['d'])
        self.answer = None
        self.assertEqual({}, self.read())

    def test_failures(self) -> None:
        self.answer = errors.TemporaryFailure()
        self.assertEqual({}, self.read())
        self.answer = {'n1': ['web']}
        self.read()
        with self.assertLogs('ironic_passthru', 'ERROR') as logs:
            for answer in (KeyError('rack'), KeyError('rack'), SystemExit(1)):
                self.answer = answer
                self.assertEqual({'d': {'n1': {'web'}}}, self.read())
            self.answer = {'n2': 'web'}
            self.assertEqual({'d': {'n1': {'web'}}}, self.read())
        self.assertEqual(3, len(logs.records))
        self.assertIn("KeyError: 'rack'", logs.output[0])
        self.assertIn('InvalidTargets: the tags of target', logs.output[2])

    def test_a_method_with_this_name_does_not_run(self) -> None:
        class Vendor(driver_base.VendorInterface):
            @driver_base.driver_passthru(['GET'])
            def get_targets(self) -> Any:
                """Return the SCSI targets."""
                raise AssertionError('it runs')

        self.drivers['d'].interface = Vendor()
        self.assertEqual({}, self.read())

    def test_missing(self) -> None:
        def missing(name: str, *names: str) -> list[str]:
            return served_targets.missing(self.drivers[name], names)

        self.assertEqual(['n2', 'n3'], missing('d', 'n3', 'n1', 'n2'))
        self.assertEqual([], missing('other', 'n3'))
        # The driver reports it in the call.
        self.answer = errors.TemporaryFailure()
        self.assertEqual([], missing('d', 'n3'))


class TargetPublisherTest(ServedTargetsCase):
    """A publisher that reads a hundred times a second."""

    def setUp(self) -> None:
        super().setUp()
        self.published: queue.Queue[target_lists.Targets] = queue.Queue()
        self.failures = 2
        self.publisher = served_targets.TargetPublisher(
            self.served, self.publish, interval_seconds=0.01
        )

    def publish(self, targets: target_lists.Targets) -> None:
        if self.failures:
            self.failures -= 1
            raise errors.RegistryUnavailable()
        self.published.put(targets)

    def test_changes(self) -> None:
        first = self.publisher.read()
        self.assertEqual(['n1'], [*first['d'].tags])
        self.answer = {'n1': [], 'n2': []}
        with self.assertLogs('ironic_passthru', 'WARNING') as logs:
            self.publisher.start()
            self.addCleanup(self.publisher.stop)
            changed = self.published.get(timeout=30)
        self.assertEqual(['n1', 'n2'], [*changed['d'].tags])
        self.assertEqual(1, len(logs.records))
        self.publisher.stop()
        self.assertTrue(self.published.empty())
