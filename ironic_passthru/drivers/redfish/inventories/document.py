# SPDX-License-Identifier: Apache-2.0
"""The YAML of an inventory file, and the lines of its keys."""

import dataclasses
from typing import Any

import yaml

from ironic_passthru import watched_files


@dataclasses.dataclass(frozen=True)
class Document:
    """The content of a YAML file.

    :param value: plain values; None for an empty document.
    :param lines: line numbers of the keys, by path.
    """

    value: Any
    lines: dict[tuple[str, ...], int]

    def place(self, *path: object) -> str:
        """Return `` (line …)`` for the closest key to a path, or ``''``."""
        keys = tuple(str(part) for part in path)
        while keys:
            if keys in self.lines:
                return f' (line {self.lines[keys]})'
            keys = keys[:-1]
        return ''


class _KeyTwice(yaml.MarkedYAMLError):
    """A mapping contains a key twice."""


class _Loader(yaml.SafeLoader):
    """Loads plain values; rejects duplicate keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [
            key.value
            for key, _ in node.value
            if isinstance(key, yaml.ScalarNode)
        ]
        if len(keys) != len(set(keys)):
            raise _KeyTwice(problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def parse(text: str) -> Document:
    """Parse a YAML document.

    Messages of the parser may quote a password, so only the line number is
    reported.

    :raises: Unusable.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None, {})
        return Document(loader.construct_document(node), _lines(node))
    except yaml.YAMLError as exc:
        mark = getattr(exc, 'problem_mark', None)
        where = f' (line {mark.line + 1})' if mark else ''
        what = (
            'contains a key twice in one mapping'
            if isinstance(exc, _KeyTwice)
            else 'is not valid YAML'
        )
        raise watched_files.Unusable(f'{what}{where}') from None
    except (ValueError, RecursionError):
        raise watched_files.Unusable('is not valid YAML') from None
    finally:
        if loader is not None:
            loader.dispose()


def _lines(root: yaml.Node) -> dict[tuple[str, ...], int]:
    """Return the lines of entries and of their keys."""
    found: dict[tuple[str, ...], int] = {}
    for name, entry in _pairs(root):
        found[(name.value,)] = name.start_mark.line + 1
        for key, _ in _pairs(entry):
            found[(name.value, key.value)] = key.start_mark.line + 1
    return found


def _pairs(node: yaml.Node) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return [
        (key, value)
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode)
    ]
