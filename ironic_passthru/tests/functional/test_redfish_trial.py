# SPDX-License-Identifier: Apache-2.0
"""The page about the trial with simulated BMCs, and its script."""

import pathlib
import subprocess
import sys

import fixtures

from ironic_passthru.drivers import redfish
from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import console

PAGE = 'doc/source/drivers/redfish-trial.rst'


class TrialTest(base.TestCase):
    """The commands of the page, in their order."""

    def setUp(self) -> None:
        super().setUp()
        (command,) = (
            block.text
            for block in pages.blocks(PAGE)
            if 'simulated_rack.py' in block.text
        )
        _, _, script, name = command.split()[:4]
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        rack = subprocess.Popen(
            [sys.executable, pages.ROOT / script, name],
            cwd=directory,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(rack.communicate, timeout=30)
        self.addCleanup(rack.terminate)
        assert rack.stdout
        # The last line is printed when all files are written.
        while 'passthru.conf' not in (line := rack.stdout.readline()):
            self.assertTrue(line, 'the script has exited')
        config = (directory / name / 'passthru.conf').read_text()
        self.service = self.useFixture(
            embedded.Embedded(
                {'redfish': redfish.RedfishVendor()}, config=config
            )
        )

    def test_commands(self) -> None:
        examples = console.examples(PAGE)
        self.assertLess(3, len(examples))
        for example in examples:
            self.assertEqual(
                console.stable(example.answer),
                console.stable(example.run(self.service.url)),
                example.command,
            )
