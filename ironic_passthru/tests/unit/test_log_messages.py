# SPDX-License-Identifier: Apache-2.0
"""The page about logs lists every warning and error of the service."""

import ast
import pathlib
import re
from collections.abc import Iterator

from ironic_passthru.tests import base

ROOT = pathlib.Path(__file__).parents[3]
PAGE = ROOT / 'doc/source/admin/logs.rst'

LEVELS = {
    'warning': 'WARNING',
    'error': 'ERROR',
    'exception': 'ERROR',
    'critical': 'CRITICAL',
}

# Packages that do not run in services.
NOT_SERVICES = ('tests', 'sphinxext')

_ARGUMENT = re.compile(r'%(\(\w+\))?[-.\d]*[a-z]')
_ROW = re.compile(r'^   \* - (\w+)\n     - ``(.+?)``$', re.M | re.S)


def messages(text: str) -> Iterator[tuple[str, str]]:
    """Yield level and message of each logger call in a module.

    Arguments are replaced by an ellipsis.
    """
    for node in ast.walk(ast.parse(text)):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and ast.unparse(node.func.value) == 'LOG'
        ):
            continue
        message = ast.literal_eval(node.args[0])
        yield LEVELS[node.func.attr], _ARGUMENT.sub('…', message)


def of_package() -> set[tuple[str, str]]:
    """Return levels and messages of all modules."""
    package = ROOT / 'ironic_passthru'
    return {
        found
        for path in package.rglob('*.py')
        if path.relative_to(package).parts[0] not in NOT_SERVICES
        for found in messages(path.read_text())
    }


class TestLogMessages(base.TestCase):
    """doc/source/admin/logs.rst."""

    def setUp(self) -> None:
        super().setUp()
        rows = _ROW.findall(PAGE.read_text())
        self.rows = [(level, ' '.join(text.split())) for level, text in rows]

    def test_each_has_a_row(self) -> None:
        self.assertEqual(set(), of_package() - set(self.rows))

    def test_each_row_has_a_message(self) -> None:
        self.assertEqual(set(), set(self.rows) - of_package())

    def test_rows_are_unique(self) -> None:
        self.assertEqual(sorted(set(self.rows)), sorted(self.rows))

    def test_arguments_are_replaced(self) -> None:
        text = "LOG.warning('%d of %(what)s: %.9r', 1)\nLOG.info('no')"
        self.assertEqual([('WARNING', '… of …: …')], list(messages(text)))
