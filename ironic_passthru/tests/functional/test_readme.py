# SPDX-License-Identifier: Apache-2.0
"""The README: calls, output and links."""

import re

from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import console

README = 'README.rst'


class TestReadme(base.TestCase):
    """README.rst."""

    def test_each_call_answers_as_printed(self) -> None:
        service = self.useFixture(embedded.Embedded())
        examples = console.examples(README)
        self.assertEqual(3, len(examples))
        for example in examples:
            self.assertEqual(
                console.stable(example.answer),
                console.stable(example.run(service.url)),
                example.command,
            )

    def test_links_and_commands_are_there(self) -> None:
        text = (console.ROOT / README).read_text()
        paths = re.findall(r'<([^>]+)>`_', text)
        paths += re.findall(r'bash (\S+)', text)
        self.assertTrue(paths)
        missing = [
            path for path in paths if not (console.ROOT / path).is_file()
        ]
        self.assertEqual([], missing)
