# SPDX-License-Identifier: Apache-2.0
"""Tests of the Idempotency-Key header."""

from typing import Any

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.api.calls import idempotency
from ironic_passthru.tests import base


class TestRead(base.TestCase):
    """Parsing of keys."""

    def test_keys(self) -> None:
        for header, key in (
            ('a', 'a'),
            (' a ', 'a'),
            ('8e03978e-40d5-43dd-bc93-6894a57f9324',) * 2,
            ('"a"', 'a'),
            ('"a\\"b\\\\c"', 'a"b\\c'),
            ('!#$%&()*+,-./:;<=>?@[]^_`{|}~\\',) * 2,
            ('a"b',) * 2,
            ('k' * 255,) * 2,
            (f'"{"k" * 255}"', 'k' * 255),
        ):
            self.assertEqual(key, idempotency.parse(header), header)

    def test_what_is_none(self) -> None:
        for header in (
            '',
            ' ',
            '""',
            '"',
            '"a',
            '"a\\"',
            '"a"b',
            '"a"; x=1',
            '"a\\b"',
            '"a b"',
            'a b',
            'a, b',
            'a\tb',
            'a\x00',
            'a\x7f',
            '\xe4',
            '"\xe4"',
            'k' * 256,
        ):
            self.assertRaises(errors.InvalidKey, idempotency.parse, header)


_OWNER = operation.Owner(project_id='p')


class TestRecord(base.TestCase):
    """Stored form of a key."""

    def record(
        self,
        key: str = 'k',
        owner: operation.Owner = _OWNER,
        **values: Any,
    ) -> operation.Key:
        request: dict[str, Any] = {
            'driver': 'd',
            'method': 'm',
            'http_method': 'POST',
            'parameters': {'a': 1, 'b': 'ä'},
        }
        return idempotency.stored_key(key, owner, **request | values)

    def test_the_same_request_is_the_same(self) -> None:
        again = self.record(parameters={'b': 'ä', 'a': 1})
        self.assertEqual(self.record(), again)
        for text in (again.digest, again.fingerprint):
            self.assertRegex(text, '^[0-9a-f]{64}$')

    def test_another_request_has_another_fingerprint(self) -> None:
        for values in (
            {'driver': 'e'},
            {'method': 'n'},
            {'http_method': 'PUT'},
            {'parameters': {}},
            {'parameters': {'a': '1', 'b': 'ä'}},
            {'parameters': {'a': 1, 'b': 'ä', 'c': None}},
            {'conductor_group': ''},
            {'conductor_group': 'g'},
        ):
            other = self.record(**values)
            self.assertEqual(self.record().digest, other.digest)
            self.assertNotEqual(
                self.record().fingerprint, other.fingerprint, values
            )

    def test_fingerprints_of_earlier_releases_stay_valid(self) -> None:
        self.assertEqual(
            'a93476ad0110b9b804fdfe7ade0e7a5878d36bfb5163b2abed9c809cf453adce',
            self.record().fingerprint,
        )

    def test_another_key_or_owner_has_another_digest(self) -> None:
        names = ('p', 'q', 'null', "{'user':'p'}")
        owners = [operation.Owner()]
        owners += [operation.Owner(project_id=name) for name in names]
        owners += [operation.Owner(user_id=name) for name in names]
        digests = {
            self.record(key, owner).digest
            for key in ('k', 'l', 'null')
            for owner in owners
        }
        self.assertEqual(3 * 9, len(digests))

    def test_the_fingerprint_needs_the_key(self) -> None:
        self.assertNotEqual(
            self.record('k').fingerprint, self.record('l').fingerprint
        )
