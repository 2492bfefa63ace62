# SPDX-License-Identifier: Apache-2.0
"""The conformance tests accept our drivers and detect each mistake."""

import threading
import unittest
from typing import Annotated
from typing import Any

import pydantic

from ironic_passthru import errors
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.testing import conformance
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.drivers import ironic_style


class FakeHardwareTest(conformance.DriverConformance, base.TestCase):
    driver = 'fake-hardware'

    def test_call(self) -> None:
        self.assertEqual(
            {'greeting': 'Hello, kit!'}, self.call('hello', 'GET', name='kit')
        )
        self.assertIsNone(self.call('no_op_async', 'POST'))
        self.assertRaises(
            errors.VerbNotSupported, self.call, 'hello', 'DELETE'
        )


class RedfishTest(conformance.DriverConformance, base.TestCase):
    driver = 'redfish'


class Good(driver_base.VendorInterface):
    @driver_base.driver_passthru(['GET'])
    def one(self, slot: int | None = None) -> None:
        """Do one thing."""


class Unloadable(Good):
    @driver_base.driver_passthru(['GET'])
    def two(self, *slots: int) -> None:
        """Cannot be called."""


class Empty(driver_base.VendorInterface):
    pass


class BadName(Good):
    @driver_base.driver_passthru(['GET'], method='a/b')
    def two(self) -> None:
        """Cannot be reached by its path."""


class Hidden(Good):
    @driver_base.driver_passthru(['GET'])
    def methods(self) -> None:
        """Cannot be reached by its path either."""


class Undescribed(Good):
    @driver_base.driver_passthru(['GET'])
    def two(self) -> None:
        pass


class RefersElsewhere(Good):
    @driver_base.driver_passthru(['GET'])
    def two(
        self,
        slot: Annotated[
            Any, pydantic.WithJsonSchema({'$ref': 'https://acme.example/slot'})
        ],
    ) -> None:
        """Have a schema in another document."""


class OddProperties(Good):
    def get_properties(self) -> Any:
        return {'slots': 3}


class OddTargets(Good):
    def get_targets(self) -> Any:
        return {'r1': 'rack1'}


class OddDefault(Good):
    @driver_base.driver_passthru(['GET'])
    def two(self, slot: int = None) -> None:  # noqa: RUF013
        """Have a default that may not be given."""


class SecretTarget(Good):
    @driver_base.driver_passthru(['GET'], target='community')
    def two(self, community: pydantic.SecretStr) -> None:
        """Have a secret target."""


class Unstable(Good):
    count = 0

    def get_properties(self) -> dict[str, str]:
        Unstable.count += 1
        return {'count': f'It is {self.count}.'}


class DemandingValidate(Good):
    def driver_validate(self, method: str, slot: int) -> None:
        pass


class CrashingValidate(Good):
    def driver_validate(self, method: str, **kwargs: Any) -> None:
        kwargs['slot']


class StrictValidate(Good):
    def driver_validate(self, **kwargs: Any) -> None:
        if (kwargs['method'], kwargs['http_method']) != ('one', 'GET'):
            raise KeyError('unexpected arguments')


class NoProperties(Good):
    def get_properties(self) -> Any:
        return None


class StopsOnce(Good):
    started = False

    def start(self, conf: Any) -> None:
        self.started = True

    def stop(self) -> None:
        if not self.started:
            raise RuntimeError('not started')
        self.started = False


class StartsOnce(Good):
    started = False

    def start(self, conf: Any) -> None:
        if StartsOnce.started:
            raise RuntimeError('started before')
        StartsOnce.started = True


class LeavesThread(Good):
    end = threading.Event()

    def start(self, conf: Any) -> None:
        threading.Thread(target=self.end.wait, daemon=True).start()


# In another module, which shows the tests which errors belong to a driver.
OddErrors = type('OddErrors', (Good,), {'__module__': 'odd_errors'})
AnswersWithSuccess = type(
    'AnswersWithSuccess',
    (errors.DriverError,),
    {'__module__': 'odd_errors', 'code': 200},
)

# Each broken driver with the tests that must catch it, and no others.
BROKEN: dict[type, set[str]] = {
    Good: set(),
    StrictValidate: set(),
    NoProperties: set(),
    BadName: {'test_method_names_are_usable'},
    Hidden: {'test_method_names_hide_nothing'},
    Undescribed: {'test_methods_are_described'},
    OddProperties: {'test_properties_are_text'},
    OddTargets: {'test_published_targets_are_valid'},
    OddDefault: {'test_defaults_fit_their_declarations'},
    SecretTarget: {'test_targets_are_no_secrets'},
    Unstable: {'test_specs_are_stable'},
    CrashingValidate: {'test_validate_refuses_in_words'},
    StopsOnce: {'test_stops_twice'},
    LeavesThread: {'test_leaves_no_thread'},
    OddErrors: {'test_errors_can_be_answered'},
}


def _run_kit(driver: Any) -> tuple[set[str], set[str]]:
    """Run the kit; return the tests that there are and those that fail."""
    kind = type(
        'Kit',
        (conformance.DriverConformance, unittest.TestCase),
        {'driver': driver, 'end_seconds': 0.1},
    )
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(kind)
    names = {test.id().rpartition('.')[2] for test in suite}
    result = unittest.TestResult()
    suite.run(result)
    bad = {test for test, _ in result.failures + result.errors}
    return names, {test.id().rpartition('.')[2] for test in bad}


class KitTest(base.TestCase):
    """Each test detects its mistake and no other."""

    def test_each_fault_is_caught(self) -> None:
        self.addCleanup(LeavesThread.end.set)
        for driver, expected in BROKEN.items():
            _, failed = _run_kit(driver)
            self.assertEqual(expected, failed, driver.__name__)

    def test_what_does_not_load_fails_everything(self) -> None:
        for driver in (
            Unloadable,
            Empty,
            DemandingValidate,
            RefersElsewhere,
            'no-such-driver',
        ):
            names, failed = _run_kit(driver)
            self.assertEqual(names, failed)
            self.assertIn('test_loads', names)

    def test_what_starts_once_only(self) -> None:
        self.addCleanup(setattr, StartsOnce, 'started', False)
        _, failed = _run_kit(StartsOnce)
        self.assertIn('test_starts_and_stops', failed)

    def test_interface_written_for_ironic(self) -> None:
        _, failed = _run_kit(ironic_style.ZetaChassisVendor)
        # Ironic does not ask for descriptions.
        self.assertEqual({'test_methods_are_described'}, failed)
