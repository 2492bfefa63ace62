# SPDX-License-Identifier: Apache-2.0
"""Tests of drivers, their versions and routes."""

from ironic_passthru import spec
from ironic_passthru.tests.unit.api import fakes

_OLD = fakes.method('reset', description='old')
_NEW = fakes.method('reset', description='new')
_ONLY_OLD = fakes.method('beep')
_ONLY_NEW = fakes.method('boop')


class TestMerge(fakes.CatalogCase):
    """Conductors that offer different versions of one driver."""

    def setUp(self) -> None:
        super().setUp()
        self.store.add('new', fakes.driver('d', _NEW, _ONLY_NEW), started=2)
        self.store.add('old', fakes.driver('d', _OLD, _ONLY_OLD), started=1)
        self.store.add('new2', fakes.driver('d', _NEW, _ONLY_NEW), started=3)
        self.catalog = self.make()

    def servers(self, method: str) -> list[str]:
        servers = self.catalog.route('d', method).servers
        return sorted(server.hostname for server in servers)

    def test_the_spec_that_started_last_counts(self) -> None:
        method = self.catalog.route('d', 'reset').method
        self.assertEqual('new', method.description)

    def test_calls_go_only_to_conductors_of_that_spec(self) -> None:
        self.assertEqual(['new', 'new2'], self.servers('reset'))

    def test_methods_that_only_some_have_are_offered_by_these(self) -> None:
        self.assertEqual(['old'], self.servers('beep'))
        self.assertEqual(['new', 'new2'], self.servers('boop'))

    def test_all_of_them_are_hosts(self) -> None:
        entry = self.catalog.driver('d')
        self.assertEqual(['new', 'new2', 'old'], entry.hosts)
        self.assertEqual({'reset', 'beep', 'boop'}, entry.methods.keys())

    def test_equal_methods_of_two_versions_share_the_load(self) -> None:
        self.store.add('old', fakes.driver('d', _NEW, _ONLY_OLD), started=1)
        self.assertEqual(['new', 'new2', 'old'], self.servers('reset'))


class TestGroups(fakes.CatalogCase):
    """Conductor groups of routes."""

    def setUp(self) -> None:
        super().setUp()
        driver = fakes.driver('d', _OLD, _ONLY_OLD)
        self.store.add('a1', driver, group='a', started=1)
        self.store.add('b1', driver, group='b', started=2)
        self.store.add('a2', driver, group='a', started=3)
        self.store.add('n1', fakes.driver('d', _OLD), started=4)

    def hosts(self, method: str = 'reset') -> dict[str, list[str]]:
        route = self.make().route('d', method)
        return {
            group: [server.hostname for server in servers]
            for group, servers in route.groups.items()
        }

    def test_servers_stand_in_their_groups(self) -> None:
        self.assertEqual(
            {'a': ['a2', 'a1'], 'b': ['b1'], '': ['n1']}, self.hosts()
        )
        self.assertEqual({'a': ['a2', 'a1'], 'b': ['b1']}, self.hosts('beep'))

    def test_some_of_them(self) -> None:
        route = self.make().route('d', 'reset')
        for names, wanted in (
            (['a', 'b', ''], ['n1', 'a2', 'b1', 'a1']),
            (['a', ''], ['a2', 'a1', 'n1']),
            (['b'], ['b1']),
            ([], []),
        ):
            servers = route.within(names)
            self.assertEqual(wanted, [one.hostname for one in servers])

    def test_one_group_costs_no_second_list(self) -> None:
        self.store.add('x', fakes.driver('e', _OLD), group='x')
        route = self.make().route('e', 'reset')
        self.assertIs(route.servers, route.groups['x'])
        self.assertIs(route.servers, route.within(['x']))

    def test_within_one_of_them(self) -> None:
        self.store.add('b1', fakes.driver('d', _NEW, _ONLY_NEW), group='b')
        self.store.add('x1', fakes.driver('d', _NEW), group='x', alive=False)
        entry = self.make().driver('d')
        for group, hosts, methods in (
            ('a', ['a1', 'a2'], {'reset', 'beep'}),
            ('b', ['b1'], {'reset', 'boop'}),
            ('', ['n1'], {'reset'}),
        ):
            narrow = entry.within_group(group)
            assert narrow is not None
            self.assertEqual(hosts, narrow.hosts)
            self.assertEqual(methods, narrow.methods.keys())
            self.assertEqual([group], list(narrow.route('reset').groups))
            self.assertIs(narrow, entry.within_group(group))
        dead = entry.within_group('x')
        assert dead is not None
        self.assertEqual((), dead.route('reset').servers)
        self.assertIsNone(entry.within_group('y'))

    def test_a_single_group_shares_the_entry(self) -> None:
        self.store.add('x', fakes.driver('e', _OLD), group='x')
        entry = self.make().driver('e')
        self.assertIs(entry, entry.within_group('x'))

    def test_the_groups_of_the_dead_are_known(self) -> None:
        for host, group in (('a1', 'a'), ('b1', 'b'), ('a2', 'a'), ('n1', '')):
            driver = fakes.driver('d', _OLD)
            self.store.add(host, driver, group=group, alive=False)
        self.assertEqual({'': [], 'a': [], 'b': []}, self.hosts())
        self.assertEqual({'', 'a', 'b'}, self.make().snapshot().groups)
        # A conductor is available again, with another driver.
        self.store.add('a1', fakes.driver('e'), group='a', started=9)
        self.assertEqual({'': [], 'a': [], 'b': []}, self.hosts())

    def test_a_driver_without_conductors(self) -> None:
        for host in ('a1', 'b1', 'a2', 'n1'):
            self.store.add(host, group='a', started=9)
        self.assertEqual({'': []}, self.hosts())

    def test_a_refresh_notices_a_change_of_dead_ones(self) -> None:
        made = self.make(max_age_seconds=0.0)
        driver = fakes.driver('e', _OLD)
        self.store.add('x', driver, group='x', alive=False)
        self.assertEqual({'x'}, set(made.route('e', 'reset').groups))
        self.store.add('y', driver, group='y', alive=False)
        self.assertEqual({'x', 'y'}, set(made.route('e', 'reset').groups))


class TestAllowed(fakes.CatalogCase):
    """Dangerous methods, allowed by some conductors."""

    yes = fakes.method('wipe', dangerous=True, allowed=True)
    no = fakes.method('wipe', dangerous=True, allowed=False)
    # Of a version of the driver that does not call it dangerous.
    plain = fakes.method('wipe')

    def route(self, *methods: spec.MethodSpec) -> tuple[bool, list[str]]:
        """Return the route of a call; the first version started last."""
        self.store = fakes.FakeStore()
        for number, method in enumerate(methods):
            self.store.add(
                f'c{number}', fakes.driver('d', method), started=9 - number
            )
        route = self.make().route('d', 'wipe')
        hosts = sorted(server.hostname for server in route.servers)
        return route.method.allowed, hosts

    def test_calls_go_to_those_that_allow_it(self) -> None:
        self.assertEqual((True, ['c1']), self.route(self.no, self.yes))
        self.assertEqual((True, ['c0']), self.route(self.yes, self.no))
        self.assertEqual(
            (True, ['c1', 'c3']),
            self.route(self.no, self.yes, self.no, self.yes),
        )

    def test_no_conductor_allows_it(self) -> None:
        self.assertEqual((False, ['c0', 'c1']), self.route(self.no, self.no))

    def test_an_older_version_is_no_way_round(self) -> None:
        self.assertEqual((False, ['c0']), self.route(self.no, self.plain))
        self.assertEqual((True, ['c0']), self.route(self.yes, self.plain))

    def test_the_methods_to_show(self) -> None:
        self.store.add('c', fakes.driver('d', self.no, _OLD))
        entry = self.make().driver('d')
        self.assertEqual({'wipe', 'reset'}, entry.methods.keys())
        self.assertEqual({'reset'}, entry.allowed.methods.keys())
        self.assertIs(entry.allowed, entry.allowed)
