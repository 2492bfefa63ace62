# SPDX-License-Identifier: Apache-2.0
"""Imports of Ironic's modules in a vendor's file, and their replacements."""

import ast
import dataclasses
from collections.abc import Iterator

from ironic_passthru import compat
from ironic_passthru.compat import base
from ironic_passthru.compat import exception

UNKNOWN = 'replace or copy what is used of it'
OPTIONS = "register the driver's own options in start(conf)"
METRICS = 'delete it: the service has metrics of its own'

_NO_NODES = 'keep an own inventory: there are no nodes'
_HARDWARE = (
    'delete the hardware type: the vendor interface itself is the driver'
)

# What to write instead, by the start of the name of a module.
_REMEDIES = (
    ('ironic.common.metrics_utils', METRICS),
    ('ironic_lib.metrics', METRICS),
    ('ironic_lib.metrics_utils', METRICS),
    ('ironic.conf', OPTIONS),
    ('ironic.objects', _NO_NODES),
    ('ironic.db', _NO_NODES),
    ('ironic.conductor', 'use only the context: there are no tasks'),
    ('ironic.drivers.generic', _HARDWARE),
    ('ironic.drivers.hardware_type', _HARDWARE),
    ('ironic.drivers.modules', 'copy the required functions'),
    ('ironic', UNKNOWN),
    ('ironic_lib', UNKNOWN),
    ('eventlet', 'use threading: threads are native'),
)

_PACKAGE = compat.__name__
# Replaced modules, and names of the package that replaces them.
_MODULES = {
    'ironic.common.exception': exception,
    'ironic.drivers.base': base,
    exception.__name__: exception,
    base.__name__: base,
}
_TRANSLATION = 'ironic.common.i18n'


@dataclasses.dataclass(frozen=True)
class Import:
    """One imported module or name.

    :param module: the module that is imported, or imported from.
    :param name: name in the module; None for the module itself.
    :param alias: the name that it gets; None for its own.
    """

    line: int
    module: str
    name: str | None
    alias: str | None

    def __str__(self) -> str:
        alias = f' as {self.alias}' if self.alias else ''
        if self.name is None:
            return f'import {self.module}{alias}'
        return f'from {self.module} import {self.name}{alias}'

    @property
    def full(self) -> str:
        """The dotted name of the imported object."""
        return f'{self.module}.{self.name}' if self.name else self.module

    @property
    def used_as(self) -> str:
        """The dotted name by which the file uses the imported object."""
        return self.alias or self.name or self.module

    @property
    def replacement(self) -> str | None:
        """The import to write instead, if the object is replaced."""
        module, _, name = self.full.rpartition('.')
        if module.startswith(_PACKAGE):
            return None
        alias = f' as {self.alias}' if self.alias else ''
        if self.full in _MODULES:
            return f'from {_PACKAGE} import {name}{alias}'
        if module == _TRANSLATION and hasattr(compat, name):
            return f'from {_PACKAGE} import {name}{alias}'
        replaced = _MODULES.get(module)
        if replaced is None or not _is_offered(replaced, name):
            return None
        return f'from {replaced.__name__} import {name}{alias}'

    @property
    def remedy(self) -> str | None:
        """Text about what to do, if the object is not available here."""
        module, _, name = self.full.rpartition('.')
        if self.full in _MODULES or self.replacement:
            return None
        replaced = compat if module == _PACKAGE else _MODULES.get(module)
        if replaced is not None:
            return _missing(replaced, name)
        for start, remedy in _REMEDIES:
            if f'{self.full}.'.startswith(f'{start}.'):
                return remedy
        return None


def imports(tree: ast.Module) -> Iterator[Import]:
    """Yield all absolute imports of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, None, alias.asname)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ''
            for alias in node.names:
                yield Import(alias.lineno, module, alias.name, alias.asname)


def missing_member(found: Import, member: str) -> str | None:
    """Return what to do about a member that a replaced module lacks."""
    replaced = _MODULES.get(found.full)
    return None if replaced is None else _missing(replaced, member)


def _is_offered(module: object, name: str) -> bool:
    # Names of exceptions are defined at their first use.
    return hasattr(module, name) or (name == '*' and module is base)


def _missing(module: object, name: str) -> str | None:
    if _is_offered(module, name):
        return None
    if name == '*':
        return (
            f'from {_PACKAGE} import exception, and exception.NAME for each '
            'class'
        )
    for start, remedy in _REMEDIES:
        if start in (f'ironic.common.{name}', f'ironic.drivers.{name}'):
            return remedy
    return f'{UNKNOWN}: no such name'
