# SPDX-License-Identifier: Apache-2.0
"""Search for secrets in texts, in any common escaping.

A text is searched as it is and after each chain of up to three decodings, so
that a secret is found in strings of Python, JSON, YAML, C and shell, in URLs,
HTML, XML, SQL and CSV, and in nested forms of these.
"""

import array
import dataclasses
import html
import itertools
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator

#: Shorter secrets occur in any text and are not searched for.
MIN_LENGTH = 4
# A line of a key or a certificate is secret, too.
_MIN_LINE_LENGTH = 8

# A call with more secrets must not occupy a conductor: all of its output is
# redacted as a whole.
_MAX_SECRETS = 1000
_MAX_STEPS = 2_000_000_000

_MAX_DEPTH = 3
# Characters of all decoded forms of one text or value, and of all secrets.
_MAX_DECODED = 4 * 1024 * 1024
_MAX_DECODED_SECRETS = 1024 * 1024
# A longer text is searched only if the longest run of ASCII letters and digits
# of a secret occurs in it: encoders leave these unchanged.
_THOROUGH_LENGTH = 64 * 1024
_RUN = re.compile('[0-9A-Za-z]{3,}')

_HEX = '[0-9A-Fa-f]'
_LETTERS = {
    'n': '\n',
    'r': '\r',
    't': '\t',
    'b': '\b',
    'f': '\f',
    'v': '\v',
    'a': '\a',
    'e': '\x1b',
    '_': '\xa0',
    'N': '\x85',
    'L': '\u2028',
    'P': '\u2029',
}


@dataclasses.dataclass(frozen=True)
class _Decoding:
    """One way to unescape a text.

    :param marks: an escaped text contains at least one of these characters.
    :param pattern: matches the escaped form of one or more characters.
    :param decode: returns the characters of a match.
    """

    marks: str
    pattern: re.Pattern[str]
    decode: Callable[[re.Match[str]], str]


def _of_octets(data: bytes) -> str:
    try:
        return data.decode('utf-8')
    except UnicodeDecodeError:
        return data.decode('latin-1')


def _percent(match: re.Match[str]) -> str:
    if match[0] == '+':
        return ' '
    return _of_octets(bytes.fromhex(match[0].replace('%', '')))


def _backslash(match: re.Match[str]) -> str:
    text = match[0]
    kind = text[1]
    if kind == 'u':
        data = bytes.fromhex(text.replace('\\u', ''))
        return data.decode('utf-16-be', 'surrogatepass')
    if kind in 'xU' and len(text) > 2:
        number = int(text[2:], 16)
        return chr(number) if number < 0x110000 else text
    if kind in '01234567':
        return chr(int(text[1:], 8))
    if kind in '\r\n':
        # The string continues in the next line.
        return ''
    return _LETTERS.get(kind, kind)


def _octets(match: re.Match[str]) -> str:
    text = match[0]
    if match['octets'] is None:
        return _backslash(match)
    values = re.findall(rf'\\x({_HEX}{{2}})|\\([0-7]{{3}})', text)
    return _of_octets(
        bytes(
            [
                int(hexa, 16) if hexa else int(octal, 8)
                for hexa, octal in values
            ]
        )
    )


_NUMBER = rf'(?:\\u{_HEX}{{4}})+|\\x{_HEX}{{2}}|\\U{_HEX}{{8}}'
_ESCAPE = rf'{_NUMBER}|\\[0-7]{{1,3}}|\\\r?\n[ \t]*|\\.'
_CHARACTER = '|'.join(
    [
        '%[0-7]H',
        '%[CDcd]H%[89ABab]H',
        '%[Ee]H(?:%[89ABab]H){2}',
        '%[Ff]H(?:%[89ABab]H){3}',
        '%HH',
    ]
).replace('H', _HEX)

_DECODINGS = (
    _Decoding('%', re.compile(_CHARACTER), _percent),
    _Decoding('+', re.compile(rf'\+|{_CHARACTER}'), _percent),
    _Decoding('\\', re.compile(_ESCAPE, re.DOTALL), _backslash),
    # The same without escaped backslashes, as in error streams.
    _Decoding('\\', re.compile(_NUMBER), _backslash),
    # The same with each octet of UTF-8 escaped.
    _Decoding(
        '\\',
        re.compile(
            rf'(?P<octets>(?:\\x{_HEX}{{2}}|\\[0-3][0-7]{{2}})+)|{_ESCAPE}',
            re.DOTALL,
        ),
        _octets,
    ),
    _Decoding(
        '&',
        re.compile(r'&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z]\w{1,31});'),
        lambda match: html.unescape(match[0]),
    ),
    # Quotes within quotes (shell, YAML, SQL, CSV) and doubled characters of
    # printf formats and configuration files.
    _Decoding(
        '\'"%$',
        re.compile(r"""'(?:"'"|\\')'|''|""|%%|\$\$"""),
        lambda match: match[0][0],
    ),
    # Folded lines of YAML and of headers.
    _Decoding('\n', re.compile(r'[ \t]*\r?\n[ \t]*'), lambda _match: ' '),
    # Words and string literals that textwrap and pprint split.
    _Decoding(
        '\n',
        re.compile(r"""(["'])[ \t]*\r?\n[ \t]*b?\1|[ \t]*\r?\n[ \t]*"""),
        lambda _match: '',
    ),
)

_Chain = tuple[_Decoding, ...]


class TooMuch(Exception):
    """The search of a text would take too long."""


class Search:
    """Finds the secrets of one call.

    :param secrets: the secrets, not encoded.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        whole = {text for text in secrets if len(text) >= MIN_LENGTH}
        self._too_many = len(whole) > _MAX_SECRETS
        budget = Budget(_MAX_DECODED_SECRETS)
        self._secrets = (
            set()
            if self._too_many
            else {
                form
                # Short secrets first: a long one may exhaust the budget.
                for secret in sorted(whole, key=len)
                for form in _needles(secret, budget)
                if len(form) >= MIN_LENGTH
            }
        )
        self._runs = {text: _longest_run(text) for text in self._secrets}

    def __bool__(self) -> bool:
        return self._too_many or bool(self._secrets)

    def is_secret(self, text: str) -> bool:
        """Return whether a text as a whole is a secret."""
        return text in self._secrets

    def is_absent(self, text: str, budget: 'Budget') -> bool:
        """Return whether a long text certainly contains no secret.

        :param text: plain or JSON, in which letters and digits are not
            encoded.
        :raises: TooMuch.
        """
        return len(text) > _THOROUGH_LENGTH and not self._likely(text, budget)

    def contains(self, text: str) -> bool:
        """Return whether a text contains a secret.

        :raises: TooMuch.
        """
        return any(True for _ in self._found(text, Budget()))

    def redact(
        self, text: str, mask: str, *, budget: 'Budget | None' = None
    ) -> str:
        """Return a text with ``mask`` in place of secrets.

        :param budget: shared by the texts of one value.
        :raises: TooMuch.
        """
        spans: list[tuple[int, int]] = []
        for chain, secrets in self._found(text, budget or Budget()):
            spans.extend(_spans(text, chain, secrets))
        return _replaced(text, spans, mask) if spans else text

    def _likely(self, text: str, budget: 'Budget') -> bool:
        if self._too_many:
            return True
        budget.take(checks=len(self._runs) * len(text))
        return any(run in text for run in self._runs.values())

    def _found(
        self, text: str, budget: 'Budget'
    ) -> Iterator[tuple[_Chain, list[str]]]:
        """Yield chains of decodings and the secrets that they reveal."""
        if self._too_many:
            raise TooMuch()
        if not self._secrets or self.is_absent(text, budget):
            return
        try:
            for chain, form in _forms(text, budget):
                budget.take(steps=len(self._secrets) * len(form))
                found = [text for text in self._secrets if text in form]
                if found:
                    yield chain, found
        except TooMuch:
            if self._likely(text, budget):
                raise


class Budget:
    """Limits of the work for one text or for all texts of one value.

    :param characters: number of characters that may be decoded.
    """

    def __init__(self, characters: int = _MAX_DECODED) -> None:
        self._steps = _MAX_STEPS
        self._checks = _MAX_STEPS
        self._characters = characters

    def take(
        self, *, steps: int = 0, checks: int = 0, characters: int = 0
    ) -> None:
        """Count work.

        :param steps: comparisons of characters.
        :param checks: comparisons of characters before any decoding.
        :param characters: decoded characters.
        :raises: TooMuch.
        """
        self._steps -= steps
        self._checks -= checks
        self._characters -= characters
        if min(self._steps, self._checks, self._characters) < 0:
            raise TooMuch()


def _needles(secret: str, budget: Budget) -> Iterator[str]:
    """Yield the texts to search for: a secret, its lines, decoded forms.

    Some encoders do not encode text that looks encoded.
    """
    yield secret.strip()
    if '\n' in secret:
        for line in secret.splitlines():
            if len(line) >= _MIN_LINE_LENGTH:
                yield line
    try:
        for _, form in _forms(secret, budget):
            yield form
    except TooMuch:
        # The first form, the secret itself, has been yielded.
        return


def _longest_run(secret: str) -> str:
    return max(_RUN.findall(secret), key=len, default='')


def _forms(text: str, budget: Budget) -> Iterator[tuple[_Chain, str]]:
    """Yield a text and its forms after chains of decodings, each form once.

    :raises: TooMuch.
    """
    yield (), text
    seen = {text}
    last: list[tuple[_Chain, str]] = [((), text)]
    for _ in range(_MAX_DEPTH):
        forms: list[tuple[_Chain, str]] = []
        for (chain, form), decoding in itertools.product(last, _DECODINGS):
            if not any(mark in form for mark in decoding.marks):
                continue
            result = decoding.pattern.sub(decoding.decode, form)
            if result in seen:
                continue
            budget.take(characters=len(result))
            seen.add(result)
            forms.append(((*chain, decoding), result))
            yield forms[-1]
        last = forms


def _spans(
    text: str, chain: _Chain, secrets: Iterable[str]
) -> Iterator[tuple[int, int]]:
    """Yield start and end of secrets in a text that a chain reveals."""
    form, starts, ends = text, *_identity(len(text))
    for decoding in chain:
        form, starts, ends = _decoded(form, starts, ends, decoding=decoding)
    for secret in secrets:
        at = form.find(secret)
        while at >= 0:
            yield starts[at], ends[at + len(secret) - 1]
            at = form.find(secret, at + 1)


_Offsets = array.array


def _identity(length: int) -> tuple['_Offsets[int]', '_Offsets[int]']:
    return array.array('Q', range(length)), array.array(
        'Q', range(1, length + 1)
    )


def _decoded(
    form: str,
    starts: '_Offsets[int]',
    ends: '_Offsets[int]',
    *,
    decoding: _Decoding,
) -> tuple[str, '_Offsets[int]', '_Offsets[int]']:
    """Return a decoded form, and start and end of its characters in the text.

    :param starts: start of each character of ``form`` in the text.
    :param ends: end of each character of ``form`` in the text.
    """
    parts: list[str] = []
    new_starts, new_ends = array.array('Q'), array.array('Q')
    last = 0
    for match in decoding.pattern.finditer(form):
        begin, end = match.span()
        result = decoding.decode(match)
        parts += (form[last:begin], result)
        new_starts.extend(starts[last:begin])
        new_ends.extend(ends[last:begin])
        new_starts.extend(itertools.repeat(starts[begin], len(result)))
        new_ends.extend(itertools.repeat(ends[end - 1], len(result)))
        last = end
    parts.append(form[last:])
    new_starts.extend(starts[last:])
    new_ends.extend(ends[last:])
    return ''.join(parts), new_starts, new_ends


def _replaced(text: str, spans: list[tuple[int, int]], mask: str) -> str:
    parts: list[str] = []
    last = 0
    for start, end in sorted(spans):
        if end <= last:
            continue
        if start >= last:
            parts += (text[last:start], mask)
        last = end
    return ''.join(parts) + text[last:]
