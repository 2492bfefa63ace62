# SPDX-License-Identifier: Apache-2.0
"""The package keeps its layout: no import cycles, unique names, short code."""

import ast
import collections
import graphlib
import pathlib
from collections.abc import Iterator

import ironic_passthru
from ironic_passthru.tests import base

PACKAGE = pathlib.Path(ironic_passthru.__file__).parent

MAX_FUNCTION_LINES = 45
MAX_ROOT_MODULES = 9

# Public signatures, whose docstrings are the reference of drivers and clients.
LONG_FUNCTIONS = {'call', 'driver_passthru', 'driver_vendor_passthru'}

# Imports that would join what must stay apart.
FORBIDDEN = {
    'client': {'api', 'httpd', 'conductor', 'db', 'drivers', 'rpc'},
    'api': {'httpd', 'conductor', 'drivers'},
    'httpd': {'api', 'conductor', 'drivers'},
    'rpc': {'api', 'httpd', 'conductor', 'db', 'drivers'},
    'db': {'api', 'httpd', 'conductor', 'drivers', 'rpc'},
    'drivers': {'api', 'httpd', 'conductor', 'db', 'rpc'},
    'conductor': {'api', 'httpd'},
    'redaction': {'api', 'httpd', 'conductor', 'db', 'drivers', 'rpc'},
}


def _modules() -> dict[str, ast.Module]:
    """Return all modules but tests and migrations, by name."""
    found = {}
    for path in PACKAGE.rglob('*.py'):
        parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
        if 'tests' not in parts and 'alembic' not in parts:
            name = '.'.join(parts).removesuffix('.__init__')
            found[name] = ast.parse(path.read_text('utf-8'))
    return found


MODULES = _modules()


def _imports(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of the package that are imported at once."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f'{node.module}.{alias.name}'
                yield name if name in MODULES else node.module
        elif isinstance(node, ast.If | ast.Try):
            yield from _imports(node)


class TestImports(base.TestCase):
    def test_no_cycle(self) -> None:
        graph = {name: set(_imports(tree)) for name, tree in MODULES.items()}
        # It raises CycleError, which contains the cycle.
        order = list(graphlib.TopologicalSorter(graph).static_order())
        self.assertLessEqual(set(MODULES), set(order))

    def test_packages_that_stay_apart(self) -> None:
        for name, tree in MODULES.items():
            package = name.split('.')[1] if '.' in name else ''
            for node in ast.walk(tree):
                for imported in _imports(node):
                    target = [*imported.split('.'), '', ''][1]
                    self.assertNotIn(
                        target, FORBIDDEN.get(package, ()), f'{name}: {target}'
                    )


class TestNames(base.TestCase):
    def test_public_classes_have_unique_names(self) -> None:
        found = collections.Counter(
            node.name
            for module, tree in MODULES.items()
            # Its classes have the names of Ironic's.
            if not module.startswith('ironic_passthru.compat.')
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and not node.name.startswith('_')
        )
        self.assertEqual(
            [], [name for name, count in found.items() if count > 1]
        )

    def test_modules_at_the_root(self) -> None:
        found = [path for path in PACKAGE.glob('*.py') if path.stem[0] != '_']
        self.assertLessEqual(len(found), MAX_ROOT_MODULES, found)


class TestFunctions(base.TestCase):
    def test_none_is_long(self) -> None:
        found = {
            f'{name}.{node.name}': node.end_lineno - node.lineno + 1
            for name, tree in MODULES.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            and node.end_lineno is not None
            and node.name not in LONG_FUNCTIONS
        }
        self.assertEqual(
            {}, {k: v for k, v in found.items() if v > MAX_FUNCTION_LINES}
        )
