# SPDX-License-Identifier: Apache-2.0
"""A program: print what a command says of itself when asked for help.

``python -P parser_dump.py NAME`` runs the console script NAME with ``--help``
and prints its parser as JSON instead of as text. It has to be a process of
its own: commands register options with the one configuration of a process,
and change the lists of libraries.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any
from typing import NoReturn


def describe(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Return what a parser takes, commands within it included."""
    parts: dict[str, list[dict[str, Any]]] = {
        'options': [],
        'arguments': [],
        'commands': [],
    }
    # Each parser has them in groups, with no public way to ask for these.
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        if action.nargs == argparse.PARSER:
            parts['commands'] += _commands(action)
        elif action.option_strings:
            parts['options'].append(
                {
                    'names': list(action.option_strings),
                    'value': _value(action, action.dest.upper()),
                    'about': _help(parser, action),
                }
            )
        else:
            parts['arguments'].append(
                {
                    'name': _value(action, action.dest),
                    'about': _help(parser, action),
                }
            )
    return {
        'usage': parser.format_usage(),
        'description': _text(parser, parser.description),
        'epilog': _text(parser, parser.epilog),
        **parts,
    }


def _commands(action: argparse.Action) -> Iterator[dict[str, Any]]:
    about = {
        each.dest: each.help or ''
        for each in getattr(action, '_choices_actions', [])
    }
    parsers: Any = action.choices
    for name, parser in parsers.items():
        described = describe(parser)
        described['description'] = described['description'] or about.get(
            name, ''
        )
        yield {'name': name, **described}


def _value(action: argparse.Action, name: str) -> str:
    """Return how the help calls a value; empty if there is none."""
    if action.nargs == 0:
        return ''
    if action.metavar is not None:
        return str(action.metavar)
    if action.choices is not None:
        return f'{{{",".join(str(choice) for choice in action.choices)}}}'
    return name


def _text(parser: argparse.ArgumentParser, text: str | None) -> str:
    # There is no other name in it, and a mere % means itself.
    return (text or '').replace('%(prog)s', parser.prog)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    known = {**vars(action), 'prog': parser.prog}
    return (action.help or '') % known


def _files(package: str) -> list[str]:
    """Return the files of a package that have been loaded."""
    return sorted(
        file
        for name, module in sys.modules.items()
        if f'{name}.'.startswith(f'{package}.')
        and (file := getattr(module, '__file__', None))
    )


def main() -> NoReturn:
    """Run the command."""
    name = sys.argv[1]
    (entry,) = metadata.entry_points(group='console_scripts', name=name)

    def dump(parser: argparse.ArgumentParser, file: Any = None) -> None:
        described = describe(parser)
        described['files'] = _files(entry.module.partition('.')[0])
        json.dump(described, sys.stdout)

    sys.argv = [name, '--help']
    argparse.ArgumentParser.print_help = dump  # type: ignore[assignment]
    sys.exit(entry.load()())


if __name__ == '__main__':
    main()
