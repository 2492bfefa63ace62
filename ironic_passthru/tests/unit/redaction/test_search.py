# SPDX-License-Identifier: Apache-2.0
"""Search for secrets in texts with any escaping."""

import csv
import html
import io
import itertools
import json
import pprint
import shlex
import textwrap
import traceback
from collections.abc import Callable
from urllib import parse

# Nothing is parsed.
from xml.sax import saxutils  # nosec B406

import hypothesis
import requests
import yaml
from hypothesis import strategies

from ironic_passthru.redaction import search
from ironic_passthru.tests import base

SECRETS = (
    'say"hello"9\'x',
    'a/b+c d&é~z',
    'C:\\new\\41\\',
    '100%25 sure',
    '<&amp;>\t😀z',
    'пароль',
    'two\nlines of it',
    "it's ''fine''",
)


def _csv(text: str) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([text, 'x'])
    return out.getvalue()


def _yaml(style: str | None) -> Callable[[str], str]:
    return lambda text: yaml.safe_dump(
        {'k': text}, default_style=style, width=10, allow_unicode=True
    )


def _url(text: str) -> str:
    prepared = requests.Request('GET', 'http://bmc/', params={'p': text})
    return str(prepared.prepare().url)


def _path(text: str) -> str:
    return str(requests.Request('GET', f'http://bmc/{text}').prepare().url)


#: How programs quote a text, by a name for messages.
ENCODERS: dict[str, Callable[[str], str]] = {
    'plain': str,
    'repr': repr,
    'ascii': ascii,
    'octets': lambda text: repr(text.encode()),
    'json': json.dumps,
    'json with /': lambda text: json.dumps(text).replace('/', '\\/'),
    'json of unicode': lambda text: json.dumps(text, ensure_ascii=False),
    'quote': parse.quote,
    'quote in lower case': lambda text: _lower_hex(parse.quote(text, safe='')),
    'quote_plus': parse.quote_plus,
    'query of requests': _url,
    'html': html.escape,
    'html without quotes': lambda text: html.escape(text, quote=False),
    'xml': saxutils.quoteattr,
    'character references': lambda text: (
        html.escape(text).encode('ascii', 'xmlcharrefreplace').decode()
    ),
    'shell': shlex.quote,
    'yaml': _yaml(None),
    'yaml in quotes': _yaml("'"),
    'yaml in double quotes': _yaml('"'),
    'csv': _csv,
    'sql': lambda text: "'" + text.replace("'", "''") + "'",
    'backslashreplace': lambda text: text.encode(
        'ascii', 'backslashreplace'
    ).decode(),
    'octal': lambda text: ''.join(
        chr(octet) if 32 < octet < 127 and octet != 92 else f'\\{octet:03o}'
        for octet in text.encode()
    ),
    'arguments of a command': lambda text: repr(['ipmitool', '-P', text]),
}


# Control characters and lone surrogates have no form in some encodings.
_CHARACTERS = strategies.sampled_from('\\"\'&%/+<>;#n4x ') | (
    strategies.characters(exclude_categories=('C', 'Z'))
)


def _lower_hex(text: str) -> str:
    parts = text.split('%')
    return '%'.join([parts[0], *(p[:2].lower() + p[2:] for p in parts[1:])])


class SearchTest(base.TestCase):
    def check(self, secret: str, encoded: str, names: object) -> None:
        """Fail unless exactly the encoded secret is redacted."""
        text = f'before [{encoded}] after'
        redacted = search.Search([secret]).redact(text, '***')
        self.assertIn('***', redacted, (names, secret, text))
        self.assertTrue(redacted.startswith('before ['), (names, redacted))
        self.assertTrue(redacted.endswith('] after'), (names, redacted))
        run = max(search._RUN.findall(secret), key=len, default=secret)
        self.assertNotIn(run, redacted, (names, secret, text))

    def test_each_encoder(self) -> None:
        for secret, (name, encode) in itertools.product(
            SECRETS, ENCODERS.items()
        ):
            if secret != SECRETS[0] or 'octets' not in name:
                self.check(secret, encode(secret), name)

    def test_one_encoder_within_another(self) -> None:
        inner = ('json', 'repr', 'quote', 'html', 'octets', 'ascii', 'shell')
        outer = ('json', 'repr', 'quote', 'html', 'yaml', 'octets')
        for secret, first, second in itertools.product(SECRETS, inner, outer):
            encoded = ENCODERS[second](ENCODERS[first](secret))
            self.check(secret, encoded, (first, second))

    def test_json_in_json_in_json(self) -> None:
        for secret in SECRETS:
            text = json.dumps({'k': json.dumps([json.dumps(secret)])})
            self.check(secret, text, 'three times')

    def test_characters_before_a_secret_do_not_hide_it(self) -> None:
        for before in ('\\', 'DOMAIN\\', '%', '%4', '&', '&#', '\\x4', "'"):
            text = f'{before}n41-secret'
            self.assertEqual(
                f'{before}***',
                search.Search(['n41-secret']).redact(text, '***'),
            )

    @hypothesis.given(
        strategies.text(_CHARACTERS, min_size=4, max_size=12),
        strategies.sampled_from(sorted(ENCODERS)),
        strategies.sampled_from(['json', 'repr', 'quote', 'html', 'plain']),
    )
    @hypothesis.settings(deadline=None)
    def test_any_secret(self, secret: str, first: str, second: str) -> None:
        hypothesis.assume(len(secret.strip()) >= 4)
        encoded = ENCODERS[second](ENCODERS[first](secret))
        found = search.Search([secret])
        self.assertTrue(found.contains(f'a {encoded} b'), (secret, encoded))

    def test_other_texts_stay(self) -> None:
        found = search.Search(SECRETS)
        for text in (
            '',
            'say hello',
            'a\\b %41 &amp; \'\' "" \n next \\u0041',
            ''.join(traceback.format_stack()),
        ):
            self.assertEqual(text, found.redact(text, '***'))

    def test_lines_of_a_key(self) -> None:
        key = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nab\n-----END KEY-----\n'
        found = search.Search([key])
        self.assertEqual('*** ab', found.redact('MIIEvQIBADANBgkq ab', '***'))
        self.assertEqual('<***>', found.redact(f'<{key.strip()}>', '***'))

    def test_secrets_in_pieces(self) -> None:
        words = 'correct horse battery staple'
        binary = bytes(range(0x7C, 0x90)) + b'0123456789'
        long = 'hunter2-hunter2-' * 6
        for secret, text in (
            (words, pprint.pformat({'k': f'some words {words}'}, width=24)),
            (words, pprint.pformat([words], width=12)),
            (binary.decode('latin-1'), pprint.pformat([binary], width=40)),
            (long, pprint.pformat(long.encode(), width=30)),
            (long, textwrap.fill(f'a password {long}', 30)),
            ('x' * 90, textwrap.fill(f'a password {"x" * 90}', 30)),
        ):
            redacted = search.Search([secret]).redact(text, '***')
            self.assertIn('***', redacted)
            for piece in ('battery', 'hunter2', 'xxxx', '0123', '\\x80'):
                self.assertNotIn(piece, redacted)

    def test_doubled_characters(self) -> None:
        for secret, text in (
            ('100%sure', '100%%sure'),
            ('pa$$wo$rd', 'pa$$$$wo$$rd'),
            ('a%$b%$', 'a%%$$b%%$$'),
            ("it's", "it''s"),
        ):
            self.assertEqual(
                '<***>', search.Search([secret]).redact(f'<{text}>', '***')
            )

    def test_secrets_that_overlap(self) -> None:
        found = search.Search(['abcdef', 'defghi', 'cdef'])
        self.assertEqual('x***x', found.redact('xabcdefghix', '***'))
        self.assertEqual('x***x***', found.redact('xabcdefxcdef', '***'))

    def test_short_ones_are_not_searched_for(self) -> None:
        found = search.Search(['abc', ''])
        self.assertFalse(found)
        self.assertEqual('abc', found.redact('abc', '***'))

    def test_the_work_is_bounded(self) -> None:
        many = search.Search([f'secret-{number}' for number in range(1001)])
        self.assertTrue(many)
        self.assertRaises(search.TooMuch, many.redact, 'x', '***')
        escapes = "\\\"%41&amp;''\n" * 200_000
        found = search.Search(['hun"ter2'])
        # Encoders leave letters and digits alone, and these are not there.
        self.assertEqual(escapes, found.redact(escapes, '***'))
        self.assertRaises(
            search.TooMuch, found.redact, f'{escapes}ter2', '***'
        )
        long = "\\\"%41&amp;''\n" * 100_000
        both = search.Search([long, 'a%2Fb-c'])
        self.assertEqual('***', both.redact('a/b-c', '***'))
        several = search.Search([f'secret-{number}' for number in range(600)])
        self.assertRaises(
            search.TooMuch, several.redact, 'x' * (1 << 22), '***'
        )
        plain = 'x' * (1 << 22)
        self.assertEqual(
            f'{plain}***', found.redact(f'{plain}hun"ter2', '***')
        )
