# SPDX-License-Identifier: Apache-2.0
"""A pointer names one place, whatever the names on its way."""

from ironic_passthru.json_schema import json_pointer
from ironic_passthru.tests import base


class TestPointer(base.TestCase):
    def test_there_and_back(self) -> None:
        for path, text in (
            ([], ''),
            ([''], '/'),
            (['a', 'b'], '/a/b'),
            (['a/b~c', '~1', '~0', '/'], '/a~1b~0c/~01/~00/~1'),
        ):
            self.assertEqual(text, json_pointer.to(path))
            self.assertEqual(path, json_pointer.parts(text))

    def test_places_in_a_list(self) -> None:
        self.assertEqual('/slots/0', json_pointer.to(['slots', 0]))

    def test_what_is_before_the_first_slash(self) -> None:
        self.assertEqual(['$defs', 'a/b'], json_pointer.parts('#/$defs/a~1b'))
        self.assertEqual([], json_pointer.parts('#'))
