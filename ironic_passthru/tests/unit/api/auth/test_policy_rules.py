# SPDX-License-Identifier: Apache-2.0
"""Tests of one set of policy rules."""

import http.server
import logging
import pathlib
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Any
from unittest import mock

import fixtures
import trustme
from oslo_policy import _checks
from oslo_policy import policy

from ironic_passthru import context
from ironic_passthru import errors
from ironic_passthru import policies
from ironic_passthru.api.auth import policy_rules
from ironic_passthru.policies import drivers
from ironic_passthru.policies import operations
from ironic_passthru.tests import base
from ironic_passthru.tests import callers

_CALL = {
    'driver': 'acme',
    'method': 'reset',
    'http_method': 'POST',
    'dangerous': False,
    'conductor_group': 'rack-1',
}


def caller(name: str, **more: Any) -> dict[str, Any]:
    """Return the values of one of the usual callers."""
    values = callers.CALLERS[name] | more
    made = context.RequestContext(overwrite=False, **values)
    return policy_rules.caller_values(made)


class RulesCase(base.TestCase):
    """Rules from texts."""

    def make(self, **texts: str) -> policy_rules.PolicyRules:
        """Return the rules with those of drivers replaced."""
        names = {
            'call': drivers.CALL,
            'get': drivers.GET,
            'default': 'default',
        }
        named = {names.get(key, key): text for key, text in texts.items()}
        return policy_rules.PolicyRules(
            self.make_conf(), named, dict.fromkeys(named, '/etc/p.yaml')
        )

    def allows(
        self,
        check: str,
        name: str = 'system-reader',
        target: Mapping[str, Any] = _CALL,
        **values: Any,
    ) -> bool:
        made = self.make(call=check)
        return made.decide(drivers.CALL, target, caller(name, **values))


class TestDefaults(RulesCase):
    """Default rules."""

    def test_who_may_do_what(self) -> None:
        made = self.make()
        everybody = set(callers.CALLERS)
        readers = {n for n in everybody if not n.startswith('no-')}
        system = {'system-admin', 'system-reader'}
        wanted = {
            drivers.GET: readers,
            drivers.GET_PROPERTIES: readers,
            drivers.CALL: {'system-admin'},
            'baremetal:conductor:get': system,
            'baremetal:health:get': system,
            operations.LIST: readers,
            operations.LIST_ALL: system,
            # An operation without an owner.
            operations.GET: system,
            operations.CANCEL: {'system-admin'},
        }
        self.assertEqual(
            wanted,
            {
                rule.name: {
                    name
                    for name in everybody
                    if made.decide(rule.name, {}, caller(name))
                }
                for rule in policies.list_rules()
            },
        )

    def test_owners(self) -> None:
        made = self.make()
        of_p1 = {'project-admin', 'project-member', 'project-reader'}
        system = {'system-admin', 'system-reader'}
        for rule, target, wanted in (
            (operations.GET, {'project_id': 'p1'}, system | of_p1),
            (operations.GET, {'project_id': 'p2'}, system | {'other-member'}),
            (operations.GET, {'user_id': 'liz'}, system | {'lone-other'}),
            (
                operations.CANCEL,
                {'project_id': 'p1'},
                {'system-admin', 'project-admin', 'project-member'},
            ),
            (
                operations.CANCEL,
                {'user_id': 'liz'},
                {'system-admin', 'lone-other'},
            ),
            # The text that oslo.policy makes of None.
            (operations.GET, {'project_id': 'None'}, system),
            (operations.GET, {'user_id': 'None'}, system),
        ):
            found = {
                name
                for name in callers.CALLERS
                if made.decide(rule, target, caller(name))
            }
            self.assertEqual(wanted, found, (rule, target))

    def test_a_caller_of_whom_nothing_is_known(self) -> None:
        made = self.make(get='role:reader or user_id:None')
        nothing = policy_rules.caller_values(
            context.RequestContext(overwrite=False)
        )
        for rule in policies.list_rules():
            self.assertFalse(made.decide(rule.name, {}, nothing), rule.name)


class TestLanguage(RulesCase):
    """Inputs of checks."""

    def test_attributes(self) -> None:
        for check, wanted in (
            ("'acme':%(driver)s", True),
            ("'zeta':%(driver)s", False),
            ("'reset':%(method)s", True),
            ("'POST':%(http_method)s", True),
            ("'GET':%(http_method)s", False),
            ("'rack-1':%(conductor_group)s", True),
            ('False:%(dangerous)s', True),
            ('True:%(dangerous)s', False),
            ('not True:%(dangerous)s', True),
            ("role:reader and not 'zeta':%(driver)s", True),
            ("role:admin and 'acme':%(driver)s", False),
            ('', True),
            ('@', True),
            ('!', False),
            # No attribute, but a text with a percent sign.
            ("'%(x)s':%%(x)s", True),
        ):
            self.assertEqual(wanted, self.allows(check), check)

    def test_a_dangerous_method(self) -> None:
        target = _CALL | {'dangerous': True}
        for check, wanted in (
            ('True:%(dangerous)s', True),
            ('False:%(dangerous)s', False),
        ):
            self.assertEqual(wanted, self.allows(check, target=target), check)

    def test_a_group_without_a_name(self) -> None:
        target = _CALL | {'conductor_group': ''}
        self.assertTrue(self.allows("'':%(conductor_group)s", target=target))
        self.assertFalse(self.allows("'':%(conductor_group)s"))

    def test_roles_can_be_made_of_attributes(self) -> None:
        check = 'role:%(driver)s-caller'
        self.assertFalse(self.allows(check))
        self.assertTrue(self.allows(check, roles=['acme-caller']))
        self.assertFalse(self.allows(check, roles=['zeta-caller']))

    def test_values_of_callers(self) -> None:
        for check, wanted in (
            ('user_id:eve', True),
            ('user_id:bob', False),
            ('system_scope:all', True),
            ('system:all', True),
            ('project_id:p1', False),
        ):
            self.assertEqual(wanted, self.allows(check), check)
        self.assertFalse(self.allows('system:all', 'project-admin'))

    def test_every_scope_can_be_admitted(self) -> None:
        for name in ('system-admin', 'domain-reader', 'project-reader'):
            self.assertTrue(self.allows('role:reader', name), name)

    def test_rules_of_rules(self) -> None:
        made = self.make(
            call='rule:team and not rule:night',
            team="project_id:p1 and 'acme':%(driver)s",
            night='!',
        )
        for name, driver, wanted in (
            ('project-member', 'acme', True),
            ('project-member', 'zeta', False),
            ('other-member', 'acme', False),
        ):
            found = made.decide(
                drivers.CALL, _CALL | {'driver': driver}, caller(name)
            )
            self.assertEqual(wanted, found, (name, driver))


class TestMemory(RulesCase):
    """The cache of decisions."""

    def test_each_thing_that_counts(self) -> None:
        made = self.make(
            call="(role:reader and 'acme':%(driver)s) or rule:boss "
            'or (system:all and False:%(dangerous)s)',
            boss='user_id:root',
        )
        # Twice, in both orders, so that each meets the memory of the others.
        cases = [
            (name, driver, dangerous)
            for name in callers.CALLERS
            for driver in ('acme', 'zeta')
            for dangerous in (True, False)
        ]
        for name, driver, dangerous in [*cases, *reversed(cases)]:
            who = callers.CALLERS[name]
            wanted = (
                ('reader' in who['roles'] and driver == 'acme')
                or who['user_id'] == 'root'
                or (who.get('system_scope') == 'all' and not dangerous)
            )
            found = made.decide(
                drivers.CALL,
                _CALL | {'driver': driver, 'dangerous': dangerous},
                caller(name),
            )
            self.assertEqual(wanted, found, (name, driver, dangerous))

    def test_what_does_not_count_is_not_asked_for_again(self) -> None:
        made = self.make(call="'acme':%(driver)s")
        asked: list[Any] = []
        ask = made._authorize

        def note(*args: Any) -> bool:
            asked.append(args)
            return ask(*args)

        made._authorize = note  # type: ignore[method-assign]
        for number in range(5):
            for name in callers.CALLERS:
                target = _CALL | {'method': f'm{number}'}
                self.assertTrue(
                    made.decide(drivers.CALL, target, caller(name))
                )
        self.assertEqual(1, len(asked))

    def test_it_is_bounded(self) -> None:
        made = self.make(call="'acme':%(method)s")
        who = caller('system-admin')
        for number in range(2 * policy_rules._MAX_DECISIONS + 5):
            made.decide(drivers.CALL, {'method': f'm{number}'}, who)
            if len(made._decisions) > policy_rules._MAX_DECISIONS:
                self.fail('the memory has no bound')
        self.assertTrue(made._decisions)

    def test_long_names_are_not_kept(self) -> None:
        made = self.make(call="'acme':%(method)s", get='role:%(driver)s')
        for length, letter in ((400, '\U0001f600'), (16_000, 'x')):
            name = letter * length
            for rule, target, who, wanted in (
                (drivers.CALL, {'method': name}, {}, False),
                (drivers.GET, {'driver': name}, {}, False),
                (drivers.GET, {'driver': name}, {'roles': [name]}, True),
            ):
                for _ in range(2):
                    found = made.decide(rule, target, caller('no-role', **who))
                    self.assertEqual(wanted, found)
        self.assertEqual({}, made._decisions)
        # Such as there are.
        target = {'driver': 'd' * 63}
        made.decide(drivers.GET, target, caller('system-admin'))
        self.assertEqual(1, len(made._decisions))

    def test_remote_checks_are_not_cached(self) -> None:
        answers = iter([True, False, True])

        class Remote(policy.Check):
            def __call__(self, *_: Any) -> bool:
                return next(answers)

        with mock.patch.dict(_checks.registered_checks, remote=Remote):
            made = self.make(call='role:reader and remote:x')
        who = caller('system-reader')
        self.assertEqual(
            [True, False, True],
            [made.decide(drivers.CALL, _CALL, who) for _ in range(3)],
        )


class _Yes(http.server.BaseHTTPRequestHandler):
    """Allows everything."""

    def do_POST(self) -> None:
        # A close with unread data would reset the connection.
        self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'True')

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class TestOthers(RulesCase):
    """Rules with remote checks."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))

    def unavailable(self) -> str:
        """Return the URL of a closed port."""
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            return f'http://127.0.0.1:{taken.getsockname()[1]}/%(driver)s'

    def test_an_unavailable_service(self) -> None:
        url = self.unavailable()
        for check in (url, f'not {url}', f'role:reader or {url}'):
            made = self.make(call=check)
            error = self.assertRaises(
                errors.PolicyUnavailable,
                made.decide,
                drivers.CALL,
                _CALL,
                caller('no-role'),
            )
            self.assertIn(drivers.CALL, error.message)
        lines = self.log.output.splitlines()
        self.assertEqual(3, len(lines), lines)
        for line in lines:
            self.assertIn(f'Rule {drivers.CALL} cannot be decided: ', line)
        # It was not needed.
        self.assertTrue(
            made.decide(drivers.CALL, _CALL, caller('project-reader'))
        )

    def test_an_untrusted_certificate(self) -> None:
        """A response needs a trusted certificate."""
        authority = trustme.CA()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert('localhost').configure_cert(tls)
        server = http.server.HTTPServer(('127.0.0.1', 0), _Yes)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        self.addCleanup(server.server_close)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        check = f'https://localhost:{server.server_port}/%(driver)s'
        asked = (drivers.CALL, _CALL, caller('no-role'))
        self.assertRaises(
            errors.PolicyUnavailable, self.make(call=check).decide, *asked
        )
        self.assertIn('certificate verify failed', self.log.output)
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).join('ca.pem'))
        authority.cert_pem.write_to_path(str(path))
        trusting = self.make_conf(
            oslo_policy__remote_ssl_ca_crt_file=str(path)
        )
        made = policy_rules.PolicyRules(trusting, {drivers.CALL: check}, {})
        self.assertTrue(made.decide(*asked))

    def test_whatever_fails(self) -> None:
        failures = iter([OSError('a\nb'), RuntimeError(), KeyError('c')])

        class Remote(policy.Check):
            def __call__(self, *_: Any) -> bool:
                raise next(failures)

        with mock.patch.dict(_checks.registered_checks, remote=Remote):
            made = self.make(call='remote:%odd')
        for words in ('a b', 'RuntimeError', 'c'):
            self.assertRaises(
                errors.PolicyUnavailable,
                made.decide,
                drivers.CALL,
                _CALL,
                caller('no-role'),
            )
            self.assertIn(words, self.log.output.splitlines()[-1])

    def test_urls_that_could_not_be_asked(self) -> None:
        for check, words in (
            ('https://h/%(drivr)s', 'has no attribute drivr'),
            ('http://h/%(project_id)s', 'has no attribute project_id'),
            ('http://h/a%20b', 'is not a URL'),
            ('http://h/100%', 'is not a URL'),
            ('http://h/%(driver)d', 'is not a URL'),
        ):
            error = self.assertRaises(
                errors.ConfigError, self.make, call=check
            )
            self.assertIn(words, str(error))


class TestRefused(RulesCase):
    """Invalid rules."""

    def reason(self, **texts: str) -> str:
        error = self.assertRaises(errors.ConfigError, self.make, **texts)
        self.assertTrue(str(error).startswith('Policy file /etc/p.yaml: rule'))
        self.assertNotIn('\n', str(error))
        return str(error)

    def test_mistakes(self) -> None:
        for check, words in (
            ('admins', 'not in the policy language'),
            ('role:admin and', 'not in the policy language'),
            ('role:admin or nobody', 'not in the policy language'),
            ("not 'a':%(drivr)s", 'has no attribute drivr'),
            ("role:x or 'a':%(metod)s", 'has no attribute metod'),
            ('role:%(diver)s', 'has no attribute diver'),
            ("not 'a':%(driver.name)s", 'has no attribute driver.name'),
            ("not 'p1':%(project_id)s", 'has no attribute project_id'),
            ("'a':%s", 'cannot be evaluated'),
            ("'a':%r", 'cannot be evaluated'),
            ("'a':%(driver)c", 'cannot be evaluated'),
            ("'a':%(driver)d", 'cannot be evaluated'),
            ("'a':%(driver", 'cannot be evaluated'),
            ("'a':100%", 'cannot be evaluated'),
            ('a(b:c', 'cannot be evaluated'),
            ('not rol:admin', 'callers have no value rol'),
            ('is_admin:True', 'callers have no value is_admin'),
            ('not rule:nope', 'rule nope does not exist'),
            ('role:x and (role:y or rule:nope)', 'rule nope does not exist'),
            (f'not rule:{drivers.CALL}', 'refers to itself'),
        ):
            reason = self.reason(call=check)
            self.assertIn(words, reason)
            self.assertIn(drivers.CALL, reason)

    def test_attributes_of_what_other_rules_decide_on(self) -> None:
        stated = {rule.name: rule.attributes for rule in policies.list_rules()}
        for name, its in stated.items():
            for attribute in set().union(*stated.values()):
                check = {name: f"role:reader and not 'x':%({attribute})s"}
                if attribute in its:
                    self.make(**check)
                else:
                    self.assertIn(
                        f'rule {name}: {name} has no attribute {attribute}',
                        self.reason(**check),
                    )

    def test_attributes_in_a_rule_that_several_use(self) -> None:
        shared = {'team': "role:x and not 'm':%(method)s"}
        self.make(call='rule:team', **shared)
        self.assertIn(
            f'rule team: {drivers.GET} has no attribute method',
            self.reason(call='rule:team', get='not rule:team', **shared),
        )

    def test_in_a_rule_that_another_one_uses(self) -> None:
        self.assertIn(
            'rule team: callers have no value tem',
            self.reason(call='rule:team', team='not tem:x'),
        )
        self.assertIn(
            'refers to itself',
            self.reason(call='rule:a', a='not rule:b', b='rule:a or role:x'),
        )

    def test_what_no_request_asks_for_is_only_named(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.WARNING))
        self.make(
            **{
                'baremetal:node:get': 'project_id:%(node.owner)s',
                'baremetal:driver:gett': 'role:reader',
                'call': 'rule:team',
                'team': 'role:x',
                'default': '!',
            }
        )
        self.assertEqual(1, log.output.count('\n'))
        self.assertIn('baremetal:driver:gett, baremetal:node:get', log.output)
        for name in ('team', drivers.CALL, 'default'):
            self.assertNotIn(f' {name}', log.output)
