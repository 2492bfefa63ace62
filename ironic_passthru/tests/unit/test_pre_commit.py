# SPDX-License-Identifier: Apache-2.0
"""Hooks of pre-commit: the commands of tox's lint, in the same order."""

import configparser
import pathlib

import yaml

from ironic_passthru.tests import base

ROOT = pathlib.Path(__file__).parents[3]


class PreCommitTest(base.TestCase):
    def test_hooks_run_the_commands_of_lint(self) -> None:
        tox = configparser.ConfigParser(interpolation=None)
        tox.read(ROOT / 'tox.ini')
        commands = tox['testenv:lint']['commands'].strip().splitlines()
        text = (ROOT / '.pre-commit-config.yaml').read_text()
        hooks = [
            hook
            for repository in yaml.safe_load(text)['repos']
            for hook in repository['hooks']
        ]
        self.assertEqual(commands, [hook['entry'] for hook in hooks])
        for hook in hooks:
            self.assertEqual('system', hook['language'], hook['id'])
            self.assertFalse(hook['pass_filenames'], hook['id'])
