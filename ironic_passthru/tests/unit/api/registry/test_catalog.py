# SPDX-License-Identifier: Apache-2.0
"""Tests of the catalog in memory."""

import json
import logging
import threading
from concurrent import futures
from typing import Any

import fixtures

from ironic_passthru import errors
from ironic_passthru.api.registry import catalog
from ironic_passthru.rpc import protocol
from ironic_passthru.tests.unit.api import fakes

_OLD = fakes.method('reset', description='old')
_NEW = fakes.method('reset', description='new')
_ONLY_OLD = fakes.method('beep')
_ONLY_NEW = fakes.method('boop')


class TestRefresh(fakes.CatalogCase):
    """Reads of the registry."""

    def test_nothing_is_read_before_it_is_needed(self) -> None:
        self.make()
        self.assertEqual(0, self.store.reads)

    def test_a_fresh_snapshot_serves_from_memory(self) -> None:
        self.store.add('c1', fakes.driver('d'))
        found = self.make()
        for _ in range(5):
            found.driver('d')
        self.assertEqual(1, self.store.reads)

    def test_a_stale_snapshot_is_read_anew(self) -> None:
        self.store.add('c1', fakes.driver('d', _OLD))
        found = self.make(max_age_seconds=0.0)
        found.driver('d')
        self.store.add('c1', fakes.driver('d', _NEW), started=1)
        route = found.route('d', 'reset')
        self.assertEqual('new', route.method.description)
        self.assertEqual(
            (protocol.ConductorAddress('c1', 'c1-1'),), route.servers
        )

    def test_a_document_is_read_once(self) -> None:
        driver = fakes.driver('d', _OLD)
        self.store.add('c1', driver)
        self.store.add('c2', driver)
        found = self.make(max_age_seconds=0.0)
        for _ in range(3):
            found.driver('d')
        self.assertEqual([driver.digest], self.store.documents_read)

    def test_one_thread_reads_while_others_go_on(self) -> None:
        self.store.add('c1', fakes.driver('d'))
        found = self.make(max_age_seconds=0.0)
        old = found.snapshot()
        reading, go_on = threading.Event(), threading.Event()
        read = self.store.newest_digests

        def slow() -> dict[str, str]:
            reading.set()
            self.assertTrue(go_on.wait(10))
            return read()

        self.store.newest_digests = slow  # type: ignore[method-assign]
        thread = threading.Thread(target=found.snapshot)
        thread.start()
        self.assertTrue(reading.wait(10))
        self.assertIs(old, found.snapshot())
        go_on.set()
        thread.join(10)
        self.assertIsNot(old, found.snapshot())


class TestReuse(fakes.CatalogCase):
    """A refresh keeps unchanged objects."""

    def setUp(self) -> None:
        super().setUp()
        self.store.add('c1', fakes.driver('d', _OLD), fakes.driver('e'))
        self.store.add('c2', fakes.driver('d', _OLD))
        self.catalog = self.make(max_age_seconds=0.0)
        self.old = self.catalog.snapshot().drivers

    def kept(self) -> set[str]:
        """Return the drivers that are the same after a refresh."""
        new = self.catalog.snapshot().drivers
        return {name for name in new if new[name] is self.old.get(name)}

    def test_entries_are_kept(self) -> None:
        self.assertEqual({'d', 'e'}, self.kept())
        self.assertEqual(['c1', 'c2'], self.store.offers_read)

    def test_a_restart_changes_the_entries_that_it_concerns(self) -> None:
        self.store.add('c2', fakes.driver('d', _OLD), started=1)
        self.assertEqual({'e'}, self.kept())
        self.assertEqual(['c1', 'c2', 'c2'], self.store.offers_read)
        servers = self.catalog.route('d', 'reset').servers
        self.assertEqual(
            {
                protocol.ConductorAddress('c1', 'c1-0'),
                protocol.ConductorAddress('c2', 'c2-1'),
            },
            set(servers),
        )

    def test_one_that_dies_and_returns_is_followed(self) -> None:
        self.store.add('c2', fakes.driver('d', _OLD), alive=False)
        self.assertEqual({'e'}, self.kept())
        self.assertEqual(['c1'], self.catalog.driver('d').hosts)
        self.store.add('c2', fakes.driver('d', _OLD))
        self.assertEqual(['c1', 'c2'], self.catalog.driver('d').hosts)
        self.assertEqual(['c1', 'c2'], self.store.offers_read)

    def test_a_driver_that_is_no_longer_offered_is_noticed(self) -> None:
        self.store.add('c1', fakes.driver('d', _OLD), started=1)
        self.assertEqual(set(), self.kept())
        self.assertEqual((), self.catalog.driver('e').versions)

    def test_a_newer_document_of_a_dead_driver_is_noticed(self) -> None:
        self.store.add('c1', started=1)
        self.store.add('c2', started=1)
        self.assertEqual({'reset'}, self.catalog.driver('d').methods.keys())
        self.store.add('c3', fakes.driver('d', _ONLY_NEW), alive=False)
        self.assertEqual({'boop'}, self.catalog.driver('d').methods.keys())

    def test_methods_of_one_version_share_their_servers(self) -> None:
        self.store.add('c3', fakes.driver('f', _OLD, _ONLY_OLD))
        reset = self.catalog.route('f', 'reset')
        beep = self.catalog.route('f', 'beep')
        self.assertIs(reset.servers, beep.servers)
        self.assertIs(reset.groups, beep.groups)

    def test_one_driver_under_two_names_stays_two(self) -> None:
        # The store takes any digest, this one for two drivers.
        digest = fakes.driver('d', _OLD).digest
        self.store._newest['alias'] = digest
        self.assertEqual('alias', self.catalog.driver('alias').name)
        self.assertEqual('d', self.catalog.driver('d').name)


class TestMiss(fakes.CatalogCase):
    """A miss refreshes the snapshot, but not too often."""

    def setUp(self) -> None:
        super().setUp()
        self.store.add('c1', fakes.driver('d', _OLD))
        self.catalog = self.make()
        self.catalog.driver('d')
        # As if the snapshot were some time old, though not yet stale.
        self.catalog._read_at -= 10.0

    def test_a_new_driver_is_seen_at_once(self) -> None:
        self.store.add('c2', fakes.driver('e'))
        self.assertEqual('e', self.catalog.driver('e').name)

    def test_a_new_method_is_seen_at_once(self) -> None:
        self.store.add('c1', fakes.driver('d', _OLD, _ONLY_NEW), started=1)
        method = self.catalog.route('d', 'boop').method
        self.assertEqual('boop', method.name)

    def test_a_conductor_that_returns_is_seen_at_once(self) -> None:
        self.store.add('c1', fakes.driver('d', _OLD), alive=False)
        self.catalog._refresh(not_older_than=0.2)
        self.catalog._read_at -= 10.0
        self.store.add('c1', fakes.driver('d', _OLD), started=1)
        servers = self.catalog.route('d', 'reset').servers
        self.assertEqual(1, len(servers))

    def test_a_new_conductor_is_seen_at_once(self) -> None:
        self.store.add('c2')
        self.assertEqual('c2', self.catalog.conductor('c2').hostname)

    def test_many_misses_read_once(self) -> None:
        for number in range(50):
            self.assertRaises(
                errors.DriverNotFound, self.catalog.driver, f'x{number}'
            )
            self.assertRaises(
                errors.MethodNotFound, self.catalog.route, 'd', f'{number}'
            )
        # One for the miss; a slow machine may need one more.
        self.assertLessEqual(self.store.reads, 1 + 2)

    def test_unknown_names(self) -> None:
        for error, call in (
            (errors.DriverNotFound, lambda: self.catalog.driver('x')),
            (errors.DriverNotFound, lambda: self.catalog.route('x', 'm')),
            (errors.MethodNotFound, lambda: self.catalog.route('d', 'm')),
            (errors.MissingMethod, lambda: self.catalog.route('d', '')),
            (errors.ConductorNotFound, lambda: self.catalog.conductor('x')),
        ):
            self.assertRaises(error, call)


class TestRegistryAway(fakes.CatalogCase):
    """The last snapshot is used while the database is unavailable."""

    def test_the_last_snapshot_serves(self) -> None:
        self.store.add('c1', fakes.driver('d', _OLD))
        found = self.make(max_age_seconds=0.0)
        found.driver('d')
        self.store.unavailable = True
        servers = found.route('d', 'reset').servers
        self.assertEqual('c1', servers[0].hostname)
        self.assertRaises(errors.DriverNotFound, found.driver, 'x')

    def test_it_is_read_again_once_it_is_back(self) -> None:
        self.store.add('c1', fakes.driver('d', _OLD))
        found = self.make(max_age_seconds=0.0)
        found.driver('d')
        self.store.unavailable = True
        found.driver('d')
        self.store.unavailable = False
        self.store.add('c2', fakes.driver('e'))
        self.assertEqual('e', found.driver('e').name)

    def test_without_any_snapshot(self) -> None:
        self.store.unavailable = True
        found = self.make()
        self.assertRaises(errors.RegistryUnavailable, found.driver, 'd')
        self.store.unavailable = False
        self.assertRaises(errors.DriverNotFound, found.driver, 'd')

    def test_those_who_wait_fail_together(self) -> None:
        found = self.make()
        reading, go_on = threading.Event(), threading.Event()
        reads = []

        def slow(**_: float) -> list[Any]:
            reads.append(1)
            reading.set()
            self.assertTrue(go_on.wait(10))
            raise errors.RegistryUnavailable()

        self.store.conductors = slow  # type: ignore[method-assign]
        with futures.ThreadPoolExecutor(8) as pool:
            first = pool.submit(found.snapshot)
            self.assertTrue(reading.wait(10))
            others = [pool.submit(found.snapshot) for _ in range(7)]
            self.wait_for(
                lambda: not pool._work_queue.qsize(), 'all have begun'
            )
            # What is left of them is to get in line for the lock.
            futures.wait(others, timeout=0.1)
            go_on.set()
        for one in (first, *others):
            self.assertIsInstance(one.exception(), errors.RegistryUnavailable)
        self.assertEqual([1], reads)


def _document(name: str, **values: Any) -> dict[str, Any]:
    """Return the document of a driver with one method."""
    document = fakes.driver('odd', fakes.method(name)).to_document()
    document['methods'][name] |= values
    return document


# Documents that no release publishes.
_UNUSABLE = [
    *('', 'no JSON', '[]', 'null', '"text"', '{}', '{"methods": {}}'),
    '[' * 100_000,
    '{"methods": ' * 100_000,
    '{"methods": {}, "properties": {"p": NaN}}',
    '{"methods": {}, "properties": {"p": 1e999}}',
    f'{{"methods": {{}}, "properties": {{"p": {"9" * 5000}}}}}',
    f'{{"methods": {{}}, "properties": {{"p": "{"x" * 3_000_000}"}}}}',
    *(
        json.dumps(document)
        for document in (
            {'methods': [], 'properties': {}},
            {'methods': {}, 'properties': []},
            {'methods': {}, 'properties': {'p': 1}},
            {'methods': {'m': None}, 'properties': {}},
            {'methods': {'m': {'schema': {}}}, 'properties': {}},
            _document('m', http_methods='GET'),
            _document('m', http_methods=[None]),
            _document('m', description=None),
            _document('m', dangerous='false'),
            _document('m', allowed=None),
            _document('m', **{'async': 1}),
            _document('m', attach='no'),
            _document('m', timeout='60'),
            _document('m', timeout=-1),
            _document('m', timeout=True),
            _document('m', target='rack'),
            _document('m', secret=[['pin']]),
            *(
                _document('m', schema=schema)
                for schema in (
                    None,
                    True,
                    [],
                    {'type': 'strong'},
                    {'properties': []},
                    {'$ref': 'http://127.0.0.1:9/schema.json'},
                    {'properties': {'p': {'$ref': 'file:///etc/hostname'}}},
                    {'pattern': '('},
                    {'pattern': 'a{99999999999999999999}'},
                    {'pattern': '(' * 4000 + ')' * 4000},
                    {'pattern': 'a' * 1_000_000},
                    {'required': [{'n': n} for n in range(20_000)]},
                )
            ),
        )
    ),
]


class TestUnreadable(fakes.CatalogCase):
    """A document of another release."""

    def test_it_hides_nothing_else(self) -> None:
        self.store.add('c1', fakes.driver('d', _OLD), fakes.driver('odd'))
        odd = self.store._newest['odd']
        for document in (
            {},
            {'properties': {}, 'methods': {'m': {'schema': {}}}},
            {'properties': {}, 'methods': []},
        ):
            self.store._documents[odd] = json.dumps(document)
            made = self.make()
            self.assertEqual(['c1'], made.driver('d').hosts)
            self.assertRaises(errors.DriverNotFound, made.driver, 'odd')
            self.assertEqual('1 of 1 alive', made.check())
        del self.store._documents[odd]
        self.assertEqual(['c1'], self.make().driver('d').hosts)

    def test_it_is_read_and_reported_once(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.ERROR))
        self.store.add('c1', fakes.driver('odd'))
        odd = self.store._newest['odd']
        self.store._documents[odd] = '{}'
        made = self.make(max_age_seconds=0.0)
        for _ in range(3):
            self.assertRaises(errors.DriverNotFound, made.driver, 'odd')
        self.assertEqual([odd], self.store.documents_read)
        self.assertEqual(1, log.output.count("driver 'odd'"), log.output)

    def test_each_fault_costs_its_own_driver_alone(self) -> None:
        self.store.add('c1', fakes.driver('d', _OLD), fakes.driver('odd'))
        odd = self.store._newest['odd']
        for text in _UNUSABLE:
            self.store._documents[odd] = text
            made = self.make(max_age_seconds=0.0)
            with self.assertLogs(catalog.__name__, 'ERROR') as logged:
                for _ in range(3):
                    self.assertEqual(
                        ['d'], list(made.snapshot().drivers), text[:99]
                    )
            (line,) = logged.output
            self.assertIn(f"{odd} of driver 'odd'", line)
            self.assertLess(len(line), 600)
            self.assertEqual(1, len(made.route('d', 'reset').servers))

    def test_another_release_is_read(self) -> None:
        old = _document('m')
        method = old['methods']['m']
        for name in ('timeout', 'target', 'dangerous', 'allowed', 'secret'):
            del method[name]
        new = _document('m', schema={'$id': 'acme', 'x-new': {}})
        new |= {'version': 2, 'added': [None]}
        new['methods']['m'] |= {'added': {'in': 'a later release'}}
        self.store.add('c1', fakes.driver('d'))
        for document in (old, new):
            self.store._documents[self.store._newest['d']] = json.dumps(
                document
            )
            self.assertEqual({'m'}, self.make().driver('d').methods.keys())

    def test_the_document_of_another_driver_is_not_used(self) -> None:
        self.store.add('c1', fakes.driver('d', _OLD))
        digest = self.store._newest['other'] = self.store._newest['d']
        read = self.store.documents
        self.store.documents = lambda versions: {  # type: ignore[assignment]
            **read(versions),
            ('other', digest): 'odd',
        }
        self.assertEqual(['d'], list(self.make().snapshot().drivers))

    def test_a_missing_document_is_read_again(self) -> None:
        self.store.add('c1', fakes.driver('late'))
        digest = self.store._newest['late']
        document = self.store._documents.pop(digest)
        made = self.make(max_age_seconds=0.0)
        self.assertRaises(errors.DriverNotFound, made.driver, 'late')
        self.store._documents[digest] = document
        self.assertEqual(['c1'], made.driver('late').hosts)


class TestDead(fakes.CatalogCase):
    """Drivers whose conductors are all dead."""

    def setUp(self) -> None:
        super().setUp()
        self.store.add('c1', fakes.driver('d', _OLD, p='text'), alive=False)
        self.catalog = self.make()

    def test_they_stay_known(self) -> None:
        entry = self.catalog.driver('d')
        self.assertEqual([], entry.hosts)
        self.assertEqual({'reset'}, entry.methods.keys())
        self.assertEqual({'p': 'text'}, entry.spec.properties)

    def test_a_call_may_be_sent_again(self) -> None:
        for method in ('unknown', ''):
            self.assertRaises(
                errors.NoLiveConductor, self.catalog.route, 'd', method
            )
        route = self.catalog.route('d', 'reset')
        self.assertEqual(('reset', ()), (route.method.name, route.servers))

    def test_the_check_with_a_live_conductor(self) -> None:
        self.assertRaises(errors.NoConductorAlive, self.catalog.check)
        self.store.add('c2')
        self.assertEqual('1 of 2 alive', self.make().check())
