# SPDX-License-Identifier: Apache-2.0
"""Tests of the files of the console and of how they are served."""

import re
from typing import Any

import webob

from ironic_passthru.console import app
from ironic_passthru.console import files
from ironic_passthru.tests.unit.api import fakes

_SOURCES = sorted(
    path for path in files.DIRECTORY.rglob('*') if path.suffix != '.svg'
)


class ConsoleCase(fakes.ApplicationCase):
    def setUp(self) -> None:
        super().setUp()
        self.build(console=True)


class TestFiles(ConsoleCase):
    """``/console/``."""

    def test_each_has_its_type_and_headers(self) -> None:
        for path, media_type in (
            ('', 'text/html'),
            ('index.html', 'text/html'),
            ('css/base.css', 'text/css'),
            ('js/forms/build.js', 'text/javascript'),
            ('favicon.svg', 'image/svg+xml'),
        ):
            response = self.ask(f'/console/{path}')
            self.assertEqual(200, response.status_int, path)
            self.assertEqual(media_type, response.content_type)
            headers = response.headers
            self.assertEqual('nosniff', headers['X-Content-Type-Options'])
            self.assertEqual('no-referrer', headers['Referrer-Policy'])
            self.assertEqual('no-cache', headers['Cache-Control'])
            policy = headers['Content-Security-Policy'].split('; ')
            for directive in (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "connect-src 'self'",
                "frame-ancestors 'none'",
            ):
                self.assertIn(directive, policy)

    def test_head_has_no_body(self) -> None:
        response = self.ask('/console/', 'HEAD')
        self.assertEqual(b'', response.body)
        whole = self.ask('/console/')
        self.assertEqual(
            whole.headers['Content-Length'], response.headers['Content-Length']
        )

    def test_an_unchanged_file_is_not_sent_again(self) -> None:
        whole = self.ask('/console/')
        for headers in (
            {'If_None_Match': whole.headers['ETag']},
            {'If_Modified_Since': whole.headers['Last-Modified']},
        ):
            response = self.ask('/console/', **headers)
            self.assertEqual(304, response.status_int)
            self.assertEqual(b'', response.body)
            self.assertIn('Content-Security-Policy', response.headers)
        changed = self.ask('/console/', If_None_Match='"other"')
        self.assertEqual(200, changed.status_int)

    def test_other_paths_are_unknown_to_the_api_too(self) -> None:
        for path in (
            '/console/nothing',
            '/console/js',
            '/console/js/',
            '/console//index.html',
            '/console/../console/index.html',
            '/console/%2e%2e/app.py',
            '/console/..%2fapp.py',
            '/console/%2fetc%2fpasswd',
            '/index.html',
            '/consoleindex.html',
            '/x/console/index.html',
        ):
            response = self.ask(path)
            self.assertEqual(404, response.status_int, path)
            self.assertIn('error_message', response.json)

    def test_other_methods_are_refused(self) -> None:
        for path in ('/console', '/console/', '/console/js/main.js'):
            for http_method in ('POST', 'PUT', 'DELETE', 'OPTIONS'):
                response = self.ask(path, http_method)
                self.assertEqual(405, response.status_int, path)
                self.assertEqual('GET, HEAD', response.headers['Allow'])
                self.assertIn('error_message', response.json)

    def test_the_redirect_keeps_a_prefix(self) -> None:
        """A relative URL: a proxy may have removed the prefix."""
        response = self.ask('/console')
        self.assertEqual(308, response.status_int)
        self.assertEqual('console/', response.headers['Location'])

    def test_it_is_off_by_default(self) -> None:
        self.conf.clear_override('console', group='api')
        self.build()
        for path in ('/console', '/console/'):
            self.assertEqual(404, self.ask(path).status_int)

    def test_the_api_is_unchanged(self) -> None:
        self.assertEqual(200, self.ask('/v1').status_int)
        self.assertNotIn(
            'Content-Security-Policy', self.ask('/v1/drivers').headers
        )


class TestPolicy(ConsoleCase):
    """The Content-Security-Policy with ``auth_strategy = keystone``."""

    def test_scripts_may_use_the_identity_service(self) -> None:
        console = app.Console(
            None,  # type: ignore[arg-type]
            files.load(),
            self.application,
            identity_origin='https://identity.example.com:5000',
        )
        response = webob.Request.blank('/console/').get_response(console)
        self.assertIn(
            "connect-src 'self' https://identity.example.com:5000;",
            response.headers['Content-Security-Policy'],
        )


class TestSources(ConsoleCase):
    """The files themselves."""

    def sources(self) -> dict[str, str]:
        """Return all texts by path."""
        return {
            path.relative_to(files.DIRECTORY).as_posix(): path.read_text()
            for path in _SOURCES
            if path.is_file()
        }

    def test_every_reference_is_served(self) -> None:
        found = self.sources()
        pattern = re.compile(r"(?:from '|href=\"(?!#)|src=\")([^'\"]+)")
        references: list[tuple[str, Any]] = [
            (name, each)
            for name, text in found.items()
            for each in pattern.findall(text)
        ]
        self.assertLess(60, len(references))
        for name, each in references:
            url = f'http://localhost/console/{name}'
            target = webob.Request.blank(url).relative_url(each)
            path = target.removeprefix('http://localhost')
            self.assertEqual(200, self.ask(path).status_int, (name, each))

    def test_every_module_is_used(self) -> None:
        found = self.sources()
        text = ''.join(found.values())
        for name in found:
            if name != files.INDEX:
                self.assertIn(f'/{name.rpartition("/")[2]}', text)

    def test_modules_are_short(self) -> None:
        for name, text in self.sources().items():
            self.assertIn('SPDX-License-Identifier: Apache-2.0', text)
            self.assertLessEqual(len(text.splitlines()), 250, name)

    def test_data_never_becomes_markup(self) -> None:
        for name, text in self.sources().items():
            for word in (
                'innerHTML',
                'outerHTML',
                'insertAdjacentHTML',
                'document.write',
                'eval(',
                'localStorage',
                'sessionStorage',
                'document.cookie',
            ):
                self.assertNotIn(word, text, name)
