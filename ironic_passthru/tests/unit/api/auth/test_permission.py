# SPDX-License-Identifier: Apache-2.0
"""Tests of the policy over HTTP."""

import json
import pathlib
import socket
from typing import Any
from unittest import mock

import fixtures
import webob

from ironic_passthru import operation
from ironic_passthru import policies
from ironic_passthru.api.auth import policy_rules as decisions
from ironic_passthru.policies import drivers as rules
from ironic_passthru.tests import callers
from ironic_passthru.tests import routes
from ironic_passthru.tests.unit.api import fakes

_LATEST = {'X_OpenStack_Ironic_API_Version': '1.115'}
_PROBLEM = {'Accept': 'application/problem+json'}
_PASSTHRU = '/v1/drivers/{}/vendor_passthru'

_READ = fakes.method('read', http_methods=('GET',))
_WRITE = fakes.method('write', http_methods=('POST', 'PUT'))
_WIPE = fakes.method('wipe', http_methods=('POST',), dangerous=True)
_REFUSED = fakes.method(
    'refused', http_methods=('POST',), dangerous=True, allowed=False
)


class PermissionCase(fakes.ApplicationCase):
    """Requests of several callers to one site."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(callers.Callers())
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.store.add(
            'c', fakes.driver('d', _READ, _WRITE, _WIPE, _REFUSED, p='text')
        )
        self.store.add('dead', fakes.driver('gone', _READ), alive=False)
        self.build()

    def rule(self, **checks: str) -> None:
        """Build the application with other rules on drivers."""
        names = {'get': rules.GET, 'call': rules.CALL}
        texts = {names.get(key, key): text for key, text in checks.items()}
        self.rules(texts)

    def rules(self, texts: dict[str, str]) -> None:
        path = self.directory / 'policy.yaml'
        path.write_text(json.dumps(texts))
        self.conf.set_override('policy_file', str(path), 'oslo_policy')
        self.build()

    def send(
        self, who: str, path: str, http_method: str = 'GET', **headers: str
    ) -> webob.Response:
        return self.ask(path, http_method, X_Caller=who, **_LATEST | headers)

    def call(
        self,
        who: str,
        method: str,
        http_method: str = 'GET',
        *,
        driver: str = 'd',
        **headers: str,
    ) -> webob.Response:
        path = f'{_PASSTHRU.format(driver)}/{method}'
        return self.send(who, path, http_method, **headers)

    def listed(self, who: str) -> list[str]:
        """Return the methods that a caller sees."""
        response = self.send(who, f'{_PASSTHRU.format("d")}/methods')
        self.assertEqual(200, response.status_int, response.text)
        return list(response.json)

    def code(self, response: webob.Response) -> tuple[int, str]:
        return response.status_int, response.json['code']


class TestRoutes(PermissionCase):
    """Permission for every route."""

    def requests(self) -> list[tuple[str, str]]:
        """Return verb and path of a request for each route and verb."""
        self.operations.add('o1', project_id='p1')
        return routes.requests(
            driver='d', method='read', hostname='c', operation='o1'
        )

    def test_without_login(self) -> None:
        self.assertGreater(len(self.requests()), 20)
        for http_method, path in self.requests():
            response = self.ask(path, http_method, **_LATEST)
            self.assertEqual(401, response.status_int, (http_method, path))

    def test_without_a_role(self) -> None:
        for http_method, path in self.requests():
            for who in ('no-role', 'no-role-in-system'):
                response = self.send(who, path, http_method, **_PROBLEM)
                self.assertEqual(403, response.status_int, (http_method, path))
                if http_method != 'HEAD':
                    self.assertEqual('forbidden', response.json['code'])
        self.assertEqual([], self.bus.calls)

    def test_the_administrator_may_do_all(self) -> None:
        for http_method, path in self.requests():
            response = self.send('system-admin', path, http_method)
            self.assertNotIn(
                response.status_int, (401, 403), (http_method, path)
            )

    def test_what_needs_no_login(self) -> None:
        for path in ('/', '/v1', '/v1/', '/healthcheck'):
            self.assertEqual(200, self.ask(path).status_int, path)

    def test_a_refusal_comes_before_any_other_fault(self) -> None:
        for path, http_method in (
            ('/v1/drivers?detail=odd', 'GET'),
            ('/v1/drivers/d?fields=odd', 'GET'),
            ('/v1/conductors?x=1', 'GET'),
            ('/v1/operations?limit=x', 'GET'),
            (f'{_PASSTHRU.format("d")}', 'GET'),
            (f'{_PASSTHRU.format("d")}?method=', 'GET'),
            (f'{_PASSTHRU.format("d")}?x=1', 'POST'),
            (f'{_PASSTHRU.format("d")}/read', 'BREW'),
            (f'{_PASSTHRU.format("d")}/read?method=read', 'GET'),
        ):
            response = self.send(
                'no-role', path, http_method, Accept='text/odd'
            )
            self.assertEqual(403, response.status_int, path)

    def test_an_unknown_route_is_404_for_all_callers(self) -> None:
        for path in ('/v1/nodes', '/v1/drivers/d/odd', '/healthcheck/odd'):
            self.assertEqual(404, self.send('no-role', path).status_int)
        old = {'X_OpenStack_Ironic_API_Version': '1.48'}
        response = self.send('no-role', '/v1/conductors', **old)
        self.assertEqual(404, response.status_int)


class TestExistence(PermissionCase):
    """A rejection does not show whether the resource exists."""

    def answer(self, who: str, path: str, http_method: str = 'GET') -> Any:
        """Return a response without ids and names."""
        response = self.send(who, path, http_method, **_PROBLEM)
        body = dict(response.json) if response.body else {}
        body.pop('request_id', None)
        headers = {
            name: value
            for name, value in response.headers.items()
            if 'request-id' not in name.lower()
        }
        return response.status_int, sorted(headers.items()), body

    def check_same(
        self, who: str, *paths: str, http_method: str = 'GET'
    ) -> None:
        first, *others = (
            self.answer(who, path, http_method) for path in paths
        )
        for path, other in zip(paths[1:], others, strict=True):
            self.assertEqual(first, other, (who, path))

    def test_drivers(self) -> None:
        for rest in ('', '/properties', '/vendor_passthru/methods'):
            self.check_same(
                'no-role',
                *(f'/v1/drivers/{d}{rest}' for d in ('d', 'gone', 'nope')),
            )

    def test_methods(self) -> None:
        paths = [
            f'{_PASSTHRU.format(driver)}{rest}'
            for driver in ('d', 'gone', 'nope')
            for rest in (
                '',
                '/read',
                '/wipe',
                '/refused',
                '/x',
                '?method=read',
            )
        ]
        for http_method in ('GET', 'POST', 'PATCH', 'BREW'):
            for who in ('no-role', 'system-reader', 'project-admin'):
                self.check_same(who, *paths, http_method=http_method)

    def test_a_narrow_rule_shows_no_more(self) -> None:
        self.rule(
            call="role:reader and 'd':%(driver)s and 'read':%(method)s "
            "and 'GET':%(http_method)s"
        )
        self.assertEqual(200, self.call('project-reader', 'read').status_int)
        paths = [
            f'{_PASSTHRU.format(driver)}{rest}'
            for driver in ('d', 'gone', 'nope')
            for rest in ('', '/write', '/wipe', '/refused', '/x', '/methods?')
        ]
        self.check_same('project-reader', *paths, http_method='POST')
        reading = [path for path in paths if not path.endswith('/methods?')]
        self.check_same('project-reader', *reading)
        # A rule for a name does not depend on its existence.
        self.rule(call="'x':%(method)s")
        found = self.call('project-reader', 'x', **_PROBLEM)
        self.assertEqual((400, 'method_not_found'), self.code(found))

    def test_a_rule_on_danger_or_groups_hides_what_it_could_hide(self) -> None:
        for check in (
            'False:%(dangerous)s',
            "'':%(conductor_group)s",
            "not 'rack':%(conductor_group)s",
        ):
            self.store.add('r', fakes.driver('r', _WIPE), group='rack')
            self.rule(call=check)
            known = self.call('no-role', 'wipe', 'POST', driver='r')
            if 'dangerous' in check:
                known = self.call('no-role', 'wipe', 'POST')
            self.assertEqual(403, known.status_int, check)
            for driver, method in (('d', 'x'), ('nope', 'wipe'), ('d', '')):
                response = self.call('no-role', method, 'POST', driver=driver)
                self.assertEqual(403, response.status_int, (check, method))

    def test_conductors(self) -> None:
        for who in ('no-role', 'project-reader'):
            self.check_same(
                who, *(f'/v1/conductors/{c}' for c in ('c', 'dead', 'nope'))
            )

    def test_operations(self) -> None:
        self.operations.add('of-p2', project_id='p2')
        self.operations.add('final', project_id='p2')
        self.operations.succeed('final', [1])
        self.operations.add('of-no')
        ids = ('of-p2', 'final', 'of-no', 'never')
        for who, status in (('no-role', 403), ('project-admin', 404)):
            for http_method, rest in (
                ('GET', ''),
                ('GET', '/result'),
                ('DELETE', ''),
                ('GET', '?fields=odd'),
            ):
                for one in ids:
                    found = self.answer(
                        who, f'/v1/operations/{one}{rest}', http_method
                    )
                    self.assertEqual(status, found[0])
                    text = json.dumps(found).replace(one, 'ID')
                    if one == ids[0]:
                        first = text
                    self.assertEqual(first, text)
        self.assertIs(
            operation.State.QUEUED, self.operations.found['of-p2'].state
        )

    def test_errors_for_permitted_callers(self) -> None:
        for path, http_method, wanted in (
            ('/v1/drivers/nope', 'GET', (404, 'driver_not_found')),
            ('/v1/conductors/nope', 'GET', (404, 'conductor_not_found')),
            ('/v1/operations/nope', 'DELETE', (404, 'operation_not_found')),
            (
                f'{_PASSTHRU.format("nope")}/m',
                'GET',
                (404, 'driver_not_found'),
            ),
            (f'{_PASSTHRU.format("d")}/m', 'GET', (400, 'method_not_found')),
            (f'{_PASSTHRU.format("d")}', 'GET', (400, 'missing_method')),
            (
                f'{_PASSTHRU.format("gone")}/m',
                'GET',
                (503, 'no_live_conductor'),
            ),
            (
                f'{_PASSTHRU.format("gone")}/read',
                'GET',
                (503, 'no_live_conductor'),
            ),
        ):
            response = self.send('system-admin', path, http_method, **_PROBLEM)
            self.assertEqual(wanted, self.code(response), path)


class TestWork(PermissionCase):
    """The work of a rejection does not depend on what exists.

    Counted work stands for time, which tests cannot judge.
    """

    def setUp(self) -> None:
        super().setUp()
        self.store.add('r', fakes.driver('r', _READ, _WIPE), group='rack')
        self.operations.add('of-p2', project_id='p2', parameters={'a': 'b'})
        self.asked: list[str] = []
        patches = [
            mock.patch.object(decisions.PolicyRules, name, self.counted(name))
            for name in ('decide', '_authorize')
        ]
        for store in (self.store, self.operations):
            for name in ('conductors', 'documents', 'owner', 'get', 'page'):
                if hasattr(store, name):
                    patches.append(
                        mock.patch.object(
                            type(store), name, self.counted(name, type(store))
                        )
                    )
        for patch in patches:
            patch.start()
            self.addCleanup(patch.stop)

    def counted(self, name: str, owner: type = decisions.PolicyRules) -> Any:
        function = getattr(owner, name)

        def count(*positional: Any, **named: Any) -> Any:
            self.asked.append(name)
            return function(*positional, **named)

        return count

    def work(
        self, who: str, path: str, http_method: str, **headers: str
    ) -> list[str]:
        """Return the work of one rejection, when a miss would refresh."""
        # Not stale yet, but old enough to be read again for a miss.
        self.catalog._max_age_seconds = 1000.0
        self.catalog._read_at -= 10.0
        self.asked.clear()
        response = self.send(who, path, http_method, **headers)
        refusals = (404,) if 'operations' in path else ()
        self.assertIn(response.status_int, (403, *refusals), (who, path))
        return list(self.asked)

    def check(
        self, who: str, path: str, existing: str, http_method: str = 'GET'
    ) -> None:
        """Compare rejections for existing and missing resources."""
        # What does not depend on names is decided at the first request.
        self.send(who, path.format('other'), http_method)
        # Twice: the first time could leave something behind.
        for _ in range(2):
            wanted = self.work(who, path.format(existing), http_method)
            found = self.work(who, path.format('missing'), http_method)
            self.assertEqual(wanted, found, (who, path, existing))
            self.assertNotIn('conductors', wanted)

    def calls(self, who: str) -> None:
        call = _PASSTHRU.format('d')
        for path in (f'{call}/{{}}', f'{call}?method={{}}'):
            for existing in ('wipe', 'refused'):
                self.check(who, path, existing, 'POST')
        for driver in ('d', 'gone', 'r'):
            self.check(who, f'{_PASSTHRU}/wipe', driver, 'POST')

    def test_calls(self) -> None:
        for who in ('no-role', 'system-reader', 'project-admin'):
            self.calls(who)

    def test_calls_under_rules_on_names(self) -> None:
        for check in (
            "role:admin and 'read':%(method)s",
            "'GET':%(http_method)s and not 'gone':%(driver)s",
            'False:%(dangerous)s',
            "'rack':%(conductor_group)s and not 'POST':%(http_method)s",
        ):
            self.rule(call=check)
            # Lists decide on what exists.
            self.send('project-reader', f'{_PASSTHRU.format("d")}/methods')
            self.calls('project-reader')

    def test_named_groups(self) -> None:
        path = f'{_PASSTHRU.format("r")}/wipe'
        for check in (
            'role:admin',
            "'':%(conductor_group)s",
            'False:%(dangerous)s',
        ):
            self.rule(call=check)
            self.send('project-reader', path, 'POST')
            found = [
                self.work(
                    'project-reader',
                    f'{_PASSTHRU.format(driver)}/{method}',
                    'POST',
                    Passthru_Conductor_Group=group,
                )
                for driver in ('r', 'missing')
                for method in ('wipe', 'missing')
                for group in ('rack', 'missing')
            ]
            self.assertNotIn('conductors', found[0])
            self.assertEqual([found[0]] * len(found), found, check)

    def test_lists_of_named_groups(self) -> None:
        path = f'{_PASSTHRU.format("r")}/methods'
        self.rule(call="'other':%(conductor_group)s")
        self.send('project-reader', path)
        found = []
        for group in ('rack', 'missing') * 2:
            self.asked.clear()
            response = self.send(
                'project-reader', path, Passthru_Conductor_Group=group
            )
            self.assertEqual({}, response.json)
            found.append(self.asked.count('_authorize'))
        self.assertGreater(found[0], 0)
        self.assertEqual([found[0]] * 4, found)

    def test_drivers(self) -> None:
        for check in ('!', "'odd':%(driver)s"):
            self.rule(get=check, **{'baremetal:driver:get_properties': check})
            self.send('project-reader', '/v1/drivers')
            for rest in ('', '/properties', '/vendor_passthru/methods'):
                for existing in ('d', 'gone'):
                    self.check(
                        'project-reader', f'/v1/drivers/{{}}{rest}', existing
                    )

    def test_conductors(self) -> None:
        self.check('no-role', '/v1/conductors/{}', 'c')

    def test_operations(self) -> None:
        for who in ('no-role', 'project-admin', 'other-member'):
            self.operations.add('of-p3', project_id='p3')
            for http_method, rest in (
                ('GET', ''),
                ('GET', '/result'),
                ('DELETE', ''),
            ):
                self.check(
                    who, f'/v1/operations/{{}}{rest}', 'of-p3', http_method
                )

    def test_markers(self) -> None:
        found = []
        self.send('project-reader', '/v1/operations')
        for marker in ('of-p2', 'never'):
            self.asked.clear()
            path = f'/v1/operations?marker={marker}'
            response = self.send('project-reader', path)
            self.assertEqual(400, response.status_int)
            found.append(list(self.asked))
        self.assertEqual(*found)


class TestRefresh(PermissionCase):
    """Callers with permission see new resources at once."""

    def test_calls(self) -> None:
        self.rule(call="'d':%(driver)s")
        self.send('no-role', '/v1/drivers')
        self.catalog._max_age_seconds = 1000.0
        self.catalog._read_at -= 10.0
        new = fakes.method('new')
        self.store.add('c', fakes.driver('d', _READ, new), started=1)
        self.assertEqual(200, self.call('no-role', 'new').status_int)

    def test_a_conductor_that_is_available_again(self) -> None:
        self.rule(call="'read':%(method)s and False:%(dangerous)s")
        path = f'{_PASSTHRU.format("gone")}/read'
        self.assertEqual(503, self.send('no-role', path).status_int)
        self.catalog._max_age_seconds = 1000.0
        self.catalog._read_at -= 10.0
        self.store.add('dead', fakes.driver('gone', _READ), started=1)
        self.assertEqual(200, self.send('no-role', path).status_int)


class TestDriverList(PermissionCase):
    """The list shows the drivers that the caller may see."""

    def setUp(self) -> None:
        super().setUp()
        self.store.add('e', fakes.driver('e', _READ))

    def seen(self, who: str = 'project-reader') -> list[str] | int:
        """Return the drivers that a caller sees, or a status."""
        response = self.send(who, '/v1/drivers')
        if response.status_int != 200:
            return response.status_int
        names = [one['name'] for one in response.json['drivers']]
        for name in ('d', 'e'):
            one = self.send(who, f'/v1/drivers/{name}')
            self.assertEqual(
                200 if name in names else 403, one.status_int, name
            )
        return names

    def test_by_default(self) -> None:
        self.assertEqual(['d', 'e'], self.seen())
        self.assertEqual(403, self.seen('no-role'))

    def test_by_a_rule_on_names(self) -> None:
        for check, wanted in (
            ("not 'd':%(driver)s", ['e']),
            ("'d':%(driver)s", ['d']),
            ('role:%(driver)s-caller', 403),
            ("'x':%(driver)s", 403),
            ("not 'd':%(driver)s and not 'e':%(driver)s", []),
            # It is known, although no live conductor offers it.
            ("'gone':%(driver)s", []),
            ('!', 403),
        ):
            self.rule(get=f'role:reader and {check}')
            self.assertEqual(wanted, self.seen(), check)
            self.assertEqual(403, self.seen('no-role'), check)

    def test_of_a_site_without_drivers(self) -> None:
        self.store = fakes.FakeStore()
        for check, wanted in (
            ('role:reader', []),
            ("role:reader and not 'd':%(driver)s", []),
            ("role:reader and 'd':%(driver)s", 403),
        ):
            self.rule(get=check)
            for path in ('/v1/drivers', '/v1/drivers?type=classic'):
                response = self.send('project-reader', path)
                found = response.json.get('drivers', response.status_int)
                self.assertEqual(wanted, found, check)
                refused = self.send('no-role', path)
                self.assertEqual(403, refused.status_int, check)

    def test_what_is_hidden_in_every_form(self) -> None:
        self.rule(get="role:reader and not 'd':%(driver)s")
        for query in ('', '?detail=True', '?fields=name,hosts', '?type=x'):
            response = self.send('project-reader', f'/v1/drivers{query}')
            self.assertNotIn('"d"', response.text, query)


class TestCalls(PermissionCase):
    """Attributes of rules on calls."""

    def allowed(self, who: str = 'project-reader') -> set[tuple[str, str]]:
        """Return method and HTTP method of all permitted calls."""
        made = set()
        for method in (_READ, _WRITE, _WIPE):
            for http_method in method.http_methods:
                response = self.call(who, method.name, http_method)
                self.assertIn(response.status_int, (200, 403))
                if response.status_int == 200:
                    made.add((method.name, http_method))
        return made

    def test_by_default_only_system_administrators_call(self) -> None:
        for who in callers.CALLERS:
            self.assertEqual(
                4 * (who == 'system-admin'), len(self.allowed(who))
            )

    def test_each_attribute(self) -> None:
        every = {
            ('read', 'GET'),
            ('write', 'POST'),
            ('write', 'PUT'),
            ('wipe', 'POST'),
        }
        for check, wanted in (
            ("'d':%(driver)s", every),
            ("'e':%(driver)s", set()),
            ("'write':%(method)s", {('write', 'POST'), ('write', 'PUT')}),
            ("'POST':%(http_method)s", {('write', 'POST'), ('wipe', 'POST')}),
            ('False:%(dangerous)s', every - {('wipe', 'POST')}),
            ('True:%(dangerous)s', {('wipe', 'POST')}),
            ("'':%(conductor_group)s", every),
            ("'rack':%(conductor_group)s", set()),
        ):
            self.rule(call=f'role:reader and {check}')
            self.assertEqual(wanted, self.allowed(), check)

    def test_what_conductors_refuse(self) -> None:
        response = self.call('system-admin', 'refused', 'POST', **_PROBLEM)
        self.assertEqual((403, 'dangerous_method'), self.code(response))
        self.assertIn('allowed_dangerous_methods', response.json['detail'])
        # Callers without permission get only that error.
        response = self.call('project-admin', 'refused', 'POST', **_PROBLEM)
        self.assertEqual((403, 'forbidden'), self.code(response))
        self.assertEqual([], self.bus.calls)

    def test_a_dangerous_method_that_conductors_allow(self) -> None:
        self.assertEqual(
            200, self.call('system-admin', 'wipe', 'POST').status_int
        )


class TestGroups(PermissionCase):
    """Calls are sent only to permitted conductor groups."""

    def setUp(self) -> None:
        super().setUp()
        driver = fakes.driver('e', _READ)
        self.store.add('a1', driver, group='a')
        self.store.add('b1', driver, group='b')
        self.store.add('b2', driver, group='b')

    def servers(self, who: str, **headers: str) -> list[str] | int:
        response = self.call(who, 'read', driver='e', **headers)
        if response.status_int != 200:
            return response.status_int
        _, _, arguments = self.bus.calls[-1]
        return sorted(server.hostname for server in arguments['servers'])

    def test_each_team_has_its_own(self) -> None:
        self.rule(
            call="(project_id:p1 and 'a':%(conductor_group)s) or "
            "(project_id:p2 and 'b':%(conductor_group)s) or role:admin"
        )
        for who, wanted in (
            ('project-member', ['a1']),
            ('other-member', ['b1', 'b2']),
            ('system-admin', ['a1', 'b1', 'b2']),
            ('lone-member', 403),
        ):
            self.assertEqual(wanted, self.servers(who), who)

    def test_while_its_conductors_are_dead(self) -> None:
        self.rule(call="project_id:p1 and 'a':%(conductor_group)s")
        driver = fakes.driver('e', _READ)
        self.store.add('a1', driver, group='a', alive=False)
        # To others the driver is not there for this caller.
        self.assertEqual(403, self.servers('project-member'))
        for host in ('b1', 'b2'):
            self.store.add(host, driver, group='b', alive=False)
        self.assertEqual(503, self.servers('project-member'))
        self.assertEqual(403, self.servers('other-member'))


class TestMethodList(PermissionCase):
    """The list contains the methods that the caller may call."""

    def test_by_default(self) -> None:
        for who, wanted in (
            ('system-admin', ['read', 'wipe', 'write']),
            ('system-reader', []),
            ('project-admin', []),
        ):
            self.assertEqual(wanted, self.listed(who), who)

    def test_by_what_may_be_called(self) -> None:
        for check, wanted in (
            ("'read':%(method)s", ['read']),
            ("'PUT':%(http_method)s", ['write']),
            ('False:%(dangerous)s', ['read', 'write']),
            ("'d':%(driver)s", ['read', 'wipe', 'write']),
            ("'x':%(driver)s", []),
            ("'':%(conductor_group)s", ['read', 'wipe', 'write']),
            ("'x':%(conductor_group)s", []),
        ):
            self.rule(call=f'project_id:p1 and {check}')
            self.assertEqual(wanted, self.listed('project-reader'), check)
            self.assertEqual([], self.listed('other-member'))

    def test_any_group_will_do(self) -> None:
        self.store.add('c', fakes.driver('d', _READ), group='a')
        self.store.add('b', fakes.driver('d', _READ), group='b')
        for group, wanted in (('a', ['read']), ('b', ['read']), ('c', [])):
            self.rule(call=f"'{group}':%(conductor_group)s")
            self.assertEqual(wanted, self.listed('project-reader'))

    def test_of_a_driver_without_conductors(self) -> None:
        path = f'{_PASSTHRU.format("gone")}/methods'
        self.assertEqual(['read'], list(self.send('system-admin', path).json))
        self.assertEqual({}, self.send('system-reader', path).json)

    def test_what_is_whole_is_written_once(self) -> None:
        entry = self.catalog.driver('d')
        self.assertEqual(3, len(self.listed('system-admin')))
        kept = dict(entry.allowed.methods)
        # The answer was kept: it no longer depends on the methods.
        methods: Any = entry.allowed.methods
        methods.clear()
        self.assertEqual(3, len(self.listed('system-admin')))
        methods.update(kept)
        self.assertEqual([], self.listed('system-reader'))
        self.assertEqual(3, len(self.listed('system-admin')))


class TestOperations(PermissionCase):
    """Callers see the operations of their own projects."""

    def setUp(self) -> None:
        super().setUp()
        for one, owner in (
            ('of-p1', {'project_id': 'p1', 'user_id': 'bob'}),
            ('of-p2', {'project_id': 'p2', 'user_id': 'bob'}),
            ('of-bob', {'user_id': 'bob'}),
            ('of-liz', {'user_id': 'liz'}),
            ('of-nobody', {}),
        ):
            self.operations.add(one, **owner)

    def seen(self, who: str) -> set[str]:
        every = set(self.operations.found)
        found = {
            one
            for one in every
            if self.send(who, f'/v1/operations/{one}').status_int == 200
        }
        for one in every - found:
            response = self.send(who, f'/v1/operations/{one}')
            self.assertEqual(404, response.status_int)
        listed = self.send(who, '/v1/operations').json['operations']
        self.assertEqual(found, {one['id'] for one in listed}, who)
        return found

    def test_who_sees_what(self) -> None:
        every = set(self.operations.found)
        for who, wanted in (
            ('system-admin', every),
            ('system-reader', every),
            ('project-reader', {'of-p1'}),
            ('project-admin', {'of-p1'}),
            # The same user, for another project and for none.
            ('other-member', {'of-p2'}),
            ('lone-member', {'of-bob'}),
            ('lone-other', {'of-liz'}),
            ('domain-reader', set()),
        ):
            self.assertEqual(wanted, self.seen(who), who)

    def test_who_may_cancel(self) -> None:
        for who, one, wanted in (
            ('system-admin', 'of-p1', 200),
            ('project-member', 'of-p1', 200),
            ('lone-member', 'of-bob', 200),
            # The caller sees it, so this is not secret.
            ('project-reader', 'of-p1', 403),
            ('system-reader', 'of-p1', 403),
            ('other-member', 'of-p1', 404),
            ('lone-other', 'of-bob', 404),
        ):
            self.operations.add(
                one,
                project_id='p1' if one == 'of-p1' else None,
                user_id='bob',
            )
            response = self.send(who, f'/v1/operations/{one}', 'DELETE')
            self.assertEqual(wanted, response.status_int, who)
            cancelled = self.operations.found[one].final
            self.assertEqual(wanted == 200, cancelled, who)

    def test_a_marker_of_others_is_not_known(self) -> None:
        for who, marker, wanted in (
            ('project-reader', 'of-p1', 200),
            ('project-reader', 'of-p2', 400),
            ('project-reader', 'nope', 400),
            ('system-reader', 'of-p2', 200),
        ):
            response = self.send(who, f'/v1/operations?marker={marker}')
            self.assertEqual(wanted, response.status_int, (who, marker))

    def test_pages_are_of_the_own(self) -> None:
        self.operations.add('newer', project_id='p1')
        page = self.send('project-reader', '/v1/operations?limit=1').json
        self.assertEqual(['newer'], [one['id'] for one in page['operations']])
        page = self.send('project-reader', page['next']).json
        self.assertEqual(['of-p1'], [one['id'] for one in page['operations']])
        self.assertNotIn('next', page)

    def test_one_that_may_be_seen_need_not_be_listed(self) -> None:
        self.rules(
            {
                'baremetal:operation:get': 'role:reader',
                'baremetal:operation:list': '!',
            }
        )
        shown = self.send('project-reader', '/v1/operations/of-p2')
        self.assertEqual(200, shown.status_int)
        for path in ('/v1/operations', '/v1/operations/nope'):
            refused = self.send('project-reader', path)
            self.assertEqual(403, refused.status_int)
        listed = self.send('system-reader', '/v1/operations')
        self.assertEqual(200, listed.status_int)


class TestOthers(PermissionCase):
    """A rule with an unavailable remote service."""

    def test_nothing_is_run(self) -> None:
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            away = f'http://127.0.0.1:{taken.getsockname()[1]}/'
        self.rules({rule.name: away for rule in policies.list_rules()})
        self.operations.add('o1', project_id='p1')
        for http_method, path in routes.requests(
            driver='d', method='read', hostname='c', operation='o1'
        ):
            response = self.send('system-admin', path, http_method, **_PROBLEM)
            self.assertEqual(503, response.status_int, (http_method, path))
            self.assertIn('Retry-After', response.headers)
            if http_method != 'HEAD':
                self.assertEqual('policy_unavailable', response.json['code'])
                self.assertNotIn('127.0.0.1', response.text)
        self.assertEqual([], self.bus.calls)


class TestKeys(PermissionCase):
    """Owners of an Idempotency-Key."""

    def digest(self, who: str) -> str:
        self.rule(call='@')
        self.call(who, 'write', 'POST', Idempotency_Key='k')
        return self.bus.calls[-1][2]['key'].digest

    def test_whose_key_it_is(self) -> None:
        found = {who: self.digest(who) for who in callers.CALLERS}
        # All who call for a project share it.
        self.assertEqual(
            1, len({found[who] for who in found if who.startswith('project')})
        )
        self.assertEqual(found['project-admin'], found['no-role'])
        others = ('system-admin', 'other-member', 'lone-member', 'lone-other')
        self.assertEqual(
            5, len({found[who] for who in ('project-admin', *others)})
        )


class TestHealth(PermissionCase):
    """The detailed health check is for operators."""

    def test_permitted_callers(self) -> None:
        for path in ('/healthcheck/detailed', '/healthcheck/detailed/'):
            for who, wanted in (
                ('system-admin', 200),
                ('system-reader', 200),
                ('project-admin', 403),
                ('nobody', 401),
            ):
                self.assertEqual(wanted, self.send(who, path).status_int)


class TestAll(PermissionCase):
    """Every rule is used."""

    def test_each_is_decided_with_its_attributes(self) -> None:
        asked: dict[str, set[str]] = {}
        decide = decisions.PolicyRules.decide

        def note(
            self: decisions.PolicyRules,
            name: str,
            target: Any,
            caller: Any,
            **own: Any,
        ) -> bool:
            asked.setdefault(name, set()).update(target)
            return decide(self, name, target, caller, **own)

        patch = mock.patch.object(decisions.PolicyRules, 'decide', note)
        patch.start()
        self.addCleanup(patch.stop)
        for who in ('system-admin', 'lone-member', 'project-member'):
            self.operations.add('o1', project_id='p1')
            self.operations.add('o2', user_id='bob')
            for number in ('o1', 'o2'):
                for http_method, path in routes.requests(
                    driver='d', method='read', hostname='c', operation=number
                ):
                    self.send(who, path, http_method)
        self.assertEqual(
            {rule.name: rule.attributes for rule in policies.list_rules()},
            asked,
        )

    def test_each_rule_can_close_what_it_is_for(self) -> None:
        self.operations.add('o1')
        self.operations.add('o2')
        names = {
            'driver': 'd',
            'method': 'read',
            'hostname': 'c',
            'operation': 'o1',
        }
        for rule in policies.list_rules():
            for stated in rule.operations:
                path = stated['path'].format(**names)
                self.rules({})
                before = self.send('system-admin', path, stated['method'])
                self.assertNotEqual(403, before.status_int)
                closed = {rule.name: '!'}
                if rule.name.endswith(':list_all'):
                    closed['baremetal:operation:list'] = '!'
                if rule.name.endswith(':list'):
                    closed['baremetal:operation:list_all'] = '!'
                if rule.name.endswith('operation:get'):
                    closed['baremetal:operation:list'] = '!'
                self.rules(closed)
                after = self.send('system-admin', path, stated['method'])
                self.assertEqual(403, after.status_int, (rule.name, path))
                self.operations.add('o1')
