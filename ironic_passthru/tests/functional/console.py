# SPDX-License-Identifier: Apache-2.0
"""The ``curl`` examples of a page with their output."""

import dataclasses
import json
import pathlib
import re
import shlex
import subprocess
import tempfile
from typing import Any

ROOT = pathlib.Path(__file__).parents[3]

# URL of the service in the pages.
URL = 'http://127.0.0.1:6385'

_CURL = re.compile(r'^   \$ (curl .*)$')
_REQUEST_ID = re.compile(r'req-[0-9a-f-]{36}')
_ID = re.compile(r'(?<!req-)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b')


class Ids:
    """Real ids by the ids in a page."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def learn(self, shown: str, real: str) -> None:
        """Store the ids of a response, in order, for the ids of the page."""
        pairs = zip(_ID.findall(shown), _ID.findall(real), strict=False)
        for page_id, real_id in pairs:
            self._real.setdefault(page_id, real_id)

    def real(self, text: str) -> str:
        """Return a text of the page with the real ids."""
        return _ID.sub(lambda match: self._real.get(match[0], match[0]), text)


@dataclasses.dataclass(frozen=True)
class Example:
    """One command of a page.

    :param command: the line after the prompt.
    :param answer: the output in the page.
    """

    command: str
    answer: str

    def run(self, url: str, ids: Ids | None = None) -> str:
        """Run the command against ``url``; return its output.

        The output contains the URL of the page instead of ``url``.

        :param ids: real ids for the ids of the page.
        """
        command = ids.real(self.command) if ids else self.command
        words = shlex.split(command.replace(URL, url))
        # The command may save a file.
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(
                [words[0], '--silent', '--show-error', *words[1:]],
                cwd=directory,
                capture_output=True,
                text=True,
                timeout=60,
            )
        if done.returncode:
            raise RuntimeError(f'{self.command}: {done.stderr}')
        return done.stdout.replace(url, URL)


def examples(page: str) -> list[Example]:
    """Return the examples of a page, named relative to the checkout."""
    found: list[Example] = []
    command: str | None = None
    answer: list[str] = []
    for line in [*(ROOT / page).read_text().splitlines(), '']:
        start = _CURL.match(line)
        if command is not None and (start or not line.startswith('   ')):
            found.append(Example(command, '\n'.join(answer)))
            command = None
        if start:
            command, answer = start[1], []
        elif command is not None:
            answer.append(line[3:])
    return found


def stable(text: str) -> Any:
    """Return a form of an output that can be compared.

    The order of the members of a JSON object does not matter, and request ids
    differ each time.
    """
    text = _REQUEST_ID.sub('req-0', text.rstrip('\n'))
    try:
        return json.loads(text)
    except ValueError:
        return text
