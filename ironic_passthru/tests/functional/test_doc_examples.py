# SPDX-License-Identifier: Apache-2.0
"""The examples of the documentation do what the pages say."""

import importlib.util
import sys
import types
from unittest import mock

import stevedore

from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import console

_SOURCE = 'doc/source'

# Pages with calls that the all-in-one service answers as it comes.
PAGES = (
    'user/first-call',
    'user/operations',
    'drivers/fake-hardware',
    'admin/errors',
)


def load(name: str) -> types.ModuleType:
    """Return the module of an example file."""
    path = console.ROOT / _SOURCE / 'examples' / f'{name}.py'
    module_spec = importlib.util.spec_from_file_location(name, path)
    if module_spec is None or module_spec.loader is None:
        raise ImportError(f'no module in {path}')
    module = importlib.util.module_from_spec(module_spec)
    # pydantic and typing look annotations up in the module by its name.
    with mock.patch.dict(sys.modules, {name: module}):
        module_spec.loader.exec_module(module)
    return module


class TestPages(base.TestCase):
    """The ``curl`` lines of pages, and the answers that follow them."""

    def check(self, page: str, url: str) -> None:
        examples = console.examples(f'{_SOURCE}/{page}.rst')
        self.assertTrue(examples, f'{page} has no calls')
        ids = console.Ids()
        for example in examples:
            answer = example.run(url, ids)
            ids.learn(example.answer, answer)
            self.assertEqual(
                console.stable(ids.real(example.answer)),
                console.stable(answer),
                f'{page}: {example.command}',
            )

    def test_calls_of_a_fresh_service(self) -> None:
        service = self.useFixture(embedded.Embedded(host='conductor1'))
        for page in PAGES:
            self.check(page, service.url)

    def test_the_first_driver(self) -> None:
        driver = load('rack_lamps').RackLamps()
        manager = mock.Mock(driver=driver)
        # Installing a package for its entry point is not what is tested.
        with mock.patch.object(
            stevedore, 'DriverManager', return_value=manager
        ):
            service = self.useFixture(
                embedded.Embedded(conductor__enabled_drivers=['rack-lamps'])
            )
        self.check('drivers/first-driver', service.url)


class TestOtherService(base.TestCase):
    """The example of a service that calls drivers over the bus."""

    def test_it_gets_an_answer(self) -> None:
        service = self.useFixture(embedded.Embedded())
        greeting = load('call_a_driver').greet(
            service.service.transport, 'Ada'
        )
        self.assertEqual('Hello, Ada!', greeting)

    def test_it_tells_a_call_that_did_not_run(self) -> None:
        service = self.useFixture(embedded.Embedded())
        service.service.conductor.stop()
        answer = load('call_a_driver').greet(service.service.transport, 'Ada')
        self.assertIn('may be sent again', answer)
