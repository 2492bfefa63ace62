# SPDX-License-Identifier: Apache-2.0
"""Tests of calls and lists of methods within a named conductor group."""

import json
from typing import Any

import fixtures
import webob

from ironic_passthru.policies import drivers as rules
from ironic_passthru.tests import callers
from ironic_passthru.tests.unit.api import fakes

_READ = fakes.method('read', http_methods=('GET', 'POST'))
_NEW_READ = fakes.method('read', http_methods=('GET',), description='new')
_ONLY_B = fakes.method('beep')
_WIPE = fakes.method('wipe', http_methods=('POST',), dangerous=True)
_PATH = '/v1/drivers/{}/vendor_passthru'


class GroupCase(fakes.ApplicationCase):
    """Conductors of the groups a, b and c, and one without a group."""

    def setUp(self) -> None:
        super().setUp()
        driver = fakes.driver('d', _READ)
        self.store.add('a1', driver, group='a', started=1)
        self.store.add('a2', driver, group='a', started=2)
        newer = fakes.driver('d', _NEW_READ, _ONLY_B, _WIPE)
        self.store.add('b1', newer, group='b', started=3)
        self.store.add('n1', driver, started=4)
        self.store.add('c1', driver, group='c', alive=False)
        self.store.add('e1', fakes.driver('e', _READ), group='e')

    def use_rule(self, check: str) -> None:
        """Let a rule decide about calls, as by ``callers``."""
        self.useFixture(callers.Callers())
        path = self.useFixture(fixtures.TempDir()).join('policy.yaml')
        with open(path, 'w') as file:
            json.dump({rules.CALL: check, rules.GET: '@'}, file)
        self.conf.set_override('policy_file', path, 'oslo_policy')
        self.build()

    def call(
        self,
        group: str,
        method: str = 'read',
        driver: str = 'd',
        http_method: str = 'GET',
        **headers: str,
    ) -> webob.Response:
        return self.ask(
            f'{_PATH.format(driver)}/{method}',
            http_method,
            Passthru_Conductor_Group=group,
            Accept='application/problem+json',
            X_Caller='project-member',
            **headers,
        )

    def hosts(self, group: str, *arguments: str) -> list[str]:
        """Return the conductors to which a call is offered."""
        response = self.call(group, *arguments)
        self.assertEqual(200, response.status_int, response.text)
        _, _, sent = self.bus.calls[-1]
        return sorted(server.hostname for server in sent['servers'])

    def refusal(self, group: str, *arguments: str) -> tuple[int, str]:
        """Return status and code of a call that no conductor gets."""
        before = len(self.bus.calls)
        response = self.call(group, *arguments)
        self.assertEqual(before, len(self.bus.calls))
        return response.status_int, response.json['code']


class TestCalls(GroupCase):
    """Calls by a caller who may use every group."""

    def test_only_its_conductors_get_the_call(self) -> None:
        for group, wanted in (
            ('a', ['a1', 'a2']),
            (' a\t', ['a1', 'a2']),
            ('b', ['b1']),
            ('', ['n1']),
        ):
            self.assertEqual(wanted, self.hosts(group), group)

    def test_the_method_is_that_of_the_group(self) -> None:
        self.assertEqual(200, self.call('a', http_method='POST').status_int)
        refused = self.call('b', http_method='POST')
        self.assertEqual('verb_not_supported', refused.json['code'])
        self.assertEqual(['b1'], self.hosts('b', 'beep'))

    def test_groups_that_do_not_offer_it(self) -> None:
        for group, method, others in (
            ('x', 'read', " Groups that offer it: '', 'a', 'b'."),
            ('e', 'beep', " Groups that offer it: 'b'."),
        ):
            response = self.call(group, method)
            self.assertEqual(400, response.status_int)
            self.assertEqual(
                'conductor_group_not_found', response.json['code']
            )
            self.assertEqual(
                f"No conductor of the group '{group}' offers the method "
                f"{method} of the driver 'd'.{others}",
                response.json['detail'],
            )

    def test_unknown_names(self) -> None:
        for arguments, wanted in (
            (('a', 'read', 'nope'), (404, 'driver_not_found')),
            (('a', 'nope'), (400, 'method_not_found')),
        ):
            self.assertEqual(wanted, self.refusal(*arguments))
        response = self.ask(
            _PATH.format('d'),
            Passthru_Conductor_Group='x',
            Accept='application/problem+json',
        )
        self.assertEqual('missing_method', response.json['code'])

    def test_its_conductors_are_dead(self) -> None:
        for method in ('read', 'nope'):
            response = self.call('c', method)
            self.assertEqual(503, response.status_int)
            self.assertEqual('no_live_conductor', response.json['code'])
            self.assertIn("of the group 'c'", response.json['detail'])
            self.assertIn('Retry-After', response.headers)
        self.assertEqual([], self.bus.calls)

    def test_a_new_conductor_is_used_at_once(self) -> None:
        self.hosts('a')
        self.catalog._max_age_seconds = 1000.0
        self.catalog._read_at -= 10.0
        self.store.add('c1', fakes.driver('d', _READ), group='c', started=9)
        self.assertEqual(['c1'], self.hosts('c'))

    def test_invalid_values(self) -> None:
        for group in (
            'a,a',
            'a, a',
            'a b',
            'a\x01',
            'a\x7f',
            '\xe4',
            "'a'",
            '*',
            'a' * 256,
        ):
            self.assertEqual(
                (400, 'invalid_conductor_group'), self.refusal(group), group
            )
        self.assertEqual(
            (400, 'conductor_group_not_found'), self.refusal('a' * 255)
        )

    def test_a_key_belongs_to_the_group(self) -> None:
        def send(group: str) -> tuple[int, str]:
            response = self.call(group, http_method='POST', **key)
            return response.status_int, self.bus.calls[-1][2]['call_id']

        def note(arguments: dict[str, Any]) -> None:
            key, call_id = arguments['key'], arguments['call_id']
            self.operations.keys[key.digest] = (call_id, key.fingerprint)
            self.operations.add(call_id, accepted=False)
            self.operations.succeed(call_id, 1)

        key = {'Idempotency_Key': 'k'}
        self.bus.on_call = note
        first = send('a')
        self.assertEqual(first, send('a'))
        self.assertEqual((422, first[1]), send(''))
        # A repetition does not need a live conductor.
        for host in ('a1', 'a2'):
            driver = fakes.driver('d', _READ)
            self.store.add(host, driver, group='a', alive=False)
        self.store.add('b1', fakes.driver('d', _READ), group='b', started=9)
        self.assertEqual(first, send('a'))
        self.assertEqual(1, len(self.bus.calls))


class TestPolicy(GroupCase):
    """The rule for calls decides about the named group."""

    def test_other_groups_are_not_used(self) -> None:
        self.use_rule("'a':%(conductor_group)s")
        self.assertEqual(['a1', 'a2'], self.hosts('a'))
        for group in ('b', '', 'c', 'x', 'a' * 255):
            self.assertEqual((403, 'forbidden'), self.refusal(group), group)

    def test_a_refusal_precedes_an_invalid_group(self) -> None:
        self.use_rule('!')
        self.assertEqual((403, 'forbidden'), self.refusal('a b'))

    def test_other_groups_are_not_revealed(self) -> None:
        """Whatever they offer, the response is the same."""
        for dangerous in ('', ' and False:%(dangerous)s'):
            self.use_rule(
                "('a':%(conductor_group)s or 'x':%(conductor_group)s)"
                + dangerous
            )
            for group in ('a', 'x'):
                found = set()
                for method, driver in (
                    *(('beep', 'd'), ('wipe', 'd'), ('nope', 'd')),
                    *(('read', 'e'), ('read', 'nope')),
                ):
                    response = self.call(group, method, driver)
                    text = response.json['detail'].replace(method, 'M')
                    found.add(
                        (
                            response.status_int,
                            text.replace(f"driver '{driver}'", 'driver D'),
                        )
                    )
                ((status, text),) = found
                self.assertEqual(403 if dangerous else 400, status)
                self.assertNotIn('Groups', text)

    def test_usable_groups_are_named(self) -> None:
        self.use_rule("not 'b':%(conductor_group)s")
        response = self.call('x')
        self.assertIn(
            "Groups that offer it: '', 'a'.", response.json['detail']
        )

    def test_dangerous_methods(self) -> None:
        self.use_rule('False:%(dangerous)s')
        self.assertEqual(['b1'], self.hosts('b', 'beep'))
        self.assertEqual(
            (403, 'forbidden'), self.refusal('b', 'wipe', 'd', 'POST')
        )


class TestLists(GroupCase):
    """Methods that the conductors of a group offer."""

    def get(self, group: str, rest: str = '') -> webob.Response:
        return self.ask(
            f'{_PATH.format("d")}/methods{rest}',
            Passthru_Conductor_Group=group,
            X_Caller='project-member',
        )

    def test_lists(self) -> None:
        for group, wanted in (
            ('a', {'read': ''}),
            ('b', {'beep': '', 'read': 'new', 'wipe': ''}),
            ('x', {}),
        ):
            for rest in ('', '?detail=True'):
                found = self.get(group, rest).json
                self.assertEqual(
                    wanted,
                    {name: one['description'] for name, one in found.items()},
                    (group, rest),
                )

    def test_a_method(self) -> None:
        found = self.get('b', '/read')
        self.assertEqual('new', found.json['description'])
        for group in ('a', 'x'):
            missing = self.get(group, '/beep')
            self.assertEqual(404, missing.status_int)
            self.assertIn(f"in the group '{group}'.", missing.text)

    def test_an_invalid_group(self) -> None:
        for rest in ('', '/read'):
            self.assertEqual(400, self.get('a b', rest).status_int)

    def test_the_policy_decides_in_the_group(self) -> None:
        self.use_rule("'a':%(conductor_group)s")
        for group, wanted in (('a', ['read']), ('b', []), ('x', [])):
            self.assertEqual(wanted, list(self.get(group).json), group)

    def test_the_text_is_made_once(self) -> None:
        entry = self.catalog.driver('d').within_group('a')
        assert entry is not None
        self.assertEqual(['read'], list(self.get('a').json))
        self.assertIn('document', vars(entry.allowed))
