# SPDX-License-Identifier: Apache-2.0
"""Tests of version negotiation."""

from ironic_passthru import errors
from ironic_passthru.api.http import versions
from ironic_passthru.tests import base

_OWN = 'HTTP_X_OPENSTACK_IRONIC_API_VERSION'
_STANDARD = 'HTTP_OPENSTACK_API_VERSION'


class TestNegotiate(base.TestCase):
    """Negotiation of the version."""

    def test_what_headers_mean(self) -> None:
        for own, standard, expected in (
            (None, None, '1.1'),
            ('', None, '1.1'),
            ('  ', None, '1.1'),
            ('1.1', None, '1.1'),
            (' 1.30 ', None, '1.30'),
            ('1.115', None, '1.115'),
            ('latest', None, '1.115'),
            ('LATEST', None, '1.115'),
            (None, '', '1.1'),
            (None, 'baremetal 1.50', '1.50'),
            (None, 'BareMetal\t 1.50 ', '1.50'),
            (None, 'baremetal latest', '1.115'),
            (None, 'baremetal', '1.1'),
            (None, '1.50', '1.1'),
            (None, 'latest', '1.1'),
            (None, ',', '1.1'),
            ('1.60', 'compute 2.1', '1.60'),
            ('1.60', 'compute 2.1, baremetal 1.50', '1.50'),
            ('garbage', 'baremetal 1.50', '1.50'),
        ):
            environ = {}
            if own is not None:
                environ[_OWN] = own
            if standard is not None:
                environ[_STANDARD] = standard
            found = versions.negotiate(environ)
            self.assertEqual(expected, str(found), (own, standard))

    def test_what_is_refused(self) -> None:
        for text in (
            '1',
            '1.0',
            '1.116',
            '0.9',
            '2.0',
            '2.1',
            '1.01',
            '01.1',
            '1.-1',
            '1.1.1',
            '1,1',
            'one',
            '1.1, 1.2',
            '١.٣',
            '1.' + '9' * 5000,
        ):
            for environ in (
                {_OWN: text},
                {_STANDARD: f'baremetal {text}', _OWN: '1.1'},
            ):
                if ',' in text and _STANDARD in environ:
                    # There the comma separates services.
                    continue
                error = self.assertRaises(
                    errors.VersionNotAcceptable, versions.negotiate, environ
                )
                self.assertLess(len(error.message), 200)

    def test_versions_compare_as_numbers(self) -> None:
        self.assertLess(versions.APIVersion(1, 9), versions.APIVersion(1, 10))


class TestRequire(base.TestCase):
    """Features of later versions."""

    def test_at_the_version_it_is_open(self) -> None:
        gate = versions.APIVersion(1, 30)
        versions.require(gate, gate, 'type')

    def test_below_it_is_closed(self) -> None:
        error = self.assertRaises(
            errors.FieldNotInVersion,
            versions.require,
            versions.APIVersion(1, 29),
            versions.APIVersion(1, 30),
            'type',
        )
        self.assertIn("'type' requires API version 1.30", error.message)
