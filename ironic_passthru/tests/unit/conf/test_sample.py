# SPDX-License-Identifier: Apache-2.0
"""The sample configuration is generated."""

import os
import pathlib
import subprocess
import sys
import tempfile

from ironic_passthru.tests import base

ROOT = pathlib.Path(__file__).parents[4]
SAMPLE = ROOT / 'etc/ironic_passthru/ironic_passthru.conf.sample'
GENERATOR = 'tools/config/ironic-passthru-config-generator.conf'

# A process of its own: the generator changes the lists of libraries.
_GENERATE = 'from oslo_config import generator; generator.main()'


class TestSample(base.TestCase):
    """etc/ironic_passthru/ironic_passthru.conf.sample."""

    def generate(self, **environment: str) -> str:
        with tempfile.NamedTemporaryFile('r') as output:
            subprocess.run(
                [
                    sys.executable,
                    '-c',
                    _GENERATE,
                    f'--config-file={GENERATOR}',
                    f'--output-file={output.name}',
                ],
                check=True,
                capture_output=True,
                timeout=120,
                cwd=ROOT,
                env=os.environ | environment,
            )
            return output.read()

    def test_current(self) -> None:
        self.assertEqual(
            SAMPLE.read_text(),
            self.generate(),
            'run "tox -e genconfig"',
        )

    def test_independent_of_the_host(self) -> None:
        text = self.generate(
            HOME='/home/alice', XDG_STATE_HOME='/home/alice/state'
        )
        self.assertEqual(SAMPLE.read_text(), text)
        for line in SAMPLE.read_text().splitlines():
            name, sign, value = line.partition(' = ')
            if sign and name.startswith('#'):
                self.assertNotIn(
                    value, (os.uname().nodename, os.path.expanduser('~'))
                )
