# SPDX-License-Identifier: Apache-2.0
"""Suppressions of bandit: each names its check and has a reason."""

import pathlib
import re
import tomllib

import ironic_passthru
from ironic_passthru.tests import base

ROOT = pathlib.Path(ironic_passthru.__file__).parents[1]

# In two parts, so that this line is not a suppression.
_MARK = 'no' + 'sec'
_NAMED = re.compile(rf'  # {_MARK} B\d{{3}}(, B\d{{3}})*$')


class SuppressionTest(base.TestCase):
    def test_marks_name_a_check_and_have_a_reason_above(self) -> None:
        found = 0
        for folder in ('ironic_passthru', 'tools', 'doc/source'):
            for path in sorted((ROOT / folder).rglob('*.py')):
                lines = path.read_text(encoding='utf-8').splitlines()
                for number, line in enumerate(lines):
                    if _MARK not in line:
                        continue
                    found += 1
                    where = f'{path.relative_to(ROOT)}:{number + 1}'
                    self.assertRegex(line, _NAMED, where)
                    above = lines[max(0, number - 3) : number]
                    self.assertTrue(
                        any(text.lstrip().startswith('# ') for text in above),
                        f'{where}: add the reason above (for tests: '
                        'tools/bandit-tests.yaml)',
                    )
        self.assertGreater(found, 0)

    def test_nothing_is_skipped_in_the_package(self) -> None:
        text = (ROOT / 'pyproject.toml').read_text(encoding='utf-8')
        self.assertEqual(
            {'exclude_dirs': ['ironic_passthru/tests']},
            tomllib.loads(text)['tool']['bandit'],
        )

    def test_checks_skipped_in_tests_have_a_reason(self) -> None:
        path = ROOT / 'tools' / 'bandit-tests.yaml'
        text = path.read_text(encoding='utf-8')
        _, _, skipped = text.partition('skips:\n')
        for line in skipped.splitlines():
            self.assertRegex(line, r'^  - B\d{3}  # \w')
