# SPDX-License-Identifier: Apache-2.0
"""The service runs on native threads."""

import subprocess
import sys

from ironic_passthru.tests import base

CODE = """
import sys
from ironic_passthru import threads
threads.init()
threads.init()
from oslo_service import backend
import oslo_messaging
from oslo_service import service
print(backend.get_backend_type().name, bool(sys.modules.get('eventlet')))
"""


class InitTest(base.TestCase):
    """Chosen once, before oslo is imported."""

    def test_threading_without_eventlet(self) -> None:
        result = subprocess.run(
            [sys.executable, '-c', CODE],
            capture_output=True,
            text=True,
        )
        self.assertEqual('THREADING False', result.stdout.strip(), result)
        self.assertNotIn('Eventlet is deprecated', result.stderr)
