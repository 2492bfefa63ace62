# SPDX-License-Identifier: Apache-2.0
"""Test cases of the registry for all databases."""

import collections.abc
import concurrent.futures
import contextlib
import dataclasses
import datetime
import hashlib
import json
import pathlib
import shutil
import threading
import time
import types
from typing import Any

import fixtures
import sqlalchemy as sa
from alembic import autogenerate
from alembic.runtime import migration as alembic_migration

from ironic_passthru import errors
from ironic_passthru.db import conductors
from ironic_passthru.db import migration
from ironic_passthru.db import models
from ironic_passthru.db import schema
from ironic_passthru.db import session
from ironic_passthru.tests import base

TIMEOUT = 30


def entry(document: dict[str, Any]) -> conductors.CatalogEntry:
    text = json.dumps(document, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return conductors.CatalogEntry(digest=digest, document=document)


ONE = entry({'methods': ['one']})
TWO = entry({'methods': ['two']})


class RegistryCase(base.TestCase):
    """A test with a conductor store on an empty database."""

    def new_url(self) -> str:
        """Return the URL of a new, empty database."""
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        self.url = self.new_url()
        self.database = self.open(self.url)
        migration.upgrade(self.database)
        self.store = conductors.ConductorStore(self.database)

    def open(self, url: str) -> session.Database:
        conf = self.make_conf(database__connection=url)
        database = session.Database(conf)
        self.addCleanup(database.close)
        return database

    def register(
        self,
        hostname: str = 'host1',
        incarnation: str = 'run1',
        **drivers: conductors.CatalogEntry,
    ) -> None:
        self.store.register(
            hostname, incarnation, group='', drivers=drivers or {'acme': ONE}
        )

    def read(
        self, known: dict[str, conductors.ConductorRecord] | None = None
    ) -> dict[str, conductors.ConductorRecord]:
        found = self.store.conductors(
            heartbeat_timeout_seconds=TIMEOUT, known=known
        )
        return {record.hostname: record for record in found}

    def execute(self, statement: sa.Executable) -> None:
        with self.database.writer() as writer:
            writer.execute(statement)

    def age(self, seconds: float) -> None:
        """Shift the last heartbeat of all conductors into the past."""
        table = models.conductors
        with self.database.writer() as writer:
            last = writer.scalar(sa.select(table.c.heartbeat_at))
            shifted = last - datetime.timedelta(seconds=seconds)
            writer.execute(sa.update(table).values(heartbeat_at=shifted))


class SchemaCases(RegistryCase):
    """Schema created by the migrations."""

    def test_it_equals_the_models(self) -> None:
        with self.database.connection() as connection:
            context = alembic_migration.MigrationContext.configure(
                connection, opts={'compare_type': True}
            )
            found = autogenerate.compare_metadata(context, models.metadata)
        self.assertEqual([], found)

    def test_a_second_upgrade_changes_nothing(self) -> None:
        self.register()
        migration.upgrade(self.database)
        self.assertEqual(schema.HEAD, schema.revision(self.database))
        self.assertEqual(['host1'], list(self.read()))

    def test_an_upgrade_keeps_the_rows(self) -> None:
        self.register()
        before = self.read()
        self.add_revision('9001', 'sa.Column("added", sa.Integer)')
        migration.upgrade(self.database)
        self.assertEqual('9001', schema.revision(self.database))
        self.assertEqual(before.keys(), self.read(before).keys())
        with self.database.reader() as reader:
            query = sa.text('SELECT added FROM conductors')
            self.assertIsNone(reader.scalar(query))

    def add_revision(self, revision: str, column: str) -> None:
        """Add a migration that adds a column to the conductors."""
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        shutil.copytree(migration._DIRECTORY, directory, dirs_exist_ok=True)
        pathlib.Path(directory, 'versions', f'{revision}_added.py').write_text(
            'import sqlalchemy as sa\nfrom alembic import op\n'
            f'revision = {revision!r}\ndown_revision = {schema.HEAD!r}\n'
            f'def upgrade():\n    op.add_column("conductors", {column})\n'
        )
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.db.migration._DIRECTORY', directory
            )
        )
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.db.schema.REVISIONS',
                (*schema.REVISIONS, revision),
            )
        )

    def test_upgrades_that_start_together_all_succeed(self) -> None:
        url = self.new_url()
        databases = [self.open(url) for _ in range(4)]
        start = threading.Barrier(len(databases))

        def upgrade(database: session.Database) -> str | None:
            start.wait(TIMEOUT)
            migration.upgrade(database)
            return schema.revision(database)

        with concurrent.futures.ThreadPoolExecutor(len(databases)) as pool:
            found = list(pool.map(upgrade, databases))
        self.assertEqual([schema.HEAD] * len(databases), found)

    def test_a_revision_of_a_newer_release_is_refused(self) -> None:
        self.execute(sa.text("UPDATE alembic_version SET version_num = 'z9'"))
        for refuses in (migration.ensure, migration.upgrade):
            error = self.assertRaises(
                errors.ConfigError, refuses, self.database
            )
            self.assertIn('revision z9', str(error))

    def test_without_tables_the_registry_is_unavailable(self) -> None:
        database = self.open(self.new_url())
        store = conductors.ConductorStore(database)
        self.assertRaises(errors.RegistryUnavailable, store.check)
        self.assertRaises(
            errors.RegistryUnavailable, store.heartbeat, 'host1', 'run1'
        )


class ConductorCases(RegistryCase):
    """Registration, heartbeats and withdrawal of conductors."""

    def test_registration(self) -> None:
        self.store.register(
            'host1', 'run1', group='rack', drivers={'acme': ONE, 'zeta': TWO}
        )
        record = self.read()['host1']
        self.assertEqual('run1', record.incarnation)
        self.assertEqual('rack', record.group)
        self.assertTrue(record.alive)
        self.assertEqual(
            {'acme': ONE.digest, 'zeta': TWO.digest}, dict(record.drivers)
        )

    def test_conductors_of_a_driver(self) -> None:
        for number in range(3):
            self.register(f'host{number}', acme=ONE, zeta=TWO)
        self.register('host3', zeta=TWO)
        self.store.withdraw('host1', 'run1')

        def conductors_of(driver: str) -> dict[str, bool]:
            found = self.store.conductors(
                heartbeat_timeout_seconds=TIMEOUT, driver=driver
            )
            return {record.hostname: record.alive for record in found}

        self.assertEqual(
            {'host0': True, 'host1': False, 'host2': True},
            conductors_of('acme'),
        )
        self.assertEqual({}, conductors_of('other'))

    def test_times_are_those_of_the_database_in_utc(self) -> None:
        before = self.now()
        self.register()
        record = self.read()['host1']
        for moment in (
            record.created_at,
            record.started_at,
            record.heartbeat_at,
        ):
            self.assertIs(datetime.UTC, moment.tzinfo)
            self.assertTrue(
                before <= moment.replace(tzinfo=None) <= self.now()
            )
        self.assertAlmostEqual(
            datetime.datetime.now(datetime.UTC).timestamp(),
            record.started_at.timestamp(),
            delta=60,
        )

    def now(self) -> datetime.datetime:
        with self.database.reader() as reader:
            return reader.scalar(sa.select(models.utc_now()))

    def test_times_keep_their_fractions(self) -> None:
        moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 123456)
        self.register()
        self.execute(sa.update(models.conductors).values(created_at=moment))
        found = self.read()['host1'].created_at
        self.assertEqual(moment, found.replace(tzinfo=None))

    def test_the_clock_has_fractions_of_a_second(self) -> None:
        first = self.now()
        self.wait_for(lambda: self.now() != first, 'another time', seconds=0.5)

    def test_a_later_incarnation_takes_the_name_over(self) -> None:
        self.register(incarnation='run1', acme=ONE, old=TWO)
        first = self.read()['host1']
        self.age(5)
        self.register(incarnation='run2', acme=TWO, new=ONE)
        second = self.read()['host1']
        self.assertEqual('run2', second.incarnation)
        self.assertEqual(first.created_at, second.created_at)
        self.assertLessEqual(first.started_at, second.started_at)
        self.assertEqual(
            {'acme': TWO.digest, 'new': ONE.digest}, dict(second.drivers)
        )
        self.assertIs(False, self.store.heartbeat('host1', 'run1'))
        self.assertIs(False, self.store.withdraw('host1', 'run1'))
        self.assertTrue(self.read()['host1'].alive)
        self.assertIs(True, self.store.heartbeat('host1', 'run2'))

    def test_the_same_registration_twice_is_harmless(self) -> None:
        self.register()
        first = self.read()['host1']
        self.register()
        self.assertEqual(first.drivers, self.read()['host1'].drivers)

    def test_a_conductor_without_drivers_may_register(self) -> None:
        self.store.register('host1', 'run1', group='', drivers={})
        self.assertEqual({}, dict(self.read()['host1'].drivers))

    def test_without_heartbeats_it_counts_as_dead(self) -> None:
        self.register()
        self.age(TIMEOUT + 1)
        self.assertFalse(self.read()['host1'].alive)
        self.assertTrue(self.store.heartbeat('host1', 'run1'))
        self.assertTrue(self.read()['host1'].alive)

    def test_a_heartbeat_within_the_timeout_is_enough(self) -> None:
        self.register()
        self.age(TIMEOUT / 2)
        self.assertTrue(self.read()['host1'].alive)

    def test_a_clock_that_jumps_ahead_makes_no_conductor_dead(self) -> None:
        self.register('host1')
        self.register('host2')
        known = self.aged(self.read(), TIMEOUT / 2)
        self.assertTrue(self.store.heartbeat('host2', 'run1'))
        self.set_clock(TIMEOUT + 120)
        for name, record in self.read(known).items():
            self.assertTrue(record.alive, name)

    def test_a_clock_that_jumps_back_extends_no_timeout(self) -> None:
        self.register()
        self.set_clock(-TIMEOUT - 120)
        # The age of a heartbeat is at least zero.
        known = self.read()
        self.assertTrue(known['host1'].alive)
        found = self.read(self.aged(known, TIMEOUT + 1))
        self.assertFalse(found['host1'].alive)

    def test_a_clock_that_jumps_back_revives_no_conductor(self) -> None:
        self.register()
        self.age(TIMEOUT + 1)
        known = self.read()
        self.assertFalse(known['host1'].alive)
        self.set_clock(-TIMEOUT - 120)
        found = self.read(known)
        self.assertFalse(found['host1'].alive)
        self.assertTrue(self.store.heartbeat('host1', 'run1'))
        self.assertTrue(self.read(found)['host1'].alive)

    def set_clock(self, seconds: float) -> None:
        """Set the clock of the database ahead, as seen by readers."""
        read = conductors._heartbeat_monotonic

        def shifted(row: Any, *rest: Any) -> float:
            ahead = datetime.timedelta(seconds=seconds)
            values = row._asdict() | {'now': row.now + ahead}
            return read(types.SimpleNamespace(**values), *rest)

        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.db.conductors._heartbeat_monotonic', shifted
            )
        )

    def aged(
        self,
        known: collections.abc.Mapping[str, conductors.ConductorRecord],
        seconds: float,
    ) -> dict[str, conductors.ConductorRecord]:
        """Return records as if they had been read earlier."""
        return {
            name: dataclasses.replace(
                record,
                heartbeat_monotonic=record.heartbeat_monotonic - seconds,
                read_monotonic=record.read_monotonic - seconds,
            )
            for name, record in known.items()
        }

    def test_withdrawal(self) -> None:
        self.register()
        self.assertIs(True, self.store.withdraw('host1', 'run1'))
        record = self.read()['host1']
        self.assertFalse(record.alive)
        self.assertEqual({'acme': ONE.digest}, dict(record.drivers))
        self.assertTrue(self.store.heartbeat('host1', 'run1'))
        self.assertTrue(self.read()['host1'].alive)

    def test_a_heartbeat_of_an_unknown_host_is_false(self) -> None:
        self.assertIs(False, self.store.heartbeat('unknown', 'run1'))
        self.assertIs(False, self.store.withdraw('unknown', 'run1'))

    def test_deletion_of_a_conductor_deletes_its_drivers(self) -> None:
        self.register()
        self.execute(sa.delete(models.conductors))
        with self.database.reader() as reader:
            rows = reader.execute(sa.select(models.conductor_drivers)).all()
        self.assertEqual([], rows)
        self.assertEqual({'acme': ONE.digest}, self.store.newest_digests())

    def test_names_that_differ_in_case_are_different(self) -> None:
        self.register('host1', acme=ONE)
        self.register('HOST1', 'run2', ACME=TWO)
        found = self.read()
        self.assertEqual({'acme': ONE.digest}, dict(found['host1'].drivers))
        self.assertEqual({'ACME': TWO.digest}, dict(found['HOST1'].drivers))
        self.assertFalse(self.store.heartbeat('Host1', 'run1'))
        self.assertEqual({'acme', 'ACME'}, set(self.store.newest_digests()))

    def test_the_longest_names_fit(self) -> None:
        longest = '\N{PACKAGE}' * models.MAX_NAME_LENGTH
        self.store.register(
            longest,
            'i' * models.MAX_INCARNATION_LENGTH,
            group=longest,
            drivers={longest: ONE},
        )
        record = self.read()[longest]
        self.assertEqual(longest, record.group)
        self.assertEqual({longest: ONE.digest}, dict(record.drivers))

    def test_a_reader_uses_one_snapshot(self) -> None:
        """A registration between two queries of a reader is invisible."""
        self.register(incarnation='run1', acme=ONE)
        query = sa.select(models.conductor_drivers.c.digest)
        with self.database.reader() as reader:
            reader.execute(sa.select(models.conductors)).all()
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                pool.submit(self.register, 'host1', 'run2', acme=TWO).result(
                    TIMEOUT
                )
            self.assertEqual(ONE.digest, reader.scalar(query))
        with self.database.reader() as reader:
            self.assertEqual(TWO.digest, reader.scalar(query))

    def test_a_look_takes_two_queries_however_many_there_are(self) -> None:
        for number in range(5):
            self.register(f'host{number}', acme=ONE, zeta=TWO)
        with self.selects() as statements:
            self.assertEqual(5, len(self.read()))
        self.assertEqual(2, len(statements), statements)

    @contextlib.contextmanager
    def selects(self) -> collections.abc.Iterator[list[str]]:
        """Give a list that the queries in this context are added to."""
        statements: list[str] = []
        with self.database.connection() as connection:
            engine = connection.engine

        def note(_c: Any, _cursor: Any, text: str, *_: Any) -> None:
            if text.startswith('SELECT') and 'FROM' in text:
                statements.append(text)

        sa.event.listen(engine, 'before_cursor_execute', note)
        yield statements
        sa.event.remove(engine, 'before_cursor_execute', note)

    def test_what_is_known_is_not_read_again(self) -> None:
        for number in range(3):
            self.register(f'host{number}', acme=ONE)
        known = self.read()
        self.store.withdraw('host1', 'run1')
        with self.selects() as statements:
            found = self.read(known)
        self.assertEqual(1, len(statements), statements)
        self.assertEqual(3, len(found))
        self.assertFalse(found['host1'].alive)
        for name, record in found.items():
            self.assertIs(known[name].drivers, record.drivers)

    def test_new_registrations_are_read(self) -> None:
        self.register('host1', 'run1', acme=ONE)
        self.register('host2', 'run1', acme=ONE)
        self.register('host3', 'run1', acme=ONE)
        known = self.read()
        self.register('host1', 'run2', acme=TWO)
        self.execute(
            sa.delete(models.conductors).where(
                models.conductors.c.hostname == 'host3'
            )
        )
        self.register('host4', 'run1', zeta=TWO)
        found = self.read(known)
        self.assertEqual(
            {
                'host1': {'acme': TWO.digest},
                'host2': {'acme': ONE.digest},
                'host4': {'zeta': TWO.digest},
            },
            {name: dict(record.drivers) for name, record in found.items()},
        )

    def test_a_second_registration_of_an_incarnation_is_read(self) -> None:
        self.register('host1', 'run1', acme=ONE)
        known = self.read()
        first = self.now()
        self.wait_for(lambda: self.now() != first, 'another time')
        self.register('host1', 'run1', acme=TWO)
        self.assertEqual(
            {'acme': TWO.digest}, dict(self.read(known)['host1'].drivers)
        )

    def test_ping_answers(self) -> None:
        self.assertEqual('reachable', self.store.check())


class CatalogCases(RegistryCase):
    """Catalog documents."""

    def test_a_document_is_stored_once(self) -> None:
        for number in range(3):
            self.register(f'host{number}', acme=ONE)
        with self.database.reader() as reader:
            stored = reader.execute(sa.select(models.catalogs.c.digest))
            self.assertEqual([(ONE.digest,)], stored.all())

    def documents(
        self, *versions: conductors.Version
    ) -> dict[conductors.Version, Any]:
        found = self.store.documents(versions)
        return {version: json.loads(found[version]) for version in found}

    def test_two_drivers_may_have_the_same_document(self) -> None:
        self.register(acme=ONE, zeta=ONE)
        self.assertEqual(
            {'acme': ONE.digest, 'zeta': ONE.digest},
            self.store.newest_digests(),
        )
        self.assertEqual(
            {
                (driver, ONE.digest): ONE.document
                for driver in ('acme', 'zeta')
            },
            self.documents(('acme', ONE.digest), ('zeta', ONE.digest)),
        )

    def test_documents_are_stored_unchanged(self) -> None:
        odd = entry(
            {
                'nul': 'a\x00b',
                'surrogate': '\ud800',
                'smile': '\N{GRINNING FACE}',
                'number': 2**70,
                'large': 'x' * 1024 * 1024,
                'percent': '100 % :name',
            }
        )
        self.register(odd=odd)
        found = self.documents(
            ('odd', odd.digest), ('odd', 'f' * 64), ('other', odd.digest)
        )
        self.assertEqual({('odd', odd.digest): odd.document}, found)

    def test_more_documents_than_fit_one_query(self) -> None:
        many = {f'driver{n}': entry({'number': n}) for n in range(1100)}
        self.register(**many)
        versions = [(name, each.digest) for name, each in many.items()]
        self.assertEqual(1100, len(self.store.documents(versions)))
        self.assertEqual({}, self.store.documents([]))

    def test_the_newest_document_of_a_driver_remains(self) -> None:
        self.register(acme=ONE)
        moment = datetime.datetime(2026, 1, 1)
        self.execute(sa.update(models.catalogs).values(created_at=moment))
        self.register(incarnation='run2', acme=TWO)
        self.register(incarnation='run3', other=ONE)
        self.assertEqual(TWO.digest, self.store.newest_digests()['acme'])
        self.assertEqual(
            {('acme', TWO.digest): TWO.document},
            self.documents(('acme', TWO.digest)),
        )


class ConcurrencyCases(RegistryCase):
    """Concurrent transactions of several conductors."""

    THREADS = 8

    def at_once(self, work: Any) -> list[Any]:
        start = threading.Barrier(self.THREADS)

        def run(number: int) -> Any:
            start.wait(TIMEOUT)
            return work(number)

        with concurrent.futures.ThreadPoolExecutor(self.THREADS) as pool:
            return list(pool.map(run, range(self.THREADS)))

    def test_hosts_that_start_together_share_their_documents(self) -> None:
        drivers = {f'driver{n}': entry({'number': n}) for n in range(20)}
        for round_ in range(3):
            self.execute(sa.delete(models.conductors))
            self.execute(sa.delete(models.catalogs))
            self.at_once(
                lambda number, r=round_: self.register(
                    f'host{number}', f'run{r}', **drivers
                )
            )
            found = self.read()
            self.assertEqual(self.THREADS, len(found))
            for record in found.values():
                self.assertEqual(20, len(record.drivers))
                self.assertTrue(record.alive)

    def test_of_one_host_exactly_one_incarnation_wins(self) -> None:
        for _ in range(3):
            self.execute(sa.delete(models.conductors))
            self.at_once(
                lambda number: self.register(
                    'host1', f'run{number}', **{f'driver{number}': ONE}
                )
            )
            record = self.read()['host1']
            number = record.incarnation.removeprefix('run')
            self.assertEqual([f'driver{number}'], list(record.drivers))
            updated = self.at_once(
                lambda n: self.store.heartbeat('host1', f'run{n}')
            )
            self.assertEqual(1, updated.count(True))
            self.assertTrue(updated[int(number)])

    def test_heartbeats_during_registrations(self) -> None:
        self.at_once(lambda number: self.register(f'host{number}'))

        def work(number: int) -> bool:
            name = f'host{number}'
            if number % 2:
                self.register(name, 'run2', acme=TWO)
                return self.store.heartbeat(name, 'run2')
            return self.store.heartbeat(name, 'run1')

        self.assertEqual([True] * self.THREADS, self.at_once(work))


class ScaleCases(RegistryCase):
    """A site with many conductors."""

    CONDUCTORS = 1000
    DRIVERS = 20

    def test_a_refresh_takes_less_than_a_second_of_work(self) -> None:
        drivers = {
            f'driver{n}': entry(
                {f'method{m}': {'n': n, 'text': 'x' * 500} for m in range(20)}
            )
            for n in range(self.DRIVERS)
        }
        self.register('host0', **drivers)
        self._copy_conductor()
        start = time.thread_time()
        found = self.read()
        newest = self.store.newest_digests()
        documents = self.store.documents(newest.items())
        # CPU time of this thread: other tests may load the machine.
        self.assertLess(time.thread_time() - start, 1.0)
        self.assertEqual(self.CONDUCTORS, len(found))
        self.assertEqual(self.DRIVERS, len(documents))

    def _copy_conductor(self) -> None:
        with self.database.writer() as writer:
            row = dict(
                writer.execute(sa.select(models.conductors)).mappings().one()
            )
            drivers = [
                dict(driver)
                for driver in writer.execute(
                    sa.select(models.conductor_drivers)
                ).mappings()
            ]
            numbers = range(row['id'] + 1, row['id'] + self.CONDUCTORS)
            writer.execute(
                sa.insert(models.conductors),
                [row | {'id': n, 'hostname': f'host-{n}'} for n in numbers],
            )
            writer.execute(
                sa.insert(models.conductor_drivers),
                [
                    driver | {'conductor_id': n}
                    for n in numbers
                    for driver in drivers
                ],
            )


ALL_CASES = (
    SchemaCases,
    ConductorCases,
    CatalogCases,
    ConcurrencyCases,
    ScaleCases,
)
