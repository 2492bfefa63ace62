# SPDX-License-Identifier: Apache-2.0
"""Failpoints end the process at their passage only."""

import functools

from ironic_passthru.tests import base
from ironic_passthru.tests.functional.faults import failpoints


class _Part:
    """An object with steps."""

    def __init__(self, steps: list[str]) -> None:
        self._steps = steps

    def work(self, what: str) -> str:
        self._steps.append(what)
        return what.upper()

    def reply(self, reply: object = None, failure: object = None) -> None:
        self._steps.append(f'{reply} {failure}')


class TestFailpoint(base.TestCase):
    """Failpoints around functions of a class."""

    def setUp(self) -> None:
        super().setUp()
        self.steps: list[str] = []

    def part(self, name: str, *, before: bool, last: int = 1) -> _Part:
        """Return an object with a failpoint around one function."""
        patched = type('Patched', (_Part,), {})
        failpoint = failpoints.Failpoint(
            last, functools.partial(self.steps.append, 'died')
        )
        failpoints.patch(patched, name, before, failpoint)
        return patched(self.steps)

    def test_before(self) -> None:
        part = self.part('work', before=True)
        self.assertEqual('ONE', part.work('one'))
        self.assertEqual(['died', 'one'], self.steps)

    def test_after(self) -> None:
        self.part('work', before=False).work('one')
        self.assertEqual(['one', 'died'], self.steps)

    def test_at_one_passage_only(self) -> None:
        part = self.part('work', before=False, last=2)
        for what in ('one', 'two', 'three'):
            part.work(what)
        self.assertEqual(['one', 'two', 'died', 'three'], self.steps)

    def test_replies_to_calls_alone_count(self) -> None:
        part = self.part('reply', before=True, last=3)
        part.reply('an incarnation')
        part.reply({'return': None})
        part.reply(failure='busy')
        part.reply()
        self.assertNotIn('died', self.steps)
        part.reply({'return': None})
        self.assertIn('died', self.steps)

    def test_none_unless_asked_for(self) -> None:
        self.assertEqual({}, failpoints.install(''))

    def test_the_method_passes_its_own(self) -> None:
        self.assertEqual(['method'], list(failpoints.install('method:3')))

    def test_an_unknown_point_is_a_mistake(self) -> None:
        self.assertRaises(KeyError, failpoints.install, 'nowhere:1')
