# SPDX-License-Identifier: Apache-2.0
"""Tests of the selection of a strategy."""

from ironic_passthru.api.auth import strategies
from ironic_passthru.conf import default
from ironic_passthru.tests import base


class TestStrategies(base.TestCase):
    """The table of strategies."""

    def test_each_choice_of_the_option_has_its_strategy(self) -> None:
        option = next(o for o in default.OPTS if o.name == 'auth_strategy')
        self.assertEqual(set(option.type.choices), set(strategies.STRATEGIES))
