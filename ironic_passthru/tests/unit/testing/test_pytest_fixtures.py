# SPDX-License-Identifier: Apache-2.0
"""The fixtures of pytest in a process of a vendor."""

import os
import pathlib
import subprocess
import sys
import textwrap

import fixtures

from ironic_passthru.tests import base

CONFTEST = """\
import pytest
pytest_plugins = ['ironic_passthru.testing.pytest_fixtures']
"""

# An import of eventlet would fail in the working directory.
EVENTLET = 'raise AssertionError("eventlet is imported")'


class PytestFixturesTest(base.TestCase):
    """Each test is a file that pytest runs; a warning is an error."""

    def run_pytest(self, test: str, conftest: str = '') -> str:
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (root / 'eventlet.py').write_text(EVENTLET)
        (root / 'conftest.py').write_text(CONFTEST + textwrap.dedent(conftest))
        (root / 'test_acme.py').write_text(textwrap.dedent(test))
        done = subprocess.run(
            [
                *(sys.executable, '-W', 'error', '-m', 'pytest'),
                *('-q', '-W', 'error', '-p', 'no:cacheprovider'),
            ],
            cwd=root,
            env={**os.environ, 'PYTHONPATH': f'{root}:{os.getcwd()}'},
            capture_output=True,
            text=True,
            timeout=100,
        )
        return done.stdout + done.stderr

    def test_each_fixture(self) -> None:
        output = self.run_pytest(
            """
            import urllib.request
            from ironic_passthru.testing import bmc

            def test_call(driver_harness):
                found = driver_harness.call('hello', 'GET', name='kit')
                assert found == {'greeting': 'Hello, kit!'}

            def test_service(local_service):
                assert local_service.conf.host == 'acme-test'
                url = f'{local_service.url}/v1/drivers/fake-hardware'
                assert urllib.request.urlopen(url).status == 200

            def test_bmc(simulated_bmc):
                url = f'{simulated_bmc.url}{bmc.ROOT}'
                assert urllib.request.urlopen(url).status == 200
            """,
            """
            @pytest.fixture
            def passthru_driver():
                return 'fake-hardware'

            @pytest.fixture
            def passthru_config():
                return '[DEFAULT]\\nhost = acme-test\\n'
            """,
        )
        self.assertIn('3 passed', output)
        self.assertNotIn('warning', output)

    def test_a_class_is_started_and_stopped(self) -> None:
        output = self.run_pytest(
            """
            import pytest
            from ironic_passthru.drivers import base

            events = []

            class Acme(base.VendorInterface):
                def start(self, conf):
                    events.append('start')

                def stop(self):
                    events.append('stop')

                @base.driver_passthru(['GET'], async_call=False)
                def seen(self):
                    return events

            @pytest.fixture
            def passthru_driver():
                return Acme

            def test_call(driver_harness):
                assert driver_harness.call('seen', 'GET') == ['start']

            def test_later():
                assert events == ['start', 'stop']

            def test_service(local_service):
                pass
            """
        )
        self.assertIn('2 passed, 1 error', output)
        self.assertIn('requires that passthru_driver returns', output)

    def test_without_a_driver(self) -> None:
        output = self.run_pytest('def test(driver_harness): pass')
        self.assertIn('passthru_driver must be overridden', output)
        self.assertNotIn('Traceback', output)
