# SPDX-License-Identifier: Apache-2.0
"""Code blocks of the pages, and the marks that state how they are tested."""

import dataclasses
import pathlib
import re
import textwrap

ROOT = pathlib.Path(__file__).parents[2]

_DIRECTIVE = re.compile(r'^( *)\.\. code-block:: (\w+)$')
_SHELLS = ('bash', 'console', 'sh', 'shell')
# Comments of a page, directly before a block.
_MARK = re.compile(r'^ *\.\. (not run|run by): (.+)$')


@dataclasses.dataclass(frozen=True)
class Block:
    """One block of a page.

    :param page: relative to the checkout.
    :param line: number of its first line, from 1.
    :param language: argument of the directive.
    :param text: without indentation.
    :param not_run: the reason why no test runs it; empty without a mark.
    :param run_by: the file that runs it, relative to the checkout; empty
        without a mark.
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str
    run_by: str

    @property
    def place(self) -> str:
        """Page and line, for messages."""
        return f'{self.page}:{self.line}'

    @property
    def is_shell(self) -> bool:
        """Whether it contains shell commands."""
        return self.language in _SHELLS

    @property
    def commands(self) -> str:
        """The commands, without prompts and output."""
        if self.language != 'console':
            return self.text
        typed = []
        for line in self.text.splitlines():
            if line.startswith(('$ ', '# ')):
                typed.append(line[2:])
            elif typed and typed[-1].endswith('\\'):
                typed.append(line)
        return '\n'.join((*typed, ''))


def blocks(page: str, root: pathlib.Path = ROOT) -> list[Block]:
    """Return the blocks of a page, named relative to the checkout."""
    lines = (root / page).read_text().splitlines()
    return [
        _block(page, lines, number, match)
        for number, line in enumerate(lines)
        if (match := _DIRECTIVE.match(line))
    ]


def _block(
    page: str, lines: list[str], number: int, match: re.Match[str]
) -> Block:
    margin = match[1] + ' '
    body = []
    for line in lines[number + 1 :]:
        if line and not line.startswith(margin):
            break
        body.append(line)
    marks = _marks(lines[:number])
    return Block(
        page=page,
        line=number + 1,
        language=match[2],
        text=textwrap.dedent('\n'.join(body)).strip('\n') + '\n',
        not_run=marks.get('not run', ''),
        run_by=marks.get('run by', ''),
    )


def _marks(before: list[str]) -> dict[str, str]:
    """Return the mark of a block, from the lines above it.

    A mark may continue in indented lines.
    """
    paragraph: list[str] = []
    for line in reversed(before):
        if line.strip():
            paragraph.insert(0, line.strip())
        elif paragraph:
            break
    match = _MARK.match(' '.join(paragraph))
    return {match[1]: match[2]} if match else {}


def pages() -> list[str]:
    """Return the pages that may contain shell commands."""
    found = (ROOT / 'doc/source').rglob('*.rst')
    names = sorted(str(path.relative_to(ROOT)) for path in found)
    return ['README.rst', 'CONTRIBUTING.rst', 'SECURITY.rst', *names]
