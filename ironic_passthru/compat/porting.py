# SPDX-License-Identifier: Apache-2.0
"""Search for the lines of a vendor's files that must be edited to run here.

Files are parsed, never imported.
"""

import ast
import dataclasses
import pathlib
import re
from collections.abc import Iterator

from ironic_passthru import compat
from ironic_passthru.compat import base as compat_base

# Names that ironic_passthru.compat offers, by Ironic's module; None for all.
_OFFERED: dict[str, frozenset[str] | None] = {
    'ironic.common': frozenset({'exception'}),
    'ironic.common.exception': None,
    'ironic.common.i18n': frozenset({'_', '_LC', '_LE', '_LI', '_LW'}),
    'ironic.drivers': frozenset({'base'}),
    'ironic.drivers.base': None,
}

_UNKNOWN = 'replace or copy what is used of it'
_OPTIONS = "register the driver's own options in start(conf)"

# What to write instead, by the start of the name of a module.
_REMEDIES = (
    ('ironic.conf', _OPTIONS),
    ('ironic.objects', 'keep an own inventory: there are no nodes'),
    ('ironic.db', 'keep an own inventory: there are no nodes'),
    ('ironic.conductor', 'use only the context: there are no tasks'),
    ('ironic.drivers.modules', 'copy the required functions'),
    ('ironic', _UNKNOWN),
    ('eventlet', 'use threading: threads are native'),
)

# The global configuration of oslo.config, and Ironic's name of it.
_CONF = re.compile(r'(.+\.)?(cfg|conf)\.CONF')

_GROUPS = re.compile(r'ironic\.hardware\.(interfaces\.vendor|types)\b')
_SUFFIXES = ('.cfg', '.py', '.toml')


@dataclasses.dataclass(frozen=True)
class Finding:
    """A line to edit.

    :param found: the text or the construct in the line.
    :param replacement: what to write instead.
    """

    path: pathlib.Path
    line: int
    found: str
    replacement: str

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: {self.found} -> {self.replacement}'


def findings(path: pathlib.Path) -> list[Finding]:
    """Return the lines to edit in a file, or in all files of a directory.

    Directories are searched for Python files and for the files that declare
    entry points.

    :raises: OSError if the path cannot be read.
    """
    if path.is_dir():
        files = sorted(
            file
            for suffix in _SUFFIXES
            for file in path.rglob(f'*{suffix}')
            if file.is_file()
        )
    else:
        files = [path]
    return [found for file in files for found in _in_file(file)]


def _in_file(path: pathlib.Path) -> list[Finding]:
    text = path.read_text(encoding='utf-8', errors='replace')
    pairs = _in_source(text) if path.suffix == '.py' else _in_metadata(text)
    return sorted(
        (Finding(path, *found) for found in pairs),
        key=lambda found: found.line,
    )


def _in_metadata(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        match = _GROUPS.search(line)
        if match:
            yield (
                number,
                f"entry point group '{match[0]}'",
                "'ironic_passthru.drivers' with NAME = module:VendorClass",
            )


def _in_source(text: str) -> Iterator[tuple[int, str, str]]:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        remedy = 'correct the syntax for Python 3.11'
        if 'async' in (error.text or ''):
            remedy = "write 'async_call=': async is a keyword"
        yield error.lineno or 1, f'syntax error: {error.msg}', remedy
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _in_import(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from _in_import_from(node)
        elif isinstance(node, ast.ClassDef):
            yield from _in_class(node)
    yield from _options(tree)


def _options(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield the uses of a global configuration, once a line."""
    names = set(_conf_names(tree))
    used = {
        (node.lineno, ast.unparse(node))
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and _is_conf(node.value, names)
    }
    for line, text in used:
        yield line, f"'{text}' of a global configuration", _OPTIONS


def _conf_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module gives a global configuration."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name == 'CONF':
                    yield alias.asname or alias.name
        elif isinstance(node, ast.Assign) and _is_conf(node.value, set()):
            for target in node.targets:
                yield ast.unparse(target)


def _is_conf(node: ast.expr, names: set[str]) -> bool:
    text = ast.unparse(node)
    return text in names or _CONF.fullmatch(text) is not None


def _moved(module: str, name: str) -> str | None:
    """Return the import that replaces the one of a name in a module."""
    names = _OFFERED.get(module, frozenset())
    if names is None:
        part = module.rpartition('.')[2]
        return f'from ironic_passthru.compat.{part} import {name}'
    if name in names:
        return f'from ironic_passthru.compat import {name}'
    return None


def _in_import(line: int, module: str) -> Iterator[tuple[int, str, str]]:
    parent, _, name = module.rpartition('.')
    replacement = _moved(parent, name)
    if replacement:
        yield line, f'import {module}', replacement
        return
    for start, remedy in _REMEDIES:
        if f'{module}.'.startswith(f'{start}.'):
            yield line, f'import {module}', remedy
            return


def _in_import_from(node: ast.ImportFrom) -> Iterator[tuple[int, str, str]]:
    module = node.module or ''
    for alias in node.names:
        replacement = _moved(module, alias.name)
        if replacement:
            yield (
                node.lineno,
                f'from {module} import {alias.name}',
                replacement,
            )
            continue
        if _is_missing(module, alias.name):
            yield (
                node.lineno,
                f'from {module} import {alias.name}',
                f'{_UNKNOWN}: no such name',
            )
            continue
        full = f'{module}.{alias.name}'
        for start, remedy in _REMEDIES:
            if f'{full}.'.startswith(f'{start}.'):
                yield (
                    node.lineno,
                    f'from {module} import {alias.name}',
                    remedy,
                )
                break


def _is_missing(module: str, name: str) -> bool:
    """Return whether a replaced import names what compat does not offer."""
    if module == compat.__name__:
        return not hasattr(compat, name)
    return module == compat_base.__name__ and not hasattr(compat_base, name)


def _in_class(node: ast.ClassDef) -> Iterator[tuple[int, str, str]]:
    methods = {
        method.name: method
        for method in node.body
        if isinstance(method, ast.FunctionDef)
    }
    kinds = {name: _kinds(method) for name, method in methods.items()}
    for name, method in methods.items():
        names = {argument.arg for argument in method.args.args}
        if 'driver_passthru' in kinds[name] and 'task' in names:
            yield (
                method.lineno,
                f"driver method '{name}' with the parameter 'task'",
                "'context': there are no nodes and no tasks",
            )
        elif 'passthru' in kinds[name]:
            yield (
                method.lineno,
                f"method '{name}' of a node is not served",
                'driver_passthru, with the hardware as a parameter',
            )
    if (
        'validate' in methods
        and 'driver_validate' not in methods
        and (any('driver_passthru' in found for found in kinds.values()))
    ):
        yield (
            methods['validate'].lineno,
            "'validate' is not called",
            "'driver_validate(self, method, **kwargs)'",
        )


def _kinds(method: ast.FunctionDef) -> set[str]:
    """Return the names of the decorators of a method."""
    return {
        ast.unparse(
            decorator.func if isinstance(decorator, ast.Call) else decorator
        ).rpartition('.')[2]
        for decorator in method.decorator_list
    }
