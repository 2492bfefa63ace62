# SPDX-License-Identifier: Apache-2.0
"""Chromium, driven by Playwright, for tests of the console."""

import contextlib
import functools
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import bcrypt
import fixtures
from axe_playwright_python import sync_playwright as axe
from playwright import sync_api

from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import servers

#: If it is set, the tests write the pictures of the documentation.
WRITE_IMAGES = 'WRITE_CONSOLE_IMAGES'
IMAGES = console.ROOT / 'doc/source/images'

_TIMEOUT_MILLISECONDS = 15_000
# What Chromium logs for every response with an error status.
_EXPECTED = 'Failed to load resource: the server responded with a status of'


class Chromium(fixtures.Fixture):
    """A browser of Debian's package.

    :ivar browser: the browser.
    """

    def _setUp(self) -> None:
        path = servers.require('chromium', 'chromium')
        playwright = sync_api.sync_playwright().start()
        self.addCleanup(playwright.stop)
        # The default of 5 seconds is too short on a busy host.
        sync_api.expect.set_options(timeout=_TIMEOUT_MILLISECONDS)
        self.browser = playwright.chromium.launch(executable_path=path)
        self.addCleanup(self.browser.close)


class PasswordFile(fixtures.Fixture):
    """A file for ``auth_strategy = http_basic`` with one user.

    :ivar path: path of the file.
    """

    def __init__(self, user: str, password: str) -> None:
        super().__init__()
        digest = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4))
        self._line = f'{user}:{digest.decode()}\n'

    def _setUp(self) -> None:
        directory = self.useFixture(fixtures.TempDir()).path
        self.path = pathlib.Path(directory) / 'users'
        self.path.touch(mode=0o600)
        self.path.write_text(self._line)


@functools.cache
def _axe() -> axe.Axe:
    return axe.Axe()


class ConsoleTestCase(base.TestCase):
    """A test with a new page, which fails if the page logs a problem.

    :ivar page: the page.
    """

    browser: sync_api.Browser
    service: embedded.Embedded

    def setUp(self) -> None:
        super().setUp()
        self.problems: list[str] = []
        self.page = self.new_page()

    def new_page(self, **options: Any) -> sync_api.Page:
        """Return a page with its own storage.

        :param options: arguments of Playwright's ``new_context``.
        """
        options = {'viewport': {'width': 1100, 'height': 760}} | options
        context = self.browser.new_context(**options)
        self.addCleanup(self._close, context)
        context.set_default_timeout(_TIMEOUT_MILLISECONDS)
        page = context.new_page()
        page.on('console', self._on_message)
        page.on('pageerror', lambda error: self.problems.append(str(error)))
        return page

    def _on_message(self, message: sync_api.ConsoleMessage) -> None:
        # A violation of the Content-Security-Policy is an error, too.
        if message.type in ('error', 'warning') and not (
            message.text.startswith(_EXPECTED)
        ):
            self.problems.append(message.text)

    def _close(self, context: sync_api.BrowserContext) -> None:
        context.close()
        self.assertEqual([], self.problems)

    @contextlib.contextmanager
    def expected_problem(self, text: str) -> Iterator[None]:
        """Expect messages with a text in the log of the page."""
        yield
        found = [each for each in self.problems if text in each]
        self.assertNotEqual([], found)
        self.problems = [each for each in self.problems if each not in found]

    def open(self, *segments: str, url: str = '') -> None:
        """Open a view of the console.

        :param segments: those of the fragment, which need no escapes.
        """
        base_url = url or f'{self.service.url}/console/'
        self.page.goto(f'{base_url}#/{"/".join(segments)}')
        if segments:
            self.sees_heading(segments[-1])

    def sees_heading(self, text: str, page: Any = None) -> None:
        """Wait for the title of a view."""
        heading = (page or self.page).locator('h1')
        sync_api.expect(heading).to_have_text(text, ignore_case=True)

    def sees(self, text: str, selector: str = 'main') -> None:
        """Wait until an element contains a text."""
        found = self.page.locator(selector).first
        sync_api.expect(found).to_contain_text(text, use_inner_text=True)

    def click(self, name: str) -> None:
        """Click the first button with this name."""
        self.page.get_by_role('button', name=name, exact=True).first.click()

    def fill(self, label: str, value: str) -> None:
        """Fill the first field with this label."""
        self.page.get_by_label(label).first.fill(value)

    def assert_accessible(self, page: sync_api.Page, *rules: str) -> None:
        """Fail with the findings of axe, or if the page is too wide.

        :param rules: names of rules of axe; by default all.
        """
        options = {'runOnly': list(rules)} if rules else None
        found = _axe().run(page, options=options).response['violations']
        self.assertEqual(
            [],
            [
                (each['id'], [node['html'] for node in each['nodes']])
                for each in found
            ],
            page.url,
        )
        width, visible = page.evaluate(
            '[document.documentElement.scrollWidth, window.innerWidth]'
        )
        self.assertLessEqual(width, visible, page.url)

    def picture(self, name: str) -> None:
        """Write a picture for the documentation, if pictures are wanted."""
        if WRITE_IMAGES in os.environ:
            pathlib.Path(IMAGES).mkdir(exist_ok=True)
            # The pointer highlights what it is on.
            self.page.mouse.move(0, 0)
            self.page.screenshot(path=IMAGES / f'{name}.png')
