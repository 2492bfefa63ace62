# SPDX-License-Identifier: Apache-2.0
"""The language check: rules, skipped text and reported lines."""

import pathlib
import runpy
import subprocess
import sys
import textwrap
from typing import Any

from ironic_passthru.tests import base

TOOL = pathlib.Path(__file__).parents[3] / 'tools/check-language.py'


class CheckLanguageTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tool: dict[str, Any] = runpy.run_path(str(TOOL))

    def python(self, source: str, *, strings: bool = False) -> list[str]:
        """Return the lines and wordings found in Python source."""
        texts = self.tool['of_python'](
            textwrap.dedent(source), strings=strings
        )
        return [f'{n}: {word}' for n, word, _ in self.tool['check'](texts)]

    def page(self, source: str) -> list[str]:
        """Return the lines and wordings found in a page."""
        texts = self.tool['of_page'](textwrap.dedent(source))
        return [f'{n}: {word}' for n, word, _ in self.tool['check'](texts)]

    def test_the_example_of_each_rule_is_found(self) -> None:
        of_python, of_page = self.tool['of_python'], self.tool['of_page']
        for rule in (*self.tool['RULES'], self.tool['OPENING']):
            title = f'{rule.example}\n{"=" * len(rule.example)}\n'
            for texts in (
                of_python(f'"""{rule.example}"""\n', strings=False),
                of_page(title),
            ):
                reasons = [found[2] for found in self.tool['check'](texts)]
                self.assertIn(rule.reason, reasons, rule.example)

    def test_self_test(self) -> None:
        done = subprocess.run(
            [sys.executable, TOOL, '--self-test'],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(
            (0, 'The language is plain.\n'), (done.returncode, done.stdout)
        )

    def test_a_clause_opens_a_module_docstring(self) -> None:
        self.assertEqual(
            ['1: What'], self.python('"""What a message must be."""\n')
        )
        self.assertEqual(
            [], self.python('def f():\n    """Which one to take."""\n')
        )

    def test_a_clause_opens_a_title(self) -> None:
        self.assertEqual(['1: How'], self.page('How it works\n------------\n'))
        self.assertEqual([], self.page('How it works is described below.\n'))

    def test_comments_and_docstrings_of_python(self) -> None:
        source = '''\
            def f():
                """Return a reply.

                The client is told, and
                nobody waits.
                """
                return 1  # as the header says
        '''
        self.assertEqual(
            ['4: told', '5: nobody', '7: says'], self.python(source)
        )

    def test_names_and_strings_of_tests_are_skipped(self) -> None:
        source = "told = f('The client is told the reason.')\n"
        self.assertEqual([], self.python(source))
        self.assertEqual(['1: told'], self.python(source, strings=True))

    def test_short_strings_are_skipped(self) -> None:
        self.assertEqual([], self.python("f('told')\n", strings=True))

    def test_literals_are_skipped(self) -> None:
        self.assertEqual(
            ['2: told'],
            self.page(
                'The name ``told``, the role `said` and ``a text that\n'
                'nobody reads`` are told.\n'
            ),
        )

    def test_code_blocks_are_skipped(self) -> None:
        self.assertEqual(
            ['9: told', '13: told'],
            self.page("""\
                An example::

                    nobody

                .. code-block:: python

                    told = 1

                The client is told.

                .. note::

                   The client is told.
            """),
        )

    def test_unchanged_words(self) -> None:
        for text in (
            'Send it back to the client.',
            'An authorized, recognized catalog.',
            'The interface and its surface.',
            'It is back in the pool.',
        ):
            self.assertEqual([], self.page(text), text)
