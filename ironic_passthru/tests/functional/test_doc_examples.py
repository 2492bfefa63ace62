# SPDX-License-Identifier: Apache-2.0
"""Examples of the documentation."""

import ast
import importlib.util
import os
import subprocess
import sys
import tomllib
import types
import unittest
from unittest import mock

from oslo_config import cfg

from ironic_passthru import conf as project_conf
from ironic_passthru.drivers import base as drivers
from ironic_passthru.drivers import entry_points
from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import console

_SOURCE = 'doc/source'
EXAMPLES = console.ROOT / _SOURCE / 'examples'
FIRST_DRIVER = EXAMPLES / 'rack-lamps'

# Pages with calls to the all-in-one service with default options.
PAGES = (
    'user/first-call',
    'user/operations',
    'drivers/fake-hardware',
    'admin/errors',
)


def load(example: str) -> types.ModuleType:
    """Return the module of an example file."""
    path = EXAMPLES / f'{example}.py'
    name = path.stem
    module_spec = importlib.util.spec_from_file_location(name, path)
    if module_spec is None or module_spec.loader is None:
        raise ImportError(f'no module in {path}')
    module = importlib.util.module_from_spec(module_spec)
    # pydantic and typing find annotations by the name of the module.
    with mock.patch.dict(sys.modules, {name: module}):
        module_spec.loader.exec_module(module)
    return module


def first_driver() -> tuple[str, type[drivers.VendorInterface]]:
    """Return name and class of the entry point of the first driver."""
    text = (FIRST_DRIVER / 'pyproject.toml').read_text()
    project = tomllib.loads(text)['project']
    ((name, value),) = project['entry-points'][entry_points.NAMESPACE].items()
    module, _, attribute = value.partition(':')
    return name, getattr(load(f'rack-lamps/{module}'), attribute)


class TestPages(base.TestCase):
    """``curl`` commands of the pages and their output."""

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

    def test_long_calls_from_scripts(self) -> None:
        """With older versions of curl, and with openstacksdk."""
        service = self.useFixture(embedded.Embedded())
        (block,) = (
            block
            for block in pages.blocks('doc/source/user/operations.rst')
            if block.language == 'bash'
        )
        script = block.text.replace(console.URL, service.url)
        example = EXAMPLES / 'call_and_wait.py'
        for command in (['bash', '-ec', script], [sys.executable, example]):
            done = subprocess.run(
                command,
                env={**os.environ, 'PASSTHRU_URL': service.url},
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual(
                {'slots': 4, 'empty': [4]},
                ast.literal_eval(done.stdout),
                done.stderr,
            )

    def test_the_first_driver(self) -> None:
        name, driver = first_driver()
        service = self.useFixture(
            embedded.Embedded(
                {
                    name: driver(),
                    'lamp-parade': load('lamp_parade').LampParade(),
                }
            )
        )
        self.check('drivers/first-driver', service.url)


class TestFirstDriver(base.TestCase):
    """The package of the first driver, not installed."""

    def test_it_is_short(self) -> None:
        lines = (FIRST_DRIVER / 'rack_lamps.py').read_text().splitlines()
        self.assertLessEqual(len(lines), 32)

    def test_its_configuration_enables_it(self) -> None:
        conf = cfg.ConfigOpts()
        project_conf.register_opts(conf)
        conf([], default_config_files=[str(FIRST_DRIVER / 'rack_lamps.conf')])
        name, _ = first_driver()
        self.assertEqual([name], conf.conductor.enabled_drivers)

    def test_its_own_tests_pass(self) -> None:
        tests = load('rack-lamps/test_rack_lamps').TestRackLamps
        # Replaces the installation.
        _, tests.driver = first_driver()
        result = unittest.TestResult()
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(tests)
        suite.run(result)
        self.assertEqual([], result.errors + result.failures)
        self.assertGreater(result.testsRun, 15)


class TestOtherService(base.TestCase):
    """The example of a service that calls drivers over the bus."""

    def test_it_gets_an_answer(self) -> None:
        service = self.useFixture(embedded.Embedded())
        greeting = load('call_a_driver').greet(
            service.service.transport, 'Ada'
        )
        self.assertEqual('Hello, Ada!', greeting)

    def test_it_reports_a_call_that_did_not_run(self) -> None:
        service = self.useFixture(embedded.Embedded())
        service.service.conductor.stop()
        answer = load('call_a_driver').greet(service.service.transport, 'Ada')
        self.assertIn('it can be repeated', answer)
