# SPDX-License-Identifier: Apache-2.0
"""Tests of the files of the policy, and of what becomes of their changes."""

import logging
import os
import pathlib
import threading
from typing import Any

import fixtures

from ironic_passthru import context
from ironic_passthru import errors
from ironic_passthru.api import policy
from ironic_passthru.api import rules
from ironic_passthru.policies import drivers
from ironic_passthru.tests import base
from ironic_passthru.tests import callers

_NOBODY = f'"{drivers.GET}": "!"\n'
_EVERYBODY = f'"{drivers.GET}": "@"\n'
_BROKEN = f'"{drivers.GET}": "role:admin and"\n'


class PolicyCase(base.TestCase):
    """A policy over files of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.file = self.directory / 'policy.yaml'
        self.more = self.directory / 'policy.d'
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))

    def make(self, look_seconds: float = -1.0) -> policy.Policy:
        conf = self.make_conf(
            oslo_policy__policy_file=str(self.file),
            oslo_policy__policy_dirs=[str(self.more)],
        )
        return policy.Policy(conf, look_seconds=look_seconds)

    def write(self, text: str, path: pathlib.Path | None = None) -> None:
        """Replace a file, as editors do."""
        target = path or self.file
        target.parent.mkdir(exist_ok=True)
        new = self.directory / 'new'
        new.write_text(text)
        os.replace(new, target)

    def readers(self, made: policy.Policy) -> bool:
        """Tell whether one who may not by default may see drivers."""
        return made.allows(self.caller('no-role'), drivers.GET)

    def caller(self, name: str) -> context.RequestContext:
        return context.RequestContext(overwrite=False, **callers.CALLERS[name])


class TestPolicy(PolicyCase):
    """What a controller gets."""

    def test_a_refusal_names_the_rule(self) -> None:
        made = self.make()
        made.authorize(self.caller('project-reader'), drivers.GET)
        error = self.assertRaises(
            errors.Forbidden,
            made.authorize,
            self.caller('no-role'),
            drivers.GET,
        )
        self.assertIn(drivers.GET, error.message)

    def test_many_targets(self) -> None:
        self.write(f'"{drivers.CALL}": "\'a\':%(driver)s"')
        verdict = self.make().verdict(self.caller('no-role'), drivers.CALL)
        self.assertTrue(verdict({'driver': 'a'}))
        self.assertFalse(verdict({'driver': 'b'}))
        self.assertFalse(verdict({}))

    def test_nothing_is_added_to_a_target(self) -> None:
        self.write(f'"{drivers.CALL}": "\'a\':%(driver)s"')
        target: dict[str, Any] = {'driver': 'a'}
        self.make().allows(self.caller('no-role'), drivers.CALL, target)
        self.assertEqual({'driver': 'a'}, target)


class TestFiles(PolicyCase):
    """Which files count."""

    def test_none_need_be_there(self) -> None:
        self.assertFalse(self.readers(policy.Policy(self.make_conf())))
        self.assertEqual('', self.log.output)

    def test_one_that_was_named_is_missed(self) -> None:
        self.assertFalse(self.readers(self.make()))
        self.assertIn(f'There is no policy file {self.file}', self.log.output)

    def test_an_empty_one_says_nothing(self) -> None:
        for text in ('', '# a comment\n', '---\n'):
            self.write(text)
            self.assertFalse(self.readers(self.make()))

    def test_directories_count_after_the_file_in_order(self) -> None:
        self.write(_NOBODY)
        self.write(_EVERYBODY, self.more / '10.yaml')
        self.assertTrue(self.readers(self.make()))
        self.write(_NOBODY, self.more / '20.yaml')
        self.assertFalse(self.readers(self.make()))
        self.write(_EVERYBODY, self.more / '.30.yaml.swp')
        (self.more / '40').mkdir()
        self.assertFalse(self.readers(self.make()))

    def test_a_directory_without_a_file(self) -> None:
        self.write(_EVERYBODY, self.more / '10.yaml')
        self.assertTrue(self.readers(self.make()))


class TestBroken(PolicyCase):
    """A file that cannot be used prevents the start."""

    def reason(self) -> str:
        error = self.assertRaises(errors.ConfigError, self.make)
        self.assertIn(f'Policy file {self.directory}', str(error))
        self.assertNotIn('\n', str(error))
        return str(error)

    def test_what_it_holds(self) -> None:
        for text, words in (
            ('a: b: c', 'mapping values are not allowed'),
            ('"a', 'quoted'),
            ('[a, b]', 'not a mapping'),
            ('text', 'not a mapping'),
            ('12: "@"', 'rule 12 is not text'),
            # To oslo.policy these open the rule to everybody.
            (f'"{drivers.CALL}": false', f'{drivers.CALL} is not text'),
            (f'"{drivers.CALL}":', 'is not text'),
            (f'"{drivers.CALL}": []', 'is not text'),
            (f'"{drivers.CALL}": [["role:x"]]', 'is not text'),
            (_BROKEN, 'not in the language'),
        ):
            self.write(text)
            self.assertIn(words, self.reason())

    def test_what_is_no_text(self) -> None:
        self.file.write_bytes(b'a: \xff')
        self.assertIn('utf-8', self.reason())

    def test_what_cannot_be_read(self) -> None:
        self.file.mkdir()
        self.assertIn('Is a directory', self.reason())

    def test_one_of_a_directory_is_named(self) -> None:
        self.write(_NOBODY)
        self.write('[]\n- a', self.more / 'odd.yaml')
        self.assertIn(str(self.more / 'odd.yaml'), self.reason())
        self.write(_BROKEN, self.more / 'odd.yaml')
        self.assertIn(str(self.more / 'odd.yaml'), self.reason())


class TestChange(PolicyCase):
    """Changes apply without a restart."""

    def test_a_file_comes_changes_and_goes(self) -> None:
        made = self.make()
        self.assertFalse(self.readers(made))
        self.write(_EVERYBODY)
        self.assertTrue(self.readers(made))
        self.write(_NOBODY)
        self.assertFalse(self.readers(made))
        self.write(_EVERYBODY, self.more / 'a.yaml')
        self.assertTrue(self.readers(made))
        (self.more / 'a.yaml').unlink()
        self.assertFalse(self.readers(made))
        self.write(_EVERYBODY)
        self.file.unlink()
        self.assertFalse(self.readers(made))

    def test_files_are_not_looked_at_for_each_request(self) -> None:
        made = self.make(look_seconds=1000.0)
        self.write(_EVERYBODY)
        self.assertFalse(self.readers(made))
        made._looked_at -= 1001.0
        self.assertTrue(self.readers(made))

    def test_they_are_read_only_if_they_have_changed(self) -> None:
        self.write(_EVERYBODY)
        made = self.make()
        in_force = made._rules
        for _ in range(3):
            self.assertTrue(self.readers(made))
        self.assertIs(in_force, made._rules)

    def test_a_broken_change_leaves_the_rules_in_force(self) -> None:
        self.write(_EVERYBODY)
        made = self.make()
        for text in (_BROKEN, 'a: b: c'):
            self.write(text)
            for _ in range(3):
                self.assertTrue(self.readers(made))
        # One line for each change, not for each request.
        self.assertEqual(2, self.log.output.count('the rules in force stay'))
        self.write(_NOBODY)
        self.assertFalse(self.readers(made))
        self.assertIn('read anew', self.log.output)

    def test_one_thread_looks_while_the_others_go_on(self) -> None:
        made = self.make()
        looking, go_on = threading.Event(), threading.Event()
        look = made._look

        def slow() -> None:
            looking.set()
            self.assertTrue(go_on.wait(10))
            look()

        made._look = slow  # type: ignore[method-assign]
        self.write(_EVERYBODY)
        thread = threading.Thread(target=self.readers, args=(made,))
        thread.start()
        self.assertTrue(looking.wait(10))
        self.assertFalse(self.readers(made))
        go_on.set()
        thread.join(10)
        made._look = look  # type: ignore[method-assign]
        self.assertTrue(self.readers(made))

    def test_requests_never_meet_half_of_a_change(self) -> None:
        # Each file admits the caller to exactly one of two things.
        texts = [
            f'"{drivers.GET}": "{one}"\n"{drivers.GET_PROPERTIES}": "{two}"\n'
            for one, two in (('@', '!'), ('!', '@'))
        ]
        self.write(texts[0])
        made = self.make()
        who = self.caller('no-role')
        stop = threading.Event()
        odd: list[Any] = []

        def ask() -> None:
            while not stop.is_set():
                current = made._current()
                caller = rules.caller_values(who)
                found = [
                    current.decide(rule, {}, caller)
                    for rule in (drivers.GET, drivers.GET_PROPERTIES)
                ]
                if sum(found) != 1:
                    odd.append(found)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(40):
            self.write(texts[number % 2])
            self.readers(made)
        stop.set()
        for thread in threads:
            thread.join(10)
        self.assertEqual([], odd)
