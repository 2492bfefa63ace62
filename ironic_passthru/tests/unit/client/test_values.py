# SPDX-License-Identifier: Apache-2.0
"""Parameters of a call from arguments of the command line."""

import io
import pathlib
from typing import Any

import fixtures

from ironic_passthru.client import exceptions
from ironic_passthru.client import records
from ironic_passthru.client.osc import values
from ironic_passthru.tests import base

SCHEMA = {
    'type': 'object',
    'properties': {
        'count': {'type': 'integer', 'maximum': 9},
        'name': {'type': 'string'},
        'on': {'type': 'boolean'},
        'slots': {'type': 'array', 'items': {'type': 'integer'}},
        'names': {'type': 'array', 'items': {'type': 'string'}},
        'curve': {'type': 'object', 'properties': {'x': {'type': 'number'}}},
        'either': {'anyOf': [{'type': 'integer'}, {'type': 'null'}]},
        'token': {'type': 'string', 'format': 'password'},
        'login': {
            'type': 'object',
            'properties': {'key': {'type': 'string', 'writeOnly': True}},
        },
    },
    'additionalProperties': False,
}


class ValuesTestCase(base.TestCase):
    """A test with one method."""

    def reader(self, **more: Any) -> values.ParameterReader:
        return values.ParameterReader(
            records.MethodInfo(
                name='m', http_methods=['POST'], parameters=SCHEMA | more
            )
        )

    def read(
        self, *texts: str, secrets: tuple[str, ...] = (), **document: Any
    ) -> dict[str, Any]:
        return self.reader().read(document, texts, secrets)

    def refused(self, *texts: str, **options: Any) -> str:
        """Return the error; it must not contain a secret."""
        error = self.assertRaises(
            exceptions.InvalidCall, self.read, *texts, **options
        )
        self.assertNotIn('hunter2', error.message)
        return error.message


class TestTypes(ValuesTestCase):
    def test_values_are_read_by_their_types(self) -> None:
        for text, expected in (
            ('count=3', 3),
            ('name=3', '3'),
            ('name=', ''),
            ('name=a=b', 'a=b'),
            ('on=True', True),
            ('slots=1,2', [1, 2]),
            ('slots=[1, 2]', [1, 2]),
            ('names=a,3', ['a', '3']),
            ('names=["a,b"]', ['a,b']),
            ('curve={"x": 1.5}', {'x': 1.5}),
            ('either=4', 4),
            ('either=null', None),
        ):
            name = text.partition('=')[0]
            self.assertEqual({name: expected}, self.read(text), text)

    def test_repeated_arguments_are_an_array(self) -> None:
        self.assertEqual(
            {'slots': [1, 2, 3]}, self.read('slots=1', 'slots=2,3')
        )

    def test_undeclared_parameters_are_json_or_text(self) -> None:
        found = self.reader(additionalProperties=True).read(
            {}, ['a=1', 'b=x', 'c={"d": null}'], []
        )
        self.assertEqual({'a': 1, 'b': 'x', 'c': {'d': None}}, found)

    def test_arguments_replace_members_of_the_document(self) -> None:
        self.assertEqual(
            {'count': 2, 'name': 'a'}, self.read('count=2', count=1, name='a')
        )


class TestErrors(ValuesTestCase):
    def test_all_are_in_one_message(self) -> None:
        message = self.refused('count=x', 'on=maybe', 'nam=1')
        for part in ("'count'", "'on'", "'nam'", 'declared parameters: count'):
            self.assertIn(part, message)

    def test_forms(self) -> None:
        self.assertIn('NAME=VALUE', self.refused('hunter2'))
        self.assertIn(
            'count is given twice', self.refused('count=1', 'count=2')
        )

    def test_secrets_in_arguments(self) -> None:
        for text in ('token=hunter2', 'login={"key": "hunter2"}'):
            self.assertIn('use --secret', self.refused(text))

    def test_an_invalid_secret_is_not_shown(self) -> None:
        message = self.refused(token=['hunter2'])
        self.assertIn("'token'", message)


class TestSecrets(ValuesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.EnvironmentVariable('TOKEN', 'hunter2'))
        self.useFixture(fixtures.MonkeyPatch('sys.stdin', io.StringIO()))

    def test_sources(self) -> None:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 's'
        path.write_text('hunter2\n')
        for source in ('env:TOKEN', f'file:{path}'):
            self.assertEqual(
                {'token': 'hunter2'}, self.read(secrets=(f'token={source}',))
            )

    def test_no_source(self) -> None:
        for secret, reason in (
            ('token', 'no terminal'),
            ('token=env:NO_SUCH', 'NO_SUCH is not set'),
            ('token=file:/no/such', '/no/such'),
            ('token=hunter2', 'source is unknown'),
        ):
            self.assertIn(reason, self.refused(secrets=(secret,)))


class TestDocuments(base.TestCase):
    def test_standard_input(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch('sys.stdin', io.StringIO('{"a": 1}'))
        )
        self.assertEqual({'a': 1}, values.read_document('-'))

    def test_errors_name_the_file(self) -> None:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'p'
        for text in ('[1]', '{"a": 1, "a": 2}', '{'):
            path.write_text(text)
            error = self.assertRaises(
                exceptions.InvalidCall, values.read_document, str(path)
            )
            self.assertIn(str(path), error.message)
        path.unlink()
        self.assertRaises(
            exceptions.InvalidCall, values.read_document, str(path)
        )
