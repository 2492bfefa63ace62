# SPDX-License-Identifier: Apache-2.0
"""Targets that the parameters of a call select."""

from typing import Any

from ironic_passthru import errors
from ironic_passthru.fleet import selector
from ironic_passthru.tests import base

CURRENT = {
    'r1-n1': {'web', 'rack1'},
    'r1-n2': {'db', 'rack1'},
    'r2-n1': {'web', 'rack2'},
    'r2-n10': set[str](),
}


class SelectTest(base.TestCase):
    def test_selected(self) -> None:
        cases: tuple[tuple[dict[str, Any], str], ...] = (
            ({}, 'r1-n1 r1-n2 r2-n1 r2-n10'),
            ({'target': 'r2-n1'}, 'r2-n1'),
            ({'target': 'r2-*'}, 'r2-n1 r2-n10'),
            ({'target': 'r[2-9]-n?', 'tag': None}, 'r2-n1'),
            (
                {'targets': ['r2-n10', 'r1-*', 'r2-n10']},
                'r2-n10 r1-n1 r1-n2',
            ),
            ({'tag': 'web'}, 'r1-n1 r2-n1'),
            ({'tags': ['web', 'rack1']}, 'r1-n1'),
            ({'any_tags': ['db', 'rack2']}, 'r1-n2 r2-n1'),
            ({'exclude': ['r1-*', 'r2-n10']}, 'r2-n1'),
            ({'tag': 'web', 'exclude': ['r1-n2', 'r2-n1']}, 'r1-n1'),
        )
        for parameters, names in cases:
            chosen = selector.select(CURRENT, parameters)
            self.assertEqual(names, ' '.join(chosen))

    def test_a_name_like_a_pattern(self) -> None:
        targets = {'n[1]': set[str](), 'n1': set[str]()}
        for name in targets:
            self.assertEqual(
                [name], selector.select(targets, {'targets': [name]})
            )

    def test_errors(self) -> None:
        cases: tuple[tuple[dict[str, Any], str], ...] = (
            ({'target': 'x'}, 'Unknown target: x'),
            ({'target': 'R1-*'}, 'Unknown target: R1-*'),
            ({'targets': ['r1-n1', 'x', 'y*']}, 'Unknown target: x, y*'),
            (
                {'targets': [f'x{n:02}' for n in range(12)]},
                'Unknown target: x00, x01, x02, x03, x04, x05, x06, x07, '
                'x08, x09 and 2 more',
            ),
            (
                {'targets': [f'r{n}*' for n in range(101)]},
                'Give at most 100 patterns of names',
            ),
            ({'tag': 'r1-n1'}, 'Unknown tag: r1-n1'),
            ({'tags': ['web', 'x']}, 'Unknown tag: x'),
            ({'any_tags': ['web', 'x']}, 'Unknown tag: x'),
            (
                {'tags': ['db', 'rack2']},
                'No target has all of the tags: db, rack2',
            ),
            ({'exclude': ['x']}, 'Unknown target in exclude: x'),
            (
                {'target': 'r1-n1', 'exclude': ['r1-*']},
                'exclude leaves no target',
            ),
            (
                {'target': 'r1-n1', 'any_tags': ['web']},
                'Give only one of: target, any_tags',
            ),
        )
        for parameters, message in cases:
            error = self.assertRaises(
                errors.InvalidParameterValue,
                selector.select,
                CURRENT,
                parameters,
            )
            self.assertEqual(message, error.message)


class ConfirmationTest(base.TestCase):
    """Changes of all targets need their number."""

    def select(self, method: str | None, **parameters: Any) -> int:
        many = {f'n{n}': {'web'} for n in range(selector.MAX_UNCONFIRMED + 2)}
        return len(selector.select(many, parameters, required_by=method))

    def test_needed(self) -> None:
        for count, parameters in (
            (12, {'target': '*'}),
            (12, {'targets': ['n1*', 'n[!1]', 'n1']}),
            (11, {'target': 'n*', 'exclude': ['n3']}),
        ):
            for more, message in (
                (
                    {},
                    f'power would change {count} targets, because a pattern '
                    'matches all of the inventory; to confirm this, add '
                    f'expected_targets: {count}',
                ),
                (
                    {'expected_targets': 9},
                    f'expected_targets is 9, but {count} targets are selected',
                ),
            ):
                error = self.assertRaises(
                    errors.InvalidParameterValue,
                    self.select,
                    'power',
                    **parameters,
                    **more,
                )
                self.assertEqual(message, error.message)
            for more in ({'expected_targets': count}, {'dry_run': True}):
                self.assertEqual(
                    count, self.select('power', **parameters, **more)
                )

    def test_not_needed(self) -> None:
        for parameters in (
            {'target': 'n1*'},
            {'target': '*', 'exclude': ['n1', 'n2']},
            {'targets': [f'n{n}' for n in range(12)]},
            {'tag': 'web'},
        ):
            self.select('power', **parameters)
        self.assertEqual(12, self.select(None))
        self.assertEqual(12, self.select(None, target='*'))
        self.assertRaises(
            errors.MissingParameterValue, self.select, 'power', exclude=['n1']
        )
