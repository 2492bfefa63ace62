# SPDX-License-Identifier: Apache-2.0
"""Tests of ``ironic-passthru-driver docs``."""

import io

from docutils import core

from ironic_passthru import errors
from ironic_passthru.driver_kit import docs
from ironic_passthru.drivers import fake
from ironic_passthru.drivers import loader
from ironic_passthru.tests import base


class TestDocs(base.TestCase):
    """The page of ``fake-hardware``."""

    def test_every_method_with_its_parameters(self) -> None:
        methods = loader.make('fake', fake.FakeVendor()).methods
        for form in docs.FORMATS:
            page = docs.run('fake-hardware', form)
            for name, method in methods.items():
                self.assertIn(f'``{name}``', page)
                self.assertIn(method.spec.description, page)
                for parameter in method.spec.schema['properties']:
                    self.assertIn(f'``{parameter}``', page)

    def test_markdown(self) -> None:
        page = docs.run('fake-hardware', 'markdown')
        self.assertIn(
            '### GET ``hello``\n\n'
            'Return a greeting; the simplest method.\n\n'
            '* Kind: sync.\n'
            '* Call: Synchronous: the response contains the result.\n'
            '* Result: ``dict[str, str]``.\n\n'
            '| Parameter | Type | Default | Description |\n'
            '| --- | --- | --- | --- |\n'
            '| ``name`` | string | ``"world"`` |  |\n',
            page,
        )

    def test_rest_has_no_warnings(self) -> None:
        warnings = io.StringIO()
        core.publish_doctree(
            docs.run('fake-hardware', 'rest'),
            settings_overrides={'warning_stream': warnings},
        )
        self.assertEqual('', warnings.getvalue())

    def test_an_unknown_driver(self) -> None:
        self.assertRaises(errors.DriverLoadError, docs.run, 'acme', 'rest')
