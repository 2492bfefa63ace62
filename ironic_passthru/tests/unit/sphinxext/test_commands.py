# SPDX-License-Identifier: Apache-2.0
"""Pages with commands, as Sphinx builds them from their parsers."""

import pathlib
import sys
import textwrap

import fixtures
from docutils import nodes

from ironic_passthru.sphinxext import commands
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.sphinxext import build

MODULE = """
import argparse
import sys


def rack():
    parser = argparse.ArgumentParser(
        description='Look after racks.', epilog='Exit status: %(prog)s is 3.'
    )
    parser.add_argument('rack', help='Name of the rack.')
    parser.add_argument('rest', nargs='*')
    parser.add_argument('--colour', choices=['red', 'blue'], help='Of it.')
    parser.add_argument('-n', '--number', type=int, default=7,
                        help='How often -- %(default)s by default.')
    parser.add_argument('--hidden', help=argparse.SUPPRESS)
    kinds = parser.add_subparsers()
    add = kinds.add_parser('add', help='Add one.')
    add.add_argument('--force', action='store_true', help='Ask nobody.')
    kinds.add_parser('drop', help='Not shown.', description='Drop one.')
    parser.parse_args()


def small():
    parser = argparse.ArgumentParser()
    parser.add_argument('--colour')
    parser.add_argument('--size', metavar='CM')
    parser.parse_args()


def more():
    parser = argparse.ArgumentParser(description='More.')
    parser.add_argument('--colour')
    parser.add_argument('--size', metavar='CM')
    parser.add_argument('--weight', metavar='KG')
    parser.parse_args()


def fails():
    sys.exit('the disk is full')


def silent():
    return 0
"""

ENTRY_POINTS = """
[console_scripts]
acme-rack = acme_commands:rack
acme-small = acme_commands:small
acme-more = acme_commands:more
acme-fails = acme_commands:fails
acme-silent = acme_commands:silent
acme-absent = acme_nowhere:main
"""


class TestCommands(base.TestCase):
    """``command-reference``, with commands of an installed package."""

    def setUp(self) -> None:
        super().setUp()
        site = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        package = site / 'acme-1.0.dist-info'
        package.mkdir()
        (package / 'METADATA').write_text('Name: acme\nVersion: 1.0\n')
        (package / 'entry_points.txt').write_text(ENTRY_POINTS)
        self.module = site / 'acme_commands.py'
        self.module.write_text(MODULE)
        self.useFixture(
            fixtures.MonkeyPatch('sys.path', [str(site), *sys.path])
        )
        commands.read.cache_clear()
        self.addCleanup(commands.read.cache_clear)

    def build(self, page: str) -> build.Build:
        return self.useFixture(build.Build({'index': f'T\n=\n\n{page}\n'}))

    def shown(self, page: str) -> str:
        built = self.build(page)
        self.assertEqual('', built.warnings)
        _, _, text = built.read('index.txt').partition('\n*\n\n')
        return text

    def assert_warns(self, page: str, *words: str) -> None:
        (line,) = self.build(page).warnings.strip().splitlines()
        for word in ('index.rst:4', 'command-reference', *words):
            self.assertIn(word, line)

    def test_all_of_it(self) -> None:
        text = """\
        Look after racks.

           acme-rack [-h] [--colour {red,blue}] [-n NUMBER]
                     rack [rest ...] {add,drop} ...

        "rack"
           Name of the rack.

        -h, --help

        show this help message and exit

        --colour={red,blue}

        Of it.

        -n NUMBER, --number=NUMBER

        How often -- 7 by default.

        "add"
           Add one.

              acme-rack rack [rest ...] add [-h] [--force]

           --force

           Ask nobody.

        "drop"
           Drop one.

        Exit status: acme-rack is 3.
        """
        self.assertEqual(
            textwrap.dedent(text),
            self.shown('.. command-reference:: acme-rack'),
        )

    def test_without_epilog(self) -> None:
        text = self.shown('.. command-reference:: acme-rack\n   :no-epilog:')
        self.assertNotIn('Exit status', text)

    def test_dashes_stay_dashes(self) -> None:
        built = self.useFixture(
            build.Build(
                {'index': 'T\n=\n\n.. command-reference:: acme-rack\n'},
                builder='html',
            )
        )
        self.assertIn('How often -- 7', built.read('index.html'))

    def test_options_can_be_linked_to(self) -> None:
        built = self.build(
            ':option:`acme-rack -n`, :option:`acme-rack add --force`\n\n'
            '.. command-reference:: acme-rack'
        )
        self.assertEqual('', built.warnings)
        ids = {
            label
            for group in built.tree().findall(nodes.option_group)
            for label in group['ids']
        }
        self.assertIn('acme-rack-n', ids)
        self.assertIn('acme-rack-add-force', ids)

    def test_besides_those_of_another(self) -> None:
        text = self.shown(
            '.. command-reference:: acme-more\n   :besides: acme-small'
        )
        self.assertIn('More.\n\nIt takes all options of "acme-small".', text)
        self.assertIn('\n--weight=KG\n', text)
        self.assertNotIn('\n--size=CM\n', text)

    def test_another_that_has_more(self) -> None:
        self.assert_warns(
            '.. command-reference:: acme-rack\n   :besides: acme-small',
            'acme-small has options that acme-rack lacks: --size',
        )

    def test_the_page_follows_the_command(self) -> None:
        (files,) = self.build(
            '.. command-reference:: acme-rack'
        ).dependencies()
        self.assertEqual({str(self.module)}, files)

    def test_an_unknown_command(self) -> None:
        self.assert_warns('.. command-reference:: acme-rock', 'acme-rock')

    def test_commands_that_fail(self) -> None:
        self.assert_warns(
            '.. command-reference:: acme-fails', 'the disk is full'
        )
        self.assert_warns(
            '.. command-reference:: acme-absent', 'No module named'
        )
        self.assert_warns(
            '.. command-reference:: acme-silent', 'shows no parser'
        )


class TestOurs(base.TestCase):
    """The commands of this service."""

    def names(self, command: str) -> set[str]:
        return {
            name
            for option in commands.read(command)['options']
            for name in option['names']
        }

    def test_each_is_a_process_of_its_own(self) -> None:
        """What one registers is not seen in the help of another."""
        conductor = self.names('ironic-passthru-conductor')
        self.assertIn('--host', conductor)
        self.assertNotIn('--host', self.names('ironic-passthru-api'))
        dbsync = commands.read('ironic-passthru-dbsync')
        self.assertEqual(
            ['upgrade', 'version', 'check'],
            [each['name'] for each in dbsync['commands']],
        )
        self.assertNotIn('--debug', self.names('ironic-passthru-dbsync'))

    def test_nothing_comes_from_the_host(self) -> None:
        for command in ('ironic-passthru', 'ironic-passthru-conductor'):
            said = {**commands.read(command), 'files': []}
            self.assertNotIn(str(pathlib.Path.home()), str(said))
