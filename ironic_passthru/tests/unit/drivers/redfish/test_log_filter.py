# SPDX-License-Identifier: Apache-2.0
"""Records of libraries in worker threads have the level debug."""

import logging
import threading

import fixtures

from ironic_passthru.drivers.redfish import executor
from ironic_passthru.drivers.redfish import log_filter
from ironic_passthru.tests import base


def _warn(thread_name: str) -> None:
    thread = threading.Thread(
        name=thread_name,
        target=logging.getLogger('urllib3.connection').warning,
        args=('url %s', 'https://bmc'),
    )
    thread.start()
    thread.join()


class QuietTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(
                level=logging.INFO, format='%(levelname)s %(message)s'
            )
        )
        self.filter = log_filter.install()
        self.addCleanup(log_filter.remove, self.filter)

    def test_worker_thread(self) -> None:
        _warn(f'{executor.THREAD_NAME_PREFIX}_0')
        self.assertEqual('', self.log.output)

    def test_worker_thread_while_debugging(self) -> None:
        log = self.useFixture(
            fixtures.FakeLogger(
                level=logging.DEBUG, format='%(levelname)s %(message)s'
            )
        )
        _warn(f'{executor.THREAD_NAME_PREFIX}_0')
        self.assertEqual('DEBUG url https://bmc\n', log.output)

    def test_other_threads(self) -> None:
        _warn('keystone')
        self.assertEqual('WARNING url https://bmc\n', self.log.output)

    def test_remove(self) -> None:
        log_filter.remove(self.filter)
        _warn(f'{executor.THREAD_NAME_PREFIX}_0')
        self.assertEqual('WARNING url https://bmc\n', self.log.output)
