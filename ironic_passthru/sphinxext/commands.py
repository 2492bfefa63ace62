# SPDX-License-Identifier: Apache-2.0
"""The directive that shows what a command takes, from its own parser."""

import functools
import json
import os

# It runs a program of this package, without a shell.
import subprocess  # nosec B404
import sys
import textwrap
from collections.abc import Mapping
from importlib import metadata
from typing import Any
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import docutils
from sphinx.util import logging
from sphinx.util import nodes as sphinx_nodes

from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import parser_dump

LOG = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 60

# Every parser has the one, and a command may treat the other by itself.
_USUAL = frozenset({'--help', '--version'})


class CommandError(Exception):
    """A command does not say what it takes; ``str()`` says why."""


@functools.cache
def read(name: str) -> Mapping[str, Any]:
    """Return what a console script says of itself.

    :raises: CommandError.
    """
    if not metadata.entry_points(group='console_scripts', name=name):
        raise CommandError(f'no installed package has a command {name}')
    environment = {
        **os.environ,
        # What is found from here is found from there.
        'PYTHONPATH': os.pathsep.join(filter(None, sys.path)),
        # The form is that of a page, not of the terminal at hand.
        'COLUMNS': '79',
        'NO_COLOR': '1',
    }
    try:
        # Nothing in its arguments is read by a shell.
        done = subprocess.run(  # nosec B603
            [sys.executable, '-P', parser_dump.__file__, name],
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT_SECONDS,
            env=environment,
        )
        return json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().rpartition('\n')[2]
        raise CommandError(f'{name} --help fails: {reason}') from error
    except (ValueError, subprocess.TimeoutExpired) as error:
        raise CommandError(f'{name} --help shows no parser') from error


class Command(docutils.SphinxDirective):
    """``command-reference``: usage, options, arguments and commands."""

    required_arguments = 1
    option_spec: ClassVar[Any] = {
        'besides': directives.unchanged_required,
        'no-epilog': directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """Return the nodes, or nothing but a warning."""
        name = self.arguments[0]
        try:
            command = read(name)
            common = self._common(command)
        except CommandError as error:
            LOG.warning(
                '%s: %s', self.name, error, location=self.get_location()
            )
            return []
        for file in command['files']:
            self.env.note_dependency(file)
        shown = self._show(name, command, common)
        if common:
            # Behind the description.
            other = inline.literal(self.options['besides'])
            text = f'It takes all options of {other}.'
            shown.insert(bool(command['description']), inline.paragraph(text))
        if command['epilog'] and 'no-epilog' not in self.options:
            shown += inline.plain_paragraphs(command['epilog'])
        return shown

    def _common(self, command: Mapping[str, Any]) -> frozenset[str]:
        """Return the options that the page shows for another command."""
        other = self.options.get('besides')
        if other is None:
            return frozenset()
        names = _names(read(other)) | _USUAL
        missing = names - _names(command) - _USUAL
        if missing:
            raise CommandError(
                f'{other} has options that {self.arguments[0]} lacks: '
                f'{", ".join(sorted(missing))}'
            )
        return names

    def _show(
        self, name: str, command: Mapping[str, Any], hidden: frozenset[str]
    ) -> list[nodes.Node]:
        shown = inline.plain_paragraphs(command['description'])
        options = [
            option
            for option in command['options']
            if hidden.isdisjoint(option['names'])
        ]
        parts = (options, command['arguments'], command['commands'])
        if any(parts):
            usage = _usage(command['usage'])
            shown.append(nodes.literal_block(usage, usage, language='none'))
        arguments = {
            argument['name']: inline.plain_paragraphs(argument['about'])
            for argument in command['arguments']
            # The usage names it anyway.
            if argument['about']
        }
        commands = {
            each['name']: self._inner(name, each)
            for each in command['commands']
        }
        if arguments:
            shown.append(_definitions(arguments))
        if options:
            shown.append(self._options(name, options))
        if commands:
            shown.append(_definitions(commands))
        return shown

    def _inner(
        self, name: str, command: Mapping[str, Any]
    ) -> list[nodes.Node]:
        # That each of them has --help is told once.
        return self._show(f'{name}-{command["name"]}', command, _USUAL)

    def _options(
        self, name: str, options: list[dict[str, Any]]
    ) -> nodes.option_list:
        shown = nodes.option_list()
        for option in options:
            names, value = option['names'], option['value']
            group = nodes.option_group(
                '', *(_option(each, value) for each in names)
            )
            self._anchor(name, names, group)
            about = inline.plain_paragraphs(option['about'])
            shown += nodes.option_list_item(
                '', group, nodes.description('', *about)
            )
        return shown

    def _anchor(
        self, program: str, names: list[str], node: nodes.Element
    ) -> None:
        """Let pages link to an option by the role ``option``."""
        label = sphinx_nodes.make_id(
            self.env, self.state.document, program, names[0].lstrip('-')
        )
        node['ids'].append(label)
        self.state.document.note_explicit_target(node)
        for name in names:
            self.env.domains.standard_domain.add_program_option(
                program, name, self.env.docname, label
            )


def _names(command: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(
        name for option in command['options'] for name in option['names']
    )


def _usage(text: str) -> str:
    """Return a usage without the word, its lines still below each other."""
    word = 'usage: '
    padded = text.rstrip().replace(word, ' ' * len(word), 1)
    return textwrap.dedent(padded)


def _option(name: str, value: str) -> nodes.option:
    shown = nodes.option('', nodes.option_string(name, name))
    if value:
        delimiter = '=' if name.startswith('--') else ' '
        shown += nodes.option_argument(value, value, delimiter=delimiter)
    return shown


def _definitions(
    parts: Mapping[str, list[nodes.Node]],
) -> nodes.definition_list:
    return nodes.definition_list(
        '',
        *(
            nodes.definition_list_item(
                '',
                nodes.term('', '', nodes.literal(name, name)),
                nodes.definition('', *about),
            )
            for name, about in parts.items()
        ),
    )
