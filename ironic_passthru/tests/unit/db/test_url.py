# SPDX-License-Identifier: Apache-2.0
"""Tests of the validation of database URLs."""

from ironic_passthru import errors
from ironic_passthru.db import session
from ironic_passthru.tests import base


class TestUrl(base.TestCase):
    """Values of ``[database] connection``."""

    def database(self, url: str | None) -> session.Database:
        return session.Database(self.make_conf(database__connection=url))

    def refusal(self, url: str | None) -> str:
        error = self.assertRaises(errors.ConfigError, self.database, url)
        self.assertIsNone(error.__cause__)
        self.assertNotIn('hunter', str(error))
        self.assertNotIn('\n', str(error))
        return str(error)

    def test_default_drivers(self) -> None:
        for given, drivername in (
            ('postgresql://h/d', 'postgresql+psycopg2'),
            ('mysql://h/d', 'mysql+pymysql'),
            ('mariadb://h/d', 'mysql+pymysql'),
            ('mariadb+pymysql://h/d', 'mysql+pymysql'),
            ('postgresql+psycopg2://h/d', 'postgresql+psycopg2'),
        ):
            with self.subTest(given):
                self.assertEqual(
                    drivername, self.database(given).url.drivername
                )

    def test_an_ambiguous_url_is_refused(self) -> None:
        for url in (
            'postgresql://u/v:hunter2@h/x',
            'postgresql://u:p@q/hunter2@h/x',
            'postgresql://u:p@h?hunter2@g/x',
            'mysql://u:hunter%cd@h/x',
            'mysql://u:p@h:hunter2/x',
        ):
            self.assertIn('Option connection in group', self.refusal(url))
            conf = self.make_conf(
                database__connection='sqlite:///x',
                database__slave_connection=url,
            )
            error = self.assertRaises(
                errors.ConfigError, session.Database, conf
            )
            self.assertIn('Option slave_connection in', error.message)
            self.assertNotIn('hunter', error.message)

    def test_the_file_of_sqlite_may_have_any_name(self) -> None:
        for name in ('a@b', '100%', 'a#b:c'):
            database = self.database(f'sqlite:////tmp/{name}')
            self.assertEqual(f'/tmp/{name}', database.url.database)

    def test_the_default_character_set_of_mariadb(self) -> None:
        url = self.database('mysql://h/d').url
        self.assertEqual('utf8mb4', url.query['charset'])
        url = self.database('mysql://h/d?charset=utf8').url
        self.assertEqual('utf8', url.query['charset'])

    def test_an_invalid_url_is_refused_without_repeating_it(self) -> None:
        for url in (
            'hunter2',
            'postgresql://user:hunter2/registry',
            'postgresql://user:hun@hunter2@host/registry',
            'postgresql://user:secret@host:hunter2/registry',
        ):
            with self.subTest(url):
                self.assertIn('percent-encoded', self.refusal(url))

    def test_other_databases_are_refused(self) -> None:
        self.assertIn('must begin', self.refusal('oracle://u:hunter2@h/d'))
        self.assertIn('must begin', self.refusal('nosuch://u:hunter2@h/d'))

    def test_a_driver_that_is_not_installed_is_named(self) -> None:
        text = self.refusal('postgresql+asyncpg://u:hunter2@h/d')
        self.assertIn('postgresql+asyncpg', text)

    def test_a_database_in_memory_is_refused(self) -> None:
        for url in ('sqlite://', 'sqlite:///:memory:'):
            self.assertIn('file', self.refusal(url))

    def test_without_a_url_it_is_refused(self) -> None:
        self.assertIn('not set', self.refusal(None))
