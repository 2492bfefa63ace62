# SPDX-License-Identifier: Apache-2.0
"""Values in the tables of the commands."""

from ironic_passthru.client.osc import base as commands
from ironic_passthru.tests import base


class TestJSONColumn(base.TestCase):
    """Texts in tables; machine formats have the value."""

    def shown(self, value: object) -> str:
        return str(commands.JSONColumn(value).human_readable())

    def test_items_of_several_servers_have_lines(self) -> None:
        items = {'node1': {'power_state': 'On'}, 'node2': {'changed': None}}
        self.assertEqual(
            'node1: {"power_state": "On"}\nnode2: {"changed": null}',
            self.shown(items),
        )
        self.assertEqual(items, commands.JSONColumn(items).machine_readable())

    def test_other_values_are_json_in_one_line(self) -> None:
        for value, text in (
            (None, ''),
            ({}, '{}'),
            ({'total': 2}, '{"total": 2}'),
            ({'a': {}, 'b': 1}, '{"a": {}, "b": 1}'),
            ([{'a': 1}], '[{"a": 1}]'),
        ):
            self.assertEqual(text, self.shown(value))

    def test_names_cannot_forge_lines_or_control_the_terminal(self) -> None:
        shown = self.shown({'a\nb: {}': {}, 'c': {'d': '\x9b2J'}})
        self.assertEqual('a\\nb: {}: {}\nc: {"d": "?2J"}', shown)
