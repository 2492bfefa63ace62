# SPDX-License-Identifier: Apache-2.0
"""Every request has a rule, and every rule is documented."""

import pathlib
import re
import subprocess
import sys
import tempfile

from oslo_policy import generator

from ironic_passthru import policies
from ironic_passthru.api.http import routes as api_routes
from ironic_passthru.policies import base as rules
from ironic_passthru.tests import base
from ironic_passthru.tests import routes

ROOT = pathlib.Path(__file__).parents[4]
SAMPLE = ROOT / 'etc/ironic_passthru/policy.yaml.sample'
PAGE = ROOT / 'doc/source/admin/policy.rst'
GENERATOR = 'tools/config/ironic-passthru-policy-generator.conf'

# Variables in the paths of routes.
_NAMES = ('driver', 'method', 'hostname', 'operation')


class TestRules(base.TestCase):
    """The rules of all modules."""

    def test_names(self) -> None:
        names = [rule.name for rule in policies.list_rules()]
        self.assertEqual(sorted(set(names)), sorted(names))
        for name in names:
            self.assertRegex(name, r'^baremetal:[a-z]+:[a-z_]+$')

    def test_each_module_has_its_own(self) -> None:
        for module in policies.MODULES:
            name = module.__name__.rpartition('.')[2].removesuffix('s')
            for rule in module.RULES:
                self.assertEqual(name, rule.name.split(':')[1])

    def test_each_is_described(self) -> None:
        for rule in policies.list_rules():
            self.assertRegex(rule.description, r'^[A-Z].{20,}\.$', rule.name)
            self.assertTrue(rule.operations, rule.name)

    def test_attributes_are_documented(self) -> None:
        page = PAGE.read_text()
        for rule in policies.list_rules():
            (row,) = re.findall(
                rf'^   \* - ``{rule.name}``\n     - .*\n     -((?:.|\n    )*)',
                page,
                re.M,
            )
            self.assertEqual(
                rule.attributes, set(re.findall('``(.+?)``', row)), rule.name
            )
            for attribute in rule.attributes:
                self.assertIn(attribute, rule.description, rule.name)

    def test_each_can_be_opened_to_every_scope(self) -> None:
        for rule in policies.list_rules():
            self.assertEqual(rules.SCOPES, rule.scope_types, rule.name)
            self.assertEqual(
                {'system', 'domain', 'project'}, set(rules.SCOPES)
            )

    def test_calls_require_system_scope_by_default(self) -> None:
        (call,) = (
            rule
            for rule in policies.list_rules()
            if rule.name.endswith('vendor_passthru')
        )
        self.assertEqual('role:admin and system_scope:all', call.check_str)

    def test_each_route_has_a_rule(self) -> None:
        stated = {
            (operation['method'], operation['path'].partition('?')[0])
            for rule in policies.list_rules()
            for operation in rule.operations
        }
        names = {name: f'{{{name}}}' for name in _NAMES}
        wanted = {
            (http_method, path)
            for http_method, path in routes.requests(**names)
            # Rules name the form with the version.
            if not path.lstrip('/').startswith(tuple(api_routes.RESOURCES))
            if http_method != 'HEAD'
        }
        self.assertEqual(wanted, stated)

    def test_oslo_finds_them(self) -> None:
        found = generator.get_policies_dict(['ironic_passthru'])
        self.assertEqual(
            [rule.name for rule in policies.list_rules()],
            [rule.name for rule in found['ironic_passthru']],
        )


class TestSample(base.TestCase):
    """etc/ironic_passthru/policy.yaml.sample."""

    def test_current(self) -> None:
        with tempfile.NamedTemporaryFile('r') as output:
            subprocess.run(
                [
                    sys.executable,
                    '-c',
                    'from oslo_policy import generator; '
                    'generator.generate_sample()',
                    f'--config-file={GENERATOR}',
                    f'--output-file={output.name}',
                ],
                check=True,
                capture_output=True,
                timeout=120,
                cwd=ROOT,
            )
            self.assertEqual(
                SAMPLE.read_text(), output.read(), 'run "tox -e genpolicy"'
            )

    def test_changes_nothing(self) -> None:
        for line in SAMPLE.read_text().splitlines():
            self.assertRegex(line, '^(#.*)?$')

    def test_contains_every_rule(self) -> None:
        found = re.findall(r'^#"(.+)": "(.+)"$', SAMPLE.read_text(), re.M)
        self.assertEqual(
            [(rule.name, rule.check_str) for rule in policies.list_rules()],
            found,
        )
