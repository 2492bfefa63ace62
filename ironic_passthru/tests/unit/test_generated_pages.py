# SPDX-License-Identifier: Apache-2.0
"""Completeness of the generated references of options and rules."""

import pathlib
import re
import subprocess
import sys

import fixtures

from ironic_passthru import policies
from ironic_passthru.conf import opts
from ironic_passthru.tests import base

ROOT = pathlib.Path(__file__).parents[3]
PAGES = ROOT / 'doc/source/configuration'
# conf/test_sample.py compares it with the options of the libraries.
SAMPLE = ROOT / 'etc/ironic_passthru/ironic_passthru.conf.sample'

CONF = """
from ironic_passthru import threads

threads.init()
extensions = ['oslo_config.sphinxext', 'oslo_policy.sphinxext']
# Other pages are missing here.
suppress_warnings = ['ref.doc', 'toc.not_included']
html_theme = 'basic'
root_doc = 'options'
"""


class TestReferences(base.TestCase):
    """Pages of options and rules in doc/source/configuration."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        source = pathlib.Path(cls.use_class_fixture(fixtures.TempDir()).path)
        (source / 'conf.py').write_text(CONF)
        for page in ('options', 'library-options', 'policy'):
            text = (PAGES / f'{page}.rst').read_text()
            (source / f'{page}.rst').write_text(text)
        cls.output = source / '_build'
        # A separate process: the extensions change global lists of libraries.
        subprocess.run(
            [sys.executable, '-m', 'sphinx', '-q', '-W', source, cls.output],
            check=True,
            timeout=120,
            # Paths in the pages are relative to it.
            cwd=ROOT,
        )

    def options(self, name: str = 'options') -> set[str]:
        page = (self.output / f'{name}.html').read_text()
        return set(re.findall(r'<dt [^>]*\bid="([\w-]+\.[\w-]+)"', page))

    def test_every_option_of_this_service(self) -> None:
        wanted = {
            f'{group if isinstance(group, str) else group.name}.{option.name}'
            for group, options in opts.list_opts()
            for option in options
        }
        self.assertGreater(len(wanted), 50)
        self.assertEqual(set(), wanted - self.options())

    def test_every_option_of_the_sample(self) -> None:
        """Those of libraries are on a page of their own."""
        wanted = set()
        for line in SAMPLE.read_text().splitlines():
            if match := re.fullmatch(r'\[(.+)\]', line):
                group = match[1]
            elif match := re.match(r'#([\w-]+) =', line):
                wanted.add(f'{group}.{match[1]}')
        of_libraries = self.options('library-options')
        self.assertEqual(set(), self.options() & of_libraries)
        self.assertEqual(wanted, self.options() | of_libraries)

    def test_every_rule(self) -> None:
        page = (self.output / 'policy.html').read_text()
        found = re.findall(r'<dt>.*?>(baremetal:[\w:]+)<', page)
        self.assertEqual(
            sorted(rule.name for rule in policies.list_rules()), sorted(found)
        )
