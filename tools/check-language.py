# SPDX-License-Identifier: Apache-2.0
"""Check the language of code and pages: plain words, standard terms.

Checked are comments and docstrings, the texts that the package logs, raises
or shows in its help, the pages and the release notes. Each rule has a reason
and an example that it must find; ``--self-test`` checks the examples.

Usage: check-language.py [--self-test] [PATH ...]
"""

import ast
import collections.abc
import dataclasses
import io
import pathlib
import re

# Runs git alone, without a shell.
import subprocess  # nosec B404
import sys
import tokenize

ROOT = pathlib.Path(__file__).resolve().parent.parent
_SUFFIXES = {'.py', '.rst', '.inc', '.yaml'}
# Texts of other people, and words that are data.
_SKIPPED = ('tools/check-language.py', 'doc/source/admin/samples/', '.github')


@dataclasses.dataclass(frozen=True)
class Rule:
    """One kind of wording that is not used.

    :param pattern: matches the wording.
    :param reason: what to write, and why.
    :param example: a sentence that the pattern must match.
    """

    pattern: re.Pattern[str]
    reason: str
    example: str


def _rule(pattern: str, reason: str, example: str) -> Rule:
    return Rule(re.compile(pattern, re.I), reason, example)


RULES = (
    _rule(
        r'\b(nobody|whoever|whomever|somebody|anybody|everybody)\b',
        'no person stands for a component: name the component or the user',
        'Nobody waits for the reply.',
    ),
    _rule(
        r'\b(tells?|telling|told)\b',
        'programs report, return, log, state or show',
        'The client is told the reason.',
    ),
    _rule(
        r'\b(says?|saying|said)\b',
        'programs report, return, log, state or show',
        'The header says how long to wait.',
    ),
    _rule(
        r'\b(hears?|heard|hearing)\b',
        'programs receive messages',
        'The conductor does not hear the bus.',
    ),
    _rule(
        r'\bbecomes? of\b|\bbecame of\b',
        'name it: the outcome, the result',
        'What becomes of a call is recorded.',
    ),
    _rule(
        r'\bmend(s|ed|ing)?\b',
        'write "fix"',
        'The fault is mended.',
    ),
    _rule(
        r'\b(is|are|was|were|be|been|stays?|goes|went) away\b',
        'write "unavailable"',
        'The registry is away.',
    ),
    _rule(
        r'\b(is|are|be|comes?|was) back\b(?! (in|to|from|at|up|off|out)\b)',
        'write "available again" or "recovered"',
        'It is noted when the registry is back.',
    ),
    _rule(
        r'\b(is|are|was|were|be) (none|nobody|no one)\b',
        'say it positively: "is unset", "an unknown parameter"',
        'A parameter that is none is refused.',
    ),
    _rule(
        r'\b(that|which|it) (is|are|was) no [a-z]',
        'say it positively: "an unknown parameter", "not a string"',
        'A name that is no parameter is refused.',
    ),
    _rule(
        r'\bforeign (exception|error)s?\b',
        'write "unexpected exception", or "exception outside errors"',
        'A foreign exception costs its caller a 500.',
    ),
    _rule(
        r'\bsentences?\b',
        'an error has a message',
        'The sentence of an error is stated by its class.',
    ),
    _rule(
        r'\b(for ever|without end|by and by)\b',
        'write "forever", "endless" or "gradually"',
        'It waits for ever.',
    ),
    _rule(
        r'\bsigns? of life\b',
        'write "heartbeat" or "liveness update"',
        'Signs of life to the callers.',
    ),
    _rule(
        r'\b(ledgers?|keepers?|lanes|patience|strangers?|friends?)\b',
        'a private word: use the standard term',
        'The ledger has the operations in hand.',
    ),
    _rule(
        r'\b(gatekeeper|the gate|a gate|gates)\b',
        'a private word: write "message filter"',
        'The gate drops it.',
    ),
    _rule(
        r'\bin hand\b|\bslip of the pen\b|\bat one door\b|\bone door\b',
        'no metaphors',
        'The one door to the database.',
    ),
    _rule(
        r'\b(bears? with|bear(s|ing)? (a|an|the|some) )',
        'write "contains", "carries", "tolerates"',
        'How long the server bears with one client.',
    ),
    _rule(
        r'\b(stands?|stood) (in|on|there|at)\b',
        'write "is defined", "is listed"',
        'The password stands in a file.',
    ),
    _rule(
        r'\b(he|she|him|his|hers?)\b',
        'users and attackers are "they"',
        'He can do what the policy allows.',
    ),
    _rule(
        r'\b(scrubs?|scrubbed|scrubbing|shields?|shielded|shielding)\b',
        '"mask" replaces by schema, "redact" removes known secrets from text',
        'The text is scrubbed.',
    ),
    _rule(
        r'\bbesides,|\bthereby\b|\bthereof\b|\btherein\b|\bwherein\b',
        'write "also", "by this", "of it"',
        'It is online again thereby.',
    ),
    _rule(
        r'\bnot beating\b|\bbeats\b|\bbeaten\b',
        'write "sends heartbeats"',
        'The conductor beats.',
    ),
    _rule(
        r'\bcatalogues?\b|\b(behaviou?r|colou?r|hono(u)r|favou?r|neighbou?r)'
        r'(?<=our)(s|ed|ing|ite)?\b|\blicences?\b|\bcentres?\b|\bfulfils?\b'
        r'|\b\w*(auth?or|recogn|initial|serial|normal|organ|minim|optim|summar'
        r'|custom|synchron|util|final|standard|priorit|categor|capital|crystal'
        r'|general|emphas)is(e|es|ed|ing|ation|ations)\b|\banalyse[sd]?\b'
        r'|\bdefence\b|\boffence\b|\bgrey\b',
        'American spelling',
        'The catalogue serialises its colours.',
    ),
)

# Of docstrings of modules and of titles of pages.
OPENING = Rule(
    re.compile(r'(What|Which|Whether|How|Where|Who|Whom|Whose)\b'),
    'begin with a noun phrase or an imperative verb, not with a clause',
    'What a message must be.',
)


@dataclasses.dataclass(frozen=True)
class Text:
    """A piece of text to check.

    :param line: number of its first line in the file.
    :param opens: whether the rule for the first word applies to it.
    """

    line: int
    text: str
    opens: bool = False


def of_python(source: str, *, strings: bool) -> list[Text]:
    """Return comments and docstrings, and with ``strings`` other texts."""
    found = []
    reader = io.StringIO(source).readline
    for token in tokenize.generate_tokens(reader):
        if token.type == tokenize.COMMENT and 'noqa' not in token.string:
            found.append(Text(token.start[0], token.string))
    tree = ast.parse(source)
    documented = (
        ast.Module,
        ast.ClassDef,
        ast.FunctionDef,
        ast.AsyncFunctionDef,
    )
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node):
            constant = node.body[0].value  # type: ignore[attr-defined]
            docstrings.add(id(constant))
            found.append(
                Text(
                    constant.lineno,
                    _prose(constant.value),
                    opens=isinstance(node, ast.Module),
                )
            )
    if not strings:
        return found
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and len(node.value.split()) > 2
        ):
            found.append(Text(node.lineno, _prose(node.value)))
    return found


def of_page(source: str) -> list[Text]:
    """Return the prose of a page, and its titles."""
    lines = _prose(source).split('\n')
    found = []
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ''
        title = re.fullmatch(r'([=\-~^"*+])\1{2,}', below) and line[:1].strip()
        found.append(Text(number + 1, line, opens=bool(title)))
    return found


def _prose(text: str) -> str:
    """Replace literals by spaces; lines keep their numbers."""
    text = re.sub(r'``.*?``', _blank, text, flags=re.S)
    text = re.sub(r'(?<![\w`])`[^`]+`_{0,2}', _blank, text)
    kept = []
    indent = None
    waiting = None
    for line in text.split('\n'):
        depth = len(line) - len(line.lstrip())
        if indent is not None and line.strip() and depth < indent:
            indent = None
        if waiting is not None and line.strip():
            indent = depth if depth > waiting else None
            waiting = None
        kept.append('' if indent is not None else line)
        stripped = line.strip()
        if indent is None and (
            (
                stripped.endswith('::')
                and not re.match(
                    r'\.\. (note|warning|tip|important)', stripped
                )
            )
            or re.match(
                r'\.\. (code-block|parsed-literal|sourcecode|literal'
                r'include|index|toctree)',
                stripped,
            )
        ):
            waiting = depth
    return '\n'.join(kept)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r'[^\n]', ' ', match.group())


def check(texts: collections.abc.Iterable[Text]) -> list[tuple[int, str, str]]:
    """Return line, wording and reason of each violation."""
    found = []
    for piece in texts:
        if piece.opens and (
            match := OPENING.pattern.match(piece.text.strip())
        ):
            found.append((piece.line, match.group(), OPENING.reason))
        for rule in RULES:
            for match in rule.pattern.finditer(piece.text):
                line = piece.line + piece.text.count('\n', 0, match.start())
                found.append((line, match.group(), rule.reason))
    return sorted(set(found))


def texts_of(path: pathlib.Path) -> list[Text]:
    """Return what is checked of one file."""
    source = path.read_text('utf-8')
    if path.suffix == '.py':
        tests = 'tests' in path.parts or 'tools' in path.parts
        return of_python(source, strings=not tests)
    return of_page(source)


def self_test() -> list[str]:
    """Return the rules that do not find their own examples."""
    failed = []
    for rule in (*RULES, OPENING):
        seeded = f'"""{rule.example}"""\n'
        page = f'{rule.example}\n{"=" * len(rule.example)}\n'
        for texts in (of_python(seeded, strings=False), of_page(page)):
            if rule.reason not in [reason for _, _, reason in check(texts)]:
                failed.append(f'not found: {rule.example}')
    return failed


def _files(arguments: list[str]) -> list[pathlib.Path]:
    # Fixed words, found in PATH; no shell.
    listed = subprocess.run(  # nosec B603, B607
        ['git', 'ls-files', '-z', *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split('\0')
    return [
        ROOT / name
        for name in listed
        if pathlib.Path(name).suffix in _SUFFIXES
        and not name.startswith(_SKIPPED)
        and (ROOT / name).exists()
    ]


def main(arguments: list[str]) -> int:
    """Print each violation; return the exit status."""
    problems = self_test()
    if '--self-test' not in arguments:
        for path in _files(arguments):
            for line, wording, reason in check(texts_of(path)):
                name = path.relative_to(ROOT)
                problems.append(f'{name}:{line}: "{wording}": {reason}')
    print('\n'.join(problems) or 'The language is plain.')
    return bool(problems)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
