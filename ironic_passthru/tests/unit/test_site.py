# SPDX-License-Identifier: Apache-2.0
"""Theme and extensions of the site."""

import pathlib
import re
import sys

import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests.unit.sphinxext import build

ROOT = pathlib.Path(__file__).parents[3]

PAGE = """
Page
====

.. rest_method:: DELETE /v1/operations

:api-ref:`Errors <error-bodies>`
"""


class TestSite(base.TestCase):
    """doc/site."""

    def setUp(self) -> None:
        super().setUp()
        place = str(ROOT / 'doc/site')
        self.useFixture(fixtures.MonkeyPatch('sys.path', [place, *sys.path]))
        built = self.useFixture(
            build.Build(
                {'index': 'Start\n=====\n', 'part/page': PAGE},
                builder='html',
                extensions=['html_site', 'api_reference'],
            )
        )
        self.assertEqual('', built.warnings)
        self.page = built.read('part/page.html')

    def test_a_route_has_its_verb(self) -> None:
        text = re.sub('<[^>]+>', '', self.page)
        self.assertIn('DELETE /v1/operations', text)

    def test_links_lead_to_the_other_parts(self) -> None:
        for link in (
            '../api-ref/index.html#error-bodies',
            '../api-ref/index.html',
            '../release-notes/index.html',
        ):
            self.assertIn(f'href="{link}"', self.page)

    def test_no_other_host_is_used(self) -> None:
        loaded = re.findall(r'<(?:link|script|img)[^>]+>', self.page)
        self.assertGreater(len(loaded), 3)
        self.assertEqual([], [tag for tag in loaded if '://' in tag])

    def test_the_footer(self) -> None:
        footer = self.page.partition('<footer>')[2]
        self.assertIn('License: Apache-2.0', footer)
        self.assertIn('Not an official OpenStack project', footer)
