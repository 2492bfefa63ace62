# SPDX-License-Identifier: Apache-2.0
"""The reference page of ``ironic_passthru.testing``."""

import ast
import importlib
import inspect
import pathlib
import pkgutil
import re
import types
from collections.abc import Iterator

from ironic_passthru import testing
from ironic_passthru.tests import base
from ironic_passthru.tests import pages

PAGE = pages.ROOT / 'doc/source/drivers/reference.rst'
PACKAGE = testing.__name__

_DIRECTIVE = re.compile(
    rf'^\.\. (?:auto\w+|py:data):: ({re.escape(PACKAGE)}\S*)\n'
    r'(?:   :members: (.*)\n)?',
    re.MULTILINE,
)
_DEFINITIONS = (ast.AsyncFunctionDef, ast.ClassDef, ast.FunctionDef)


def documented() -> list[str]:
    """Return the names of the page."""
    found = []
    for name, members in _DIRECTIVE.findall(PAGE.read_text()):
        found.append(name)
        found += [f'{name}.{each}' for each in members.split(', ') if each]
    return found


def public() -> Iterator[str]:
    """Yield the public names of the package."""
    for found in pkgutil.iter_modules(testing.__path__):
        yield from _in_module(
            importlib.import_module(f'{PACKAGE}.{found.name}')
        )


def _in_module(module: types.ModuleType) -> Iterator[str]:
    yield module.__name__
    for name in getattr(module, '__all__', None) or _defined(module):
        value = getattr(module, name)
        if inspect.ismodule(value):
            yield from _in_module(value)
            continue
        yield f'{module.__name__}.{name}'
        if inspect.isclass(value):
            for member in _members(value):
                yield f'{module.__name__}.{name}.{member}'


def _defined(module: types.ModuleType) -> Iterator[str]:
    """Yield the names that a module does not import."""
    text = pathlib.Path(str(module.__file__)).read_text()
    for node in ast.parse(text).body:
        names: list[str] = []
        if isinstance(node, _DEFINITIONS):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [ast.unparse(target) for target in node.targets]
        yield from (name for name in names if not name.startswith('_'))


def _members(kind: type) -> Iterator[str]:
    """Yield the methods and properties that this package defines."""
    # Fields of a dataclass are documented as its parameters.
    others = set(kind.__annotations__)
    for each in kind.__mro__[1:]:
        if not each.__module__.startswith(PACKAGE):
            others.update(vars(each))
    for name, value in vars(kind).items():
        if (
            isinstance(value, property | types.FunctionType)
            and not name.startswith(('_', 'test_'))
            and name not in others
        ):
            yield name


class ReferenceTest(base.TestCase):
    def test_every_public_name_is_documented_once(self) -> None:
        names, shown = list(public()), documented()
        self.assertEqual([], sorted(set(names) - set(shown)), 'not shown')
        self.assertEqual([], sorted(set(shown) - set(names)), 'not public')
        self.assertEqual(sorted(names), sorted(shown))
