# SPDX-License-Identifier: Apache-2.0
"""Links in pages, checked without a network."""

import configparser
import pathlib
import re
import runpy
import subprocess
import sys
from urllib import parse

import fixtures

from ironic_passthru.tests import base

ROOT = pathlib.Path(__file__).parents[3]
TOOL = ROOT / 'tools/check-links.py'

# Read in the repository, so their links are relative paths.
AT_THE_TOP = ('README.rst', 'CONTRIBUTING.rst', 'SECURITY.rst')

# Example hosts and the reader's host.
LOCAL = re.compile(
    r'127\.0\.0\.1|localhost|\$\w+|([a-z0-9-]+\.)*example(\.(com|net|org))?'
)
PUBLIC = re.compile(r'([a-z0-9-]+\.)+[a-z]{2,}')


def texts() -> dict[str, str]:
    """Return the texts of all pages by file."""
    paths = [ROOT / name for name in AT_THE_TOP]
    for directory in ('doc/source', 'api-ref/source', 'releasenotes'):
        for suffix in ('rst', 'inc', 'yaml', 'json'):
            paths += (ROOT / directory).rglob(f'*.{suffix}')
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


def targets(text: str) -> list[str]:
    """Return the targets of explicit links in a page."""
    named = re.findall(r'`[^`]+?<([^`<>]+)>`__?(?!\w)', text)
    return [*named, *re.findall(r'^\.\. _[^:\n]+: (\S+)$', text, re.M)]


class TestOutside(base.TestCase):
    """External links.

    ``tox -e linkcheck`` requests them.
    """

    MOST = 12

    def links(self) -> list[tuple[str, str]]:
        return [
            (page, target)
            for page, text in texts().items()
            for target in targets(text)
            if parse.urlsplit(target).scheme
        ]

    def test_they_are_few(self) -> None:
        self.assertIn(len(self.links()), range(1, self.MOST + 1))

    def test_they_are_public_addresses(self) -> None:
        for page, link in self.links():
            parts = parse.urlsplit(link)
            self.assertEqual('https', parts.scheme, (page, link))
            self.assertRegex(parts.netloc, rf'^({PUBLIC.pattern})$', page)
            self.assertIsNone(LOCAL.fullmatch(parts.netloc), page)

    def test_every_url_in_a_text(self) -> None:
        """Examples, too: only local hosts may use plain HTTP."""
        found = 0
        for page, text in texts().items():
            for url in re.findall(r'\bhttps?://[^\s\'"`<>)\]]+', text):
                found += 1
                parts = parse.urlsplit(url)
                host = re.sub(r':\d+$', '', parts.netloc)
                # Raises ValueError for an invalid port.
                self.assertIsNot(0, parts.port, (page, url))
                public = PUBLIC.fullmatch(host) and parts.scheme == 'https'
                self.assertTrue(public or LOCAL.fullmatch(host), (page, url))
        self.assertGreater(found, 50)

    def test_linkcheck_ignores_examples(self) -> None:
        # conf.py extends the path.
        self.useFixture(fixtures.MonkeyPatch('sys.path', [*sys.path]))
        conf = runpy.run_path(str(ROOT / 'doc/source/conf.py'))
        (ignored,) = conf['linkcheck_ignore']
        for host in ('127.0.0.1:6385', 'horizon.example.com', 'example'):
            self.assertRegex(f'https://{host}', ignored)
        for url in ('https://docs.openstack.org/', 'https://example.io.org'):
            self.assertIsNone(re.match(ignored, url))


class TestInside(base.TestCase):
    """Internal links."""

    def test_files_at_the_top_link_to_files(self) -> None:
        found = 0
        for name in AT_THE_TOP:
            for target in targets((ROOT / name).read_text()):
                parts = parse.urlsplit(target)
                if parts.scheme:
                    continue
                found += 1
                self.assertTrue((ROOT / parts.path).is_file(), (name, target))
                self.assertEqual('', parts.fragment, (name, target))
        self.assertGreater(found, 8)

    def test_the_build_fails_for_a_broken_link(self) -> None:
        tox = configparser.ConfigParser(interpolation=None)
        tox.read(ROOT / 'tox.ini')
        parts = {'doc': '', 'api-ref': '/api-ref'}
        parts['releasenotes'] = '/release-notes'
        builds = {
            builder: [
                f'sphinx-build -q -W -n -b {builder} {source}/source '
                f'doc/build/{builder}{place}'
                for source, place in parts.items()
            ]
            for builder in ('html', 'linkcheck')
        }
        self.assertEqual(
            [*builds['html'], 'python tools/check-links.py doc/build/html'],
            tox['testenv:docs']['commands'].strip().splitlines(),
        )
        self.assertIn(
            '{[testenv:docs]commands}', tox['testenv:all']['commands']
        )
        self.assertEqual(
            builds['linkcheck'],
            tox['testenv:linkcheck']['commands'].strip().splitlines(),
        )


class TestTool(base.TestCase):
    """tools/check-links.py."""

    def check(self, **pages: str) -> tuple[int, list[str]]:
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (root / 'part').mkdir()
        (root / 'part/style.css').touch()
        for name, text in pages.items():
            (root / f'{name.replace("__", "/")}.html').write_text(text)
        done = subprocess.run(
            [sys.executable, TOOL, root],
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stderr.splitlines()

    def test_good_ones(self) -> None:
        code, lines = self.check(
            index='<a href="part/two.html#here">x</a> <a href="#top">x</a>'
            '<a name="top"></a> <a href="https://nowhere.invalid/#x">x</a>'
            '<link href="part/style.css"> <a href="#">x</a>'
            '<a href="mailto:me@example.com">x</a>',
            part__two='<p id="here"><a href="../index.html?x=1#top">x</a>'
            '<a href="../">x</a>',
        )
        self.assertEqual((0, []), (code, lines))

    def test_wrong_ones(self) -> None:
        code, lines = self.check(
            index='<a href="two.html">x</a> <a href="part/two.html#there">x'
            '</a> <a href="#nowhere">x</a> <img src="part/picture.png">',
            part__two='<a href="style.css">x</a><a href="index.html">x</a>',
        )
        self.assertEqual(1, code)
        self.assertEqual(
            [
                'leads nowhere: index.html: #nowhere',
                'leads nowhere: index.html: part/picture.png',
                'leads nowhere: index.html: part/two.html#there',
                'leads nowhere: index.html: two.html',
                'leads nowhere: part/two.html: index.html',
            ],
            lines,
        )

    def test_no_pages(self) -> None:
        code, (line,) = self.check()
        self.assertEqual(1, code)
        self.assertIn('holds no pages', line)
