# SPDX-License-Identifier: Apache-2.0
"""Shell blocks of the pages: run by a test, or marked with a reason."""

import pathlib
import re
import types

import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests import pages

# All blocks of these pages are run, without marks.
GUIDES = 'doc/source/install/debian.rst'

# Tests that run the calls of pages.
CALLS = types.MappingProxyType(
    {
        'README.rst': 'functional/test_readme.py',
        'doc/source/admin/errors.rst': 'functional/test_doc_examples.py',
        'doc/source/drivers/fake-hardware.rst': (
            'functional/test_doc_examples.py'
        ),
        'doc/source/drivers/first-driver.rst': (
            'functional/test_doc_examples.py'
        ),
        'doc/source/user/first-call.rst': 'functional/test_doc_examples.py',
        'doc/source/user/operations.rst': 'functional/test_doc_examples.py',
    }
)

# Commands that these tests run.
CALL = re.compile(r'curl .*http://127\.0\.0\.1:6385\S*.*')


def blocks() -> list[pages.Block]:
    """Return the shell blocks of all pages."""
    return [
        block
        for page in pages.pages()
        for block in pages.blocks(page)
        if block.is_shell
    ]


def is_called(block: pages.Block) -> bool:
    """Return whether a block contains only calls that a test runs."""
    return block.page in CALLS and all(
        CALL.fullmatch(line) for line in block.commands.splitlines()
    )


class TestShellBlocks(base.TestCase):
    """All pages."""

    def test_each_is_run_or_has_a_reason(self) -> None:
        unknown = [
            block.place
            for block in blocks()
            if not block.page.startswith(GUIDES)
            and not block.run_by
            and not block.not_run
            and not is_called(block)
        ]
        self.assertEqual([], unknown)

    def test_one_mark_is_enough(self) -> None:
        for block in blocks():
            if block.not_run or block.run_by:
                self.assertFalse(is_called(block), block.place)
                self.assertFalse(block.page.startswith(GUIDES), block.place)

    def test_nothing_is_left_out_of_a_guide(self) -> None:
        guides = {page for page in pages.pages() if page.startswith(GUIDES)}
        tool = (pages.ROOT / 'tools/install-guide.py').read_text()
        self.assertTrue(guides)
        for page in guides:
            self.assertIn(f"'{page}'", tool)

    def test_the_test_of_a_block_names_its_page(self) -> None:
        for block in blocks():
            if block.run_by:
                text = (pages.ROOT / block.run_by).read_text()
                self.assertIn(f"'{block.page}'", text, block.place)

    def test_the_pages_with_calls_are_those_that_are_run(self) -> None:
        tests = pages.ROOT / 'ironic_passthru/tests'
        for page, name in CALLS.items():
            text = (tests / name).read_text()
            short = page.removeprefix('doc/source/').removesuffix('.rst')
            self.assertRegex(text, rf"'{short}(\.rst)?'", page)

    def test_files_in_reasons_exist(self) -> None:
        for block in blocks():
            for name in re.findall(r'\S+/\S+\.py', block.not_run):
                self.assertTrue((pages.ROOT / name).is_file(), block.place)


class TestBlocks(base.TestCase):
    """Parsing of pages."""

    def setUp(self) -> None:
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def read(self, text: str) -> pages.Block:
        (self.root / 'page.rst').write_text(text)
        (block,) = pages.blocks('page.rst', self.root)
        return block

    def test_output_and_prompts_are_removed(self) -> None:
        block = self.read(
            '.. code-block:: console\n\n'
            '   # one \\\n       two\n   printed\n   $ three\n\nText.\n'
        )
        self.assertEqual('one \\\n    two\nthree\n', block.commands)

    def test_a_script_is_unchanged(self) -> None:
        block = self.read(
            '1. Do:\n\n   .. code-block:: bash\n\n      one <<EOT\n'
            '      # two\n\n      EOT\n\n2. Done.\n'
        )
        self.assertEqual('one <<EOT\n# two\n\nEOT\n', block.commands)

    def test_a_mark_is_directly_above(self) -> None:
        directive = '.. code-block:: bash\n\n   one\n'
        block = self.read(f'.. not run: it is\n   late\n\n{directive}')
        self.assertEqual('it is late', block.not_run)
        block = self.read(f'.. run by: a.py\n\n{directive}')
        self.assertEqual('a.py', block.run_by)
        block = self.read(f'.. not run: no\n\nText.\n\n{directive}')
        self.assertEqual('', block.not_run)
