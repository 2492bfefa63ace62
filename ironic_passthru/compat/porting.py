# SPDX-License-Identifier: Apache-2.0
"""Search for the lines of a vendor's files that must be edited to run here.

Files are parsed, never imported.
"""

import ast
import dataclasses
import itertools
import pathlib
import re
from collections.abc import Iterable
from collections.abc import Iterator

from ironic_passthru.compat import ironic_imports

# The global configuration of oslo.config, and Ironic's name of it.
_CONF = re.compile(r'(.+\.)?(cfg|conf)\.CONF')

_GROUPS = re.compile(r'ironic\.hardware\.(interfaces\.vendor|types)\b')
_SUFFIXES = ('.cfg', '.py', '.toml')
_COMMENTS = ('#', ';')

_DECORATORS = ('passthru', 'driver_passthru')
_Function = ast.FunctionDef | ast.AsyncFunctionDef

# Line, text or construct, and what to write instead.
_Found = Iterator[tuple[int, str, str]]


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
    entry points; hidden directories, such as those of tools, are not.

    :raises: OSError if the path cannot be read.
    """
    if path.is_dir():
        files = sorted(
            file
            for suffix in _SUFFIXES
            for file in path.rglob(f'*{suffix}')
            if file.is_file() and not _is_hidden(file.relative_to(path))
        )
    else:
        files = [path]
    return [found for file in files for found in _in_file(file)]


def _is_hidden(path: pathlib.Path) -> bool:
    return any(part.startswith('.') for part in path.parts)


def _in_file(path: pathlib.Path) -> list[Finding]:
    content = path.read_bytes()
    if path.suffix == '.py':
        pairs = _in_source(content, is_setup=path.name == 'setup.py')
    else:
        lines = content.decode('utf-8', 'replace').splitlines()
        pairs = _in_metadata(
            (number, line)
            for number, line in enumerate(lines, 1)
            if not line.lstrip().startswith(_COMMENTS)
        )
    return sorted(
        (Finding(path, *found) for found in pairs),
        key=lambda found: found.line,
    )


def _in_metadata(lines: Iterable[tuple[int, str]]) -> _Found:
    for number, line in lines:
        match = _GROUPS.search(line)
        if match:
            yield (
                number,
                f"entry point group '{match[0]}'",
                "'ironic_passthru.drivers' with NAME = module:VendorClass",
            )


def _in_source(content: bytes, *, is_setup: bool) -> _Found:
    try:
        tree = ast.parse(content)
    except SyntaxError as error:
        remedy = 'correct the syntax for Python 3.11'
        if 'async' in (error.text or ''):
            remedy = "write 'async_call=': async is a keyword"
        yield error.lineno or 1, f'syntax error: {error.msg}', remedy
        return
    except ValueError as error:
        yield 1, f'syntax error: {error}', 'correct the file'
        return
    except (MemoryError, RecursionError):
        yield 1, 'an expression with too many levels', 'inspect it yourself'
        return
    yield from _in_imports(tree)
    aliases = dict(_decorator_names(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _in_class(node, aliases)
    if is_setup:
        yield from _in_metadata(_texts(tree))


def _texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the lines of the strings of a module with their numbers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from enumerate(node.value.splitlines(), node.lineno)


def _in_imports(tree: ast.Module) -> _Found:
    """Yield imports to replace, and the uses of what is not available."""
    names = _Names(tree)
    for found in ironic_imports.imports(tree):
        action = found.replacement or found.remedy
        if action is not None:
            yield found.line, str(found), action
    # Once a line.
    uses = {(line, names.action(text)) for line, text in _uses(tree)}
    for line, edit in uses:
        if edit is not None:
            yield line, *edit


class _Names:
    """Names that a file uses, and what to do about them."""

    def __init__(self, tree: ast.Module) -> None:
        self._imported = {
            found.used_as: found for found in ironic_imports.imports(tree)
        }
        self._options = set(_conf_names(tree))
        # What to do, by the dotted name.
        self._broken: dict[str, str] = {}
        for name, found in self._imported.items():
            if found.remedy:
                self._broken[name] = found.remedy
            elif found.replacement and '.' in name:
                last = name.rpartition('.')[2]
                self._broken[name] = f'{last}, which the new import defines'
        self._broken |= dict.fromkeys(
            _metrics(tree, self._broken), ironic_imports.METRICS
        )

    def action(self, text: str) -> tuple[str, str] | None:
        """Return the part of a use to edit, and what to write."""
        names = list(_prefixes(text))
        for name, member in itertools.pairwise(names):
            if name in self._options or _CONF.fullmatch(name):
                shown = f"'{member}' of a global configuration"
                return shown, ironic_imports.OPTIONS
        for name in names:
            if name in self._broken and not _CONF.fullmatch(text):
                return f"use of '{name}'", self._broken[name]
        for name, member in itertools.pairwise(names):
            found = self._imported.get(name)
            action = found and ironic_imports.missing_member(
                found, member.rpartition('.')[2]
            )
            if action:
                return f"use of '{member}'", action
        return None


def _prefixes(text: str) -> Iterator[str]:
    """Yield ``a``, ``a.b`` and ``a.b.c`` of ``a.b.c``."""
    for index, mark in enumerate(text):
        if mark == '.':
            yield text[:index]
    yield text


def _uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the longest dotted name of each use.

    Local variables of functions are left out.
    """
    pending: list[tuple[ast.AST, frozenset[str]]] = [(tree, frozenset())]
    while pending:
        node, local = pending.pop()
        if isinstance(node, _Function | ast.Lambda):
            local |= set(_local_names(node))
        text = _dotted(node)
        if not text:
            pending += [(each, local) for each in ast.iter_child_nodes(node)]
        elif (
            isinstance(node, ast.Name | ast.Attribute)
            and isinstance(node.ctx, ast.Load)
            and text.partition('.')[0] not in local
        ):
            yield node.lineno, text


def _local_names(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` of a name and its attributes; empty for others."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ''
    return '.'.join([node.id, *reversed(names)])


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that assignments define, with their values."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield _dotted(target), node.value


def _metrics(tree: ast.Module, broken: dict[str, str]) -> Iterator[str]:
    """Yield the names of loggers of metrics."""
    for name, value in _assigned(tree):
        called = _dotted(value.func) if isinstance(value, ast.Call) else ''
        if any(
            broken.get(prefix) == ironic_imports.METRICS
            for prefix in _prefixes(called)
        ):
            yield name


def _conf_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module gives a global configuration."""
    for found in ironic_imports.imports(tree):
        if found.name == 'CONF':
            yield found.used_as
    for name, value in _assigned(tree):
        if _CONF.fullmatch(_dotted(value)):
            yield name


def _decorator_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield other names of the decorators, with the decorators."""
    for found in ironic_imports.imports(tree):
        if found.name in _DECORATORS:
            yield found.used_as, found.name
    for name, value in _assigned(tree):
        decorator = _dotted(value).rpartition('.')[2]
        if decorator in _DECORATORS:
            yield name, decorator


def _in_class(node: ast.ClassDef, aliases: dict[str, str]) -> _Found:
    methods = {
        method.name: method
        for method in node.body
        if isinstance(method, _Function)
    }
    kinds = {name: _kinds(method, aliases) for name, method in methods.items()}
    for name, method in methods.items():
        if 'driver_passthru' in kinds[name]:
            yield from _in_method(method)
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


def _in_method(method: _Function) -> _Found:
    """Yield the edits of a driver method."""
    declared = method.args
    names = {
        argument.arg
        for arguments in (
            declared.posonlyargs,
            declared.args,
            declared.kwonlyargs,
        )
        for argument in arguments
    }
    subject = f"driver method '{method.name}'"
    if 'task' in names:
        yield (
            method.lineno,
            f"{subject} with the parameter 'task'",
            "'context': there are no nodes and no tasks",
        )
    if 'method' in names:
        yield (
            method.lineno,
            f"{subject} with the parameter 'method'",
            'another name: this name is reserved',
        )
    if isinstance(method, ast.AsyncFunctionDef):
        yield (
            method.lineno,
            f"{subject} is a coroutine ('async def')",
            "'def': methods run in threads",
        )


def _kinds(method: _Function, aliases: dict[str, str]) -> set[str]:
    """Return the names of the decorators of a method."""
    names = [
        _dotted(
            decorator.func if isinstance(decorator, ast.Call) else decorator
        )
        for decorator in method.decorator_list
    ]
    return {aliases.get(name) or name.rpartition('.')[2] for name in names}
