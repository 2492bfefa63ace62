# SPDX-License-Identifier: Apache-2.0
"""Tests of the names and kinds of attachments."""

from urllib import parse

from ironic_passthru.api.http import content_disposition
from ironic_passthru.tests import base


def _name(filename: str) -> str:
    """Return the file name that a browser would use."""
    header = content_disposition.header('text/plain', filename) or ''
    return parse.unquote(header.partition("''")[2], errors='strict')


class TestHeader(base.TestCase):
    """Any file name of a driver."""

    def test_both_forms(self) -> None:
        for name, plain, encoded in (
            ('a.txt', 'a.txt', 'a.txt'),
            ('a b', 'a b', 'a%20b'),
            ('a"b', 'ab', 'a%22b'),
            ('100%41.txt', '100_41.txt', '100%2541.txt'),
            ('a;b=c', 'a;b=c', 'a%3Bb%3Dc'),
            ('ä€', '__', '%C3%A4%E2%82%AC'),
            ('CON:x', 'CON_x', 'CON%3Ax'),
        ):
            self.assertEqual(
                f'attachment; filename="{plain}"; '
                f"filename*=UTF-8''{encoded}",
                content_disposition.header('text/plain', name),
            )

    def test_no_path(self) -> None:
        for name, expected in (
            ('/etc/passwd', 'passwd'),
            ('..\\..\\a', 'a'),
            ('../.ssh/authorized_keys', 'authorized_keys'),
            ('.bashrc', 'bashrc'),
            ('a.exe. . ', 'a.exe'),
            ('C:\\x', 'x'),
        ):
            self.assertEqual(expected, _name(name))

    def test_nothing_invisible(self) -> None:
        for name, expected in (
            ('a\r\nX-Evil: 1', 'aX-Evil: 1'),
            ('a\0b\x7f\x85', 'ab'),
            ('photo\u202egpj.exe', 'photogpj.exe'),
            ('a\u200b\u2028\ufeffb', 'ab'),
            ('a\ud800b', 'ab'),
            ('\u2066x\u2069', 'x'),
        ):
            self.assertEqual(expected, _name(name))

    def test_no_name_is_left(self) -> None:
        for name in (None, '', '.', '..', '/', 'a/', 'a\\', ' . ', '\r\n'):
            self.assertIsNone(
                content_disposition.header('text/plain', name), name
            )

    def test_long_names_keep_their_suffix(self) -> None:
        for name in (
            'x' * 300 + '.tar',
            'ä' * 200 + '.tar',
            '😀' * 100 + '.tar',
        ):
            found = _name(name)
            self.assertLessEqual(len(found.encode()), 255)
            self.assertGreater(len(found.encode()), 250)
            self.assertEqual('.tar', found[-4:])
        for name in ('x' * 300, 'x.' + 'y' * 300):
            self.assertEqual(name[:255], _name(name))
        exact = 'x' * 251 + '.tar'
        self.assertEqual(exact, _name(exact))

    def test_any_name_is_a_valid_header(self) -> None:
        for code in range(0x3000):
            header = (
                content_disposition.header('text/plain', f'a{chr(code)}b')
                or ''
            )
            self.assertRegex(
                header,
                r'^attachment; filename="[^"\\\x00-\x1f\x7f-\uffff]+"; '
                r"filename\*=UTF-8''[\w.~%-]+$",
            )

    def test_what_could_run_in_a_browser_is_saved(self) -> None:
        for kind in (
            'text/html',
            'TEXT/HTML; charset=utf-8',
            'image/svg+xml',
            'text/javascript',
            'application/xhtml+xml',
            'text/xml',
            'text/plainly',
            'a/b',
        ):
            self.assertEqual(
                'attachment', content_disposition.header(kind, None)
            )
        for kind in (
            'text/plain',
            'text/plain; charset=utf-8',
            'Text/Plain;charset=x',
            'application/octet-stream',
        ):
            self.assertIsNone(content_disposition.header(kind, None))
