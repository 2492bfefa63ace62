# SPDX-License-Identifier: Apache-2.0
"""Tests of policy files and their changes."""

import logging
import os
import pathlib
import shutil
import threading
from collections.abc import Callable
from typing import Any

import fixtures

from ironic_passthru import context
from ironic_passthru import errors
from ironic_passthru.api.auth import policy
from ironic_passthru.api.auth import policy_rules
from ironic_passthru.policies import drivers
from ironic_passthru.tests import base
from ironic_passthru.tests import callers

_NOBODY = f'"{drivers.GET}": "!"\n'
_EVERYBODY = f'"{drivers.GET}": "@"\n'
_BROKEN = f'"{drivers.GET}": "role:admin and"\n'


class PolicyCase(base.TestCase):
    """A policy with its own files."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.file = self.directory / 'policy.yaml'
        self.more = self.directory / 'policy.d'
        self.file.write_text('# defaults\n')
        self.more.mkdir()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))

    def make(self, look_seconds: float = 0.0, **options: Any) -> policy.Policy:
        """Return a policy with configured file and directory."""
        conf = self.make_conf(
            oslo_policy__policy_file=str(self.file),
            oslo_policy__policy_dirs=[str(self.more)],
        )
        for name, value in options.items():
            conf.set_override(name, value, group='oslo_policy')
        return policy.Policy(conf, look_seconds=look_seconds)

    def make_by_default(self) -> policy.Policy:
        """Return a policy without configured files."""
        conf = self.make_conf()
        conf(
            ['--config-dir', str(self.directory)],
            project='ironic_passthru',
            default_config_files=[],
        )
        return policy.Policy(conf, look_seconds=0.0)

    def write(self, text: str, path: pathlib.Path | None = None) -> None:
        """Replace a file, as editors do."""
        target = path or self.file
        new = self.directory / 'new'
        new.write_text(text)
        os.replace(new, target)

    def readers(self, made: policy.Policy) -> bool:
        """Return whether a caller without default permission sees drivers."""
        return made.allows(self.caller('no-role'), drivers.GET)

    def caller(self, name: str) -> context.RequestContext:
        return context.RequestContext(overwrite=False, **callers.CALLERS[name])


class TestPolicy(PolicyCase):
    """Decisions for controllers."""

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
    """Files and their precedence."""

    def test_no_file_is_required(self) -> None:
        self.assertFalse(self.readers(policy.Policy(self.make_conf())))
        self.assertEqual('', self.log.output)

    def test_one_without_rules(self) -> None:
        for text in ('# a comment\n', '---\n', '{}'):
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
        self.file.unlink()
        self.write(_EVERYBODY, self.more / '10.yaml')
        self.assertTrue(self.readers(self.make_by_default()))


class TestBroken(PolicyCase):
    """An invalid file prevents the start."""

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
            # oslo.policy would allow the rule to every caller.
            (f'"{drivers.CALL}": false', f'{drivers.CALL} is not text'),
            (f'"{drivers.CALL}":', 'is not text'),
            (f'"{drivers.CALL}": []', 'is not text'),
            (f'"{drivers.CALL}": [["role:x"]]', 'is not text'),
            (_BROKEN, 'not in the policy language'),
        ):
            self.write(text)
            self.assertIn(words, self.reason())

    def test_what_is_no_text(self) -> None:
        self.file.write_bytes(b'a: \xff')
        self.assertIn('utf-8', self.reason())

    def test_what_cannot_be_read(self) -> None:
        self.file.unlink()
        self.file.mkdir()
        self.assertIn('Is a directory', self.reason())

    def test_an_empty_one(self) -> None:
        for text in ('', ' \n'):
            self.write(text)
            self.assertIn('the file is empty', self.reason())

    def test_what_is_nested_too_deeply(self) -> None:
        self.write('[' * 5000)
        self.assertIn('nested too deeply', self.reason())

    def test_a_configured_one_that_is_missing(self) -> None:
        nowhere = str(self.directory / 'nowhere')
        for option, value in (
            ('policy_file', nowhere),
            ('policy_dirs', [str(self.more), nowhere]),
            ('remote_ssl_ca_crt_file', nowhere),
        ):
            error = self.assertRaises(
                errors.ConfigError, self.make, **{option: value}
            )
            self.assertIn(
                f'Option {option} in group [oslo_policy]: {nowhere} ',
                str(error),
            )
            self.assertNotIn('\n', str(error))

    def test_a_directory_that_is_a_file(self) -> None:
        self.more.rmdir()
        self.write(_EVERYBODY, self.more)
        self.assertIn('Not a directory', self.reason())

    def test_one_of_a_directory_is_named(self) -> None:
        self.write(_NOBODY)
        self.write('[]\n- a', self.more / 'odd.yaml')
        self.assertIn(str(self.more / 'odd.yaml'), self.reason())
        self.write(_BROKEN, self.more / 'odd.yaml')
        self.assertIn(str(self.more / 'odd.yaml'), self.reason())


class TestChange(PolicyCase):
    """Changes apply without a restart."""

    def test_a_file_comes_changes_and_goes(self) -> None:
        self.file.unlink()
        self.more.rmdir()
        made = self.make_by_default()
        self.assertFalse(self.readers(made))
        self.write(_EVERYBODY)
        self.assertTrue(self.readers(made))
        self.write(_NOBODY)
        self.assertFalse(self.readers(made))
        self.more.mkdir()
        self.write(_EVERYBODY, self.more / 'a.yaml')
        self.assertTrue(self.readers(made))
        self.write('# defaults\n', self.more / 'b.yaml')
        (self.more / 'a.yaml').unlink()
        self.assertFalse(self.readers(made))
        self.assertIn(
            f'Policy file {self.more}/a.yaml is no longer in use',
            self.log.output,
        )
        self.assertNotIn('remain', self.log.output)

    def test_files_are_not_looked_at_for_each_request(self) -> None:
        made = self.make(look_seconds=1000.0)
        self.write(_EVERYBODY)
        self.assertFalse(self.readers(made))
        made._files._looked_at -= 1001.0
        self.assertTrue(self.readers(made))

    def test_they_are_read_only_if_they_have_changed(self) -> None:
        self.write(_EVERYBODY)
        made = self.make()
        in_force = made._current()
        for _ in range(3):
            self.assertTrue(self.readers(made))
        self.assertIs(in_force, made._current())

    def test_a_broken_change_leaves_the_rules_in_force(self) -> None:
        self.write(_EVERYBODY)
        made = self.make()
        for text in (_BROKEN, 'a: b: c'):
            self.write(text)
            for _ in range(3):
                self.assertTrue(self.readers(made))
        # One line for each change, not for each request.
        self.assertEqual(2, self.log.output.count('rules remain in force'))
        self.write(_NOBODY)
        self.assertFalse(self.readers(made))
        self.assertIn(
            f'valid again: policy rules are those of {self.file}',
            self.log.output,
        )

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
                caller = policy_rules.caller_values(who)
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


class TestVanished(PolicyCase):
    """A removed policy grants no permission.

    The rules deny by ``policy_file`` and by a file of ``policy_dirs`` what
    readers may do by default.
    """

    def setUp(self) -> None:
        super().setUp()
        self.write(f'"{drivers.GET}": "!"\n')
        self.write(f'"{drivers.GET_PROPERTIES}": "!"\n', self.more / '10.yaml')

    def denied(self, made: policy.Policy) -> bool:
        """Return whether both rules deny."""
        reader = self.caller('project-reader')
        return not any(
            made.allows(reader, rule)
            for rule in (drivers.GET, drivers.GET_PROPERTIES)
        )

    def assert_closed(
        self, made: policy.Policy, remove: Callable[[], Any], reason: str
    ) -> None:
        """Fail if a removal grants permission, or is not logged."""
        self.assertTrue(self.denied(made))
        said = len(self.log.output)
        remove()
        for _ in range(3):
            self.assertTrue(self.denied(made), reason)
        lines = [
            line
            for line in self.log.output[said:].splitlines()
            if 'valid again' not in line
        ]
        self.assertEqual(1, len(lines), lines)
        self.assertIn(reason, lines[0])
        self.assertIn('last valid policy rules remain in force', lines[0])

    def as_nobody(self) -> None:
        """Apply file permissions to tests that root runs."""
        if os.geteuid() == 0:
            self.directory.chmod(0o755)
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)

    def test_the_file(self) -> None:
        away = self.directory / 'away'

        def replace_by_directory() -> None:
            away.rename(self.file)
            self.assertTrue(self.denied(made))
            self.file.rename(away)
            self.file.mkdir()

        def replace_by_loop() -> None:
            self.file.rmdir()
            self.file.symlink_to(self.file)

        def replace_by_empty() -> None:
            self.file.unlink()
            self.file.write_text('')

        for make in (self.make_by_default, self.make):
            made = make()
            missing = (
                'does not exist'
                if make == self.make
                else 'it no longer contains policy rules'
            )
            self.assert_closed(made, lambda: self.file.rename(away), missing)
            self.assert_closed(made, replace_by_directory, 'Is a directory')
            self.assert_closed(made, replace_by_loop, missing)
            self.assert_closed(made, replace_by_empty, 'the file is empty')
            self.assert_closed(made, self.file.unlink, missing)
            away.rename(self.file)
            self.assertTrue(self.denied(made))
            self.assertIn('valid again', self.log.output.splitlines()[-1])

    def test_the_directory(self) -> None:
        away = self.directory / 'away'

        def empty() -> None:
            away.rename(self.more)
            self.assertTrue(self.denied(made))
            (self.more / '10.yaml').rename(self.directory / '10.yaml')

        def replace_by_file() -> None:
            self.more.rmdir()
            self.more.write_text('{}')

        for make in (self.make_by_default, self.make):
            made = make()
            missing = (
                'does not exist'
                if make == self.make
                else 'it no longer contains policy rules'
            )
            self.assert_closed(made, lambda: self.more.rename(away), missing)
            self.assert_closed(made, empty, 'no longer contains policy rules')
            self.assert_closed(made, replace_by_file, 'Not a directory')
            self.assert_closed(made, self.more.unlink, missing)
            self.more.mkdir()
            (self.directory / '10.yaml').rename(self.more / '10.yaml')
            self.assertTrue(self.denied(made))
            self.assertIn('valid again', self.log.output.splitlines()[-1])

    def test_a_removed_tree(self) -> None:
        made = self.make_by_default()
        self.assert_closed(
            made,
            lambda: shutil.rmtree(self.more),
            'no longer contains policy rules',
        )

    def test_permissions(self) -> None:
        for path in (self.file, self.more / '10.yaml'):
            path.chmod(0o644)
        made = self.make()
        for path in (self.file, self.more / '10.yaml', self.more):
            mode = path.stat().st_mode

            def close(path: pathlib.Path = path) -> None:
                path.chmod(0)
                self.as_nobody()

            self.assert_closed(made, close, f'{path}: Permission denied')
            os.seteuid(os.getuid())
            path.chmod(mode)
            self.assertTrue(self.denied(made))

    def test_a_dangling_link_in_the_directory(self) -> None:
        made = self.make()

        def link() -> None:
            (self.more / '20.yaml').symlink_to(self.directory / 'nowhere')

        self.assert_closed(made, link, '20.yaml: No such file')

    def test_a_config_map_of_kubernetes(self) -> None:
        # The kubelet renames a link to a new directory over "..data".
        def publish(number: int, text: str) -> None:
            version = self.directory / f'..{number}'
            version.mkdir()
            (version / 'policy.yaml').write_text(text)
            new = self.directory / '..new'
            new.symlink_to(version)
            new.rename(self.directory / '..data')

        publish(1, f'"{drivers.GET}": "!"\n')
        self.file.unlink()
        self.file.symlink_to('..data/policy.yaml')
        made = self.make()
        publish(2, f'"{drivers.GET}": "role:reader"\n')
        reader = self.caller('project-reader')
        self.assertTrue(made.allows(reader, drivers.GET))
        publish(3, f'"{drivers.GET}": "!"\n')
        self.assert_closed(
            made, (self.directory / '..data').unlink, 'does not exist'
        )

    def test_one_that_appears(self) -> None:
        self.file.unlink()
        made = self.make_by_default()
        reader = self.caller('project-reader')
        self.assertTrue(made.allows(reader, drivers.GET))
        self.write(f'"{drivers.GET}": "!"\n')
        self.assert_closed(
            made, self.file.unlink, 'no longer contains policy rules'
        )
