# SPDX-License-Identifier: Apache-2.0
"""Tests of the targets that drivers publish."""

from typing import Any

from ironic_passthru.fleet import selection
from ironic_passthru.fleet import selector
from ironic_passthru.fleet import target_list
from ironic_passthru.tests import base


class TargetListTest(base.TestCase):
    def test_equal_lists(self) -> None:
        one = target_list.TargetList.of({'b': ['y', 'x'], 'a': ()})
        two = target_list.TargetList.of({'a': [], 'b': {'x', 'y'}})
        self.assertEqual('{"a":[],"b":["x","y"]}', one.document)
        self.assertEqual(one.digest, two.digest)
        read = target_list.TargetList.from_document(one.document)
        self.assertEqual(two.tags, read.tags)

    def test_invalid(self) -> None:
        cases: tuple[tuple[Any, str], ...] = (
            (
                ['a'],
                'it must be a mapping of names to lists of tags, not list',
            ),
            (
                {1: []},
                "a name must be a string of 1 to 255 characters, not '1'",
            ),
            (
                {'': []},
                "a name must be a string of 1 to 255 characters, not ''",
            ),
            ({'a': 'web'}, "the tags of target 'a' must be a list, not str"),
            ({'a': 1}, "the tags of target 'a' must be a list, not int"),
            (
                {'a': ['x' * 256]},
                "a tag of target 'a' must be a string of 1 to 255 "
                f"characters, not '{'x' * 40}'",
            ),
        )
        for targets, reason in cases:
            error = self.assertRaises(
                target_list.InvalidTargets, target_list.TargetList.of, targets
            )
            self.assertEqual(reason, str(error))
        self.assertRaises(
            target_list.InvalidTargets,
            target_list.TargetList.from_document,
            '{"a"',
        )

    def test_parameters_that_select(self) -> None:
        self.assertEqual(
            selection.Selection.__annotations__.keys(), selector.PARAMETERS
        )
