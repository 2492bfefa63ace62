# SPDX-License-Identifier: Apache-2.0
"""Conformance tests that every driver must pass, to be inherited.

::

    import unittest

    from ironic_passthru.testing import conformance

    class AcmeTest(conformance.DriverConformance, unittest.TestCase):
        driver = 'acme'     # an entry point, or the class itself

        def test_tag(self):
            self.assertEqual('t', self.call('asset_tag', 'GET', rack='r1'))

No test calls a method of the driver; ``start()``, ``stop()`` and
``driver_validate()`` do run, so they must do without hardware.
"""

import contextlib
import json
import re
import threading
import time
import typing
import unittest
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.drivers import base
from ironic_passthru.drivers import loader
from ironic_passthru.drivers import problems
from ironic_passthru.fleet import target_list
from ironic_passthru.json_schema import json_pointer
from ironic_passthru.testing import harness
from ironic_passthru.testing import service
from ironic_passthru.validation import schema as parameter_schema
from ironic_passthru.validation import strict_json

if typing.TYPE_CHECKING:
    _Mixin = unittest.TestCase
else:
    # Test runners would run a TestCase without a driver.
    _Mixin = object

_Class = typing.TypeVar('_Class')

# Unreserved characters of URLs (RFC 3986), which need no escaping.
_USABLE_NAME = re.compile(r'\A[A-Za-z0-9_.~-]{1,255}\Z')


class DriverConformance(_Mixin):
    """A mixin of tests for the driver that ``driver`` names.

    :cvar driver: name of an entry point in ``ironic_passthru.drivers``, or a
        subclass of :class:`ironic_passthru.drivers.base.VendorInterface`.
    :cvar config: text of the configuration file, with the options that the
        driver registers in ``start()``.
    :cvar end_seconds: time for threads to end.
    """

    driver: str | type[base.VendorInterface]
    config = ''
    end_seconds = 10.0

    def make_driver_conf(self) -> cfg.ConfigOpts:
        """Return the configuration that the driver is started with."""
        return service.configuration(self.config)

    def load(self) -> loader.Driver:
        """Return a new instance of the driver, loaded but not started."""
        return harness.load(self.driver)

    def start(self) -> loader.Driver:
        """Return a started driver, which is stopped after the test."""
        driver = self.load()
        driver.interface.start(self.make_driver_conf())
        self.addCleanup(driver.interface.stop)
        return driver

    def call(self, method: str, http_method: str, /, **parameters: Any) -> Any:
        """Call a method of a new driver as a conductor does.

        Dangerous methods are allowed. Asynchronous methods run until they
        end.

        :returns: the result as a JSON value; of a method with ``attach`` an
            object with ``data``, ``media_type`` and ``filename``.
        :raises: the errors that a client receives.
        """
        return harness.DriverHarness(self.start()).call(
            method, http_method, **parameters
        )

    def test_loads(self) -> None:
        """The driver has methods, and no mistake in its code."""
        self.assertIsInstance(self.load().interface, base.VendorInterface)

    def test_method_names_are_usable(self) -> None:
        """A name can be part of a URL without escaping."""
        for name in self.load().methods:
            self.assertRegex(name, _USABLE_NAME)

    def test_method_names_hide_nothing(self) -> None:
        """``GET .../methods`` is the list of methods, never a call."""
        method = self.load().methods.get('methods')
        if method is not None:
            self.assertNotIn('GET', method.spec.http_methods)

    def test_methods_are_described(self) -> None:
        """Each method has a description of one line."""
        for name, method in self.load().methods.items():
            text = method.spec.description
            self.assertTrue(text.strip(), f'{name} has no description')
            self.assertNotIn('\n', text, name)

    def test_properties_are_text(self) -> None:
        """Each property has a name and a description."""
        properties = self.load().interface.get_properties() or {}
        self.assertIsInstance(properties, Mapping)
        for name, text in properties.items():
            self.assertIsInstance(name, str)
            self.assertIsInstance(text, str, name)
            self.assertTrue(text.strip(), f'{name} has no description')

    def test_schemas_are_valid(self) -> None:
        """Each schema is valid JSON Schema 2020-12 and complete in itself."""
        for name, method in self.load().methods.items():
            parameter_schema.check_schema(method.spec.schema)
            self.assertEqual('object', method.spec.schema['type'], name)

    def test_defaults_fit_their_declarations(self) -> None:
        """Each default is valid for its parameter."""
        for name, method in self.load().methods.items():
            properties = method.spec.schema['properties']
            for parameter, declared in properties.items():
                if 'default' not in declared:
                    continue
                wrong = _errors_of(method, parameter, declared['default'])
                self.assertEqual([], wrong, f'{name}: {parameter}')

    def test_targets_are_no_secrets(self) -> None:
        """Targets are not secret: they are compared, counted and logged."""
        for name, method in self.load().methods.items():
            named = dict.fromkeys(method.spec.target, 'bmc')
            self.assertEqual(named, method.spec.masked(named), name)

    def test_specs_survive_the_registry(self) -> None:
        """The API reads the same spec that the conductor writes."""
        driver = self.load()
        text = json.dumps(driver.spec.to_document(), allow_nan=False)
        self.assertEqual(
            driver.spec,
            spec.DriverSpec.from_document(
                driver.name, strict_json.loads(text)
            ),
        )

    def test_specs_are_stable(self) -> None:
        """Two conductors with this driver publish the same spec."""
        self.assertEqual(self.load().spec.digest, self.load().spec.digest)

    def test_validate_refuses_in_words(self) -> None:
        """A call without parameters is accepted or gets a DriverError."""
        driver = self.start()
        calls = harness.DriverHarness(driver)
        for name, method in driver.methods.items():
            if method.spec.schema.get('required'):
                continue
            for http_method in method.spec.http_methods:
                try:
                    calls.validate(name, http_method)
                except errors.DriverFailed as failed:
                    # The exception of the driver, for the report.
                    raise failed.__context__ or failed from None
                except errors.PassthruError as error:
                    self.assertTrue(error.message, name)

    def test_starts_and_stops(self) -> None:
        """A stopped driver can be replaced by a new one."""
        for _ in range(2):
            driver = self.load()
            driver.interface.start(self.make_driver_conf())
            driver.interface.stop()

    def test_published_targets_are_valid(self) -> None:
        """The targets of a started driver have names and tags, if any."""
        with contextlib.suppress(errors.TemporaryFailure):
            targets = self.start().interface.get_targets()
            if targets is not None:
                target_list.TargetList.of(targets)

    def test_stops_twice(self) -> None:
        """A driver that is stopped, or was not started, can be stopped."""
        self.load().interface.stop()
        driver = self.start()
        driver.interface.stop()

    def test_leaves_no_thread(self) -> None:
        """All threads of a stopped driver have ended."""
        before = set(threading.enumerate())
        driver = self.load()
        driver.interface.start(self.make_driver_conf())
        driver.interface.stop()
        deadline = time.monotonic() + self.end_seconds
        for thread in set(threading.enumerate()) - before:
            thread.join(max(0.0, deadline - time.monotonic()))
            self.assertFalse(thread.is_alive(), f'{thread} still runs')

    def test_errors_can_be_answered(self) -> None:
        """The error classes of the driver have a status from 400 to 599."""
        interface = type(self.load().interface)
        wrong = [
            f'{kind.__name__} ({problems.place_of_class(kind)}) has the '
            f'{name} {value!r}'
            for kind in _own_errors(interface)
            for name, value in _wrong_members(kind)
        ]
        self.assertEqual([], wrong, ', '.join(wrong))


def _own_errors(
    interface: type[base.VendorInterface],
) -> typing.Iterator[type[errors.DriverError]]:
    """Yield the error classes of the package of a driver.

    Modules of other drivers in the package are left out.
    """
    own = {kind.__module__ for kind in interface.__mro__}
    others = {kind.__module__ for kind in _subclasses(base.VendorInterface)}
    module = interface.__module__
    package = module.rpartition('.')[0] or module
    for kind in _subclasses(errors.DriverError):
        if kind.__module__ in others - own:
            continue
        if f'{kind.__module__}.'.startswith(f'{package}.'):
            yield kind


def _wrong_members(
    kind: type[errors.DriverError],
) -> typing.Iterator[tuple[str, Any]]:
    name = 'code' if isinstance(kind.code, int) else 'status'
    stated = getattr(kind, name)
    if not isinstance(stated, int) or stated not in range(400, 600):
        yield name, stated
    if not isinstance(kind._msg_fmt, str):
        yield '_msg_fmt', kind._msg_fmt


def _errors_of(method: loader.Method, parameter: str, value: Any) -> list[str]:
    """Return the validation errors of one parameter."""
    try:
        method.spec.parameters.check({parameter: value})
    except errors.InvalidParameters as error:
        return [
            found.detail
            for found in error.field_errors()
            if json_pointer.parts(found.pointer)[:1] == [parameter]
        ]
    return []


def _subclasses(kind: type[_Class]) -> typing.Iterator[type[_Class]]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)
