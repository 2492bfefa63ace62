# SPDX-License-Identifier: Apache-2.0
"""Authorization over HTTP with the documented policies."""

import json
import logging
import os
import pathlib
from typing import Any

import fixtures

from ironic_passthru.policies import drivers as rules
from ironic_passthru.tests import base
from ironic_passthru.tests import callers
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import web

_CALL = '/v1/drivers/fake-hardware/vendor_passthru'
_EXAMPLES = console.ROOT / 'doc/source/examples'
# The project in the example.
_TEAM = '8d7c0e5a4b1f4f0e9c3a6d2b5e8f7a10'


class PolicyTestCase(base.TestCase):
    """A service with a policy file."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.file = self.directory / 'policy.yaml'
        self.file.write_text('# defaults\n')

    def start(self, **options: object) -> web.Client:
        """Start a service; return a client of it."""
        service = self.useFixture(
            embedded.Embedded(
                oslo_policy__policy_file=str(self.file), **options
            )
        )
        return web.Client(service.url)

    def write(self, **checks: str) -> None:
        """Replace the policy file by rules about drivers."""
        names = {'get': rules.GET, 'call': rules.CALL}
        texts = {names.get(name, name): text for name, text in checks.items()}
        new = self.directory / 'new'
        new.write_text(json.dumps(texts))
        os.replace(new, self.file)


class CallersTestCase(PolicyTestCase):
    """Several callers of one service."""

    team_member = {
        'roles': ['member', 'reader'],
        'project_id': _TEAM,
        'user_id': 'tim',
    }
    team_reader = {**team_member, 'roles': ['reader']}
    hazard = {
        **callers.CALLERS['system-admin'],
        'roles': ['admin', 'member', 'reader', 'hazard'],
    }

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(
            callers.Callers(
                {
                    'team-member': self.team_member,
                    'team-reader': self.team_reader,
                    'hazard-admin': self.hazard,
                }
            )
        )

    def send(
        self,
        who: str,
        path: str,
        http_method: str = 'GET',
        body: Any = None,
    ) -> web.Answer:
        return self.api.request(
            http_method, path, body, headers={callers.HEADER: who}
        )

    def call(
        self,
        who: str,
        method: str,
        http_method: str = 'GET',
        **parameters: Any,
    ) -> int:
        answer = self.send(
            who, f'{_CALL}/{method}', http_method, parameters or None
        )
        return answer.status

    def listed(self, who: str) -> set[str]:
        return set(self.send(who, f'{_CALL}/methods').json)


class TestExamples(CallersTestCase):
    """The policies of the page."""

    def start_example(self, name: str) -> None:
        text = (_EXAMPLES / f'{name}.yaml').read_text()
        self.file.write_text(text)
        self.api = self.start(
            conductor__allowed_dangerous_methods=['fake-hardware.erase']
        )

    def test_one_method_for_readers(self) -> None:
        self.start_example('policy-one-method')
        for who in ('project-reader', 'system-reader', 'domain-reader'):
            self.assertEqual({'asset_tag'}, self.listed(who))
            self.assertEqual(200, self.call(who, 'asset_tag'))
            self.assertEqual(403, self.call(who, 'asset_tag', 'PUT', tag='x'))
            self.assertEqual(403, self.call(who, 'asset_tag', 'DELETE'))
            self.assertEqual(403, self.call(who, 'no_op'))
            self.assertEqual(403, self.call(who, 'nope'))
        self.assertEqual(403, self.call('no-role', 'asset_tag'))
        self.assertEqual(403, self.call('project-admin', 'no_op'))
        self.assertLess(10, len(self.listed('system-admin')))
        for method in ('no_op', 'asset_tag'):
            self.assertEqual(200, self.call('system-admin', method))

    def test_read_only_callers(self) -> None:
        self.start_example('policy-read-only')
        for who in ('project-reader', 'system-reader'):
            self.assertLess({'hello', 'asset_tag'}, self.listed(who))
            self.assertNotIn('set_fans', self.listed(who))
            self.assertEqual(200, self.call(who, 'asset_tag'))
            self.assertEqual(403, self.call(who, 'asset_tag', 'DELETE'))
            self.assertEqual(403, self.call(who, 'no_op', 'POST'))
        self.assertEqual(200, self.call('system-admin', 'no_op', 'POST'))

    def test_one_driver_for_a_team(self) -> None:
        self.start_example('policy-team')
        every = self.listed('system-admin')
        self.assertEqual(every, self.listed('team-member'))
        self.assertEqual(200, self.call('team-member', 'no_op'))
        for who in ('team-reader', 'project-member', 'system-reader'):
            self.assertEqual(set(), self.listed(who))
            self.assertEqual(403, self.call(who, 'no_op'))
        # An unknown driver.
        answer = self.send(
            'team-member', '/v1/drivers/zeta/vendor_passthru/no_op'
        )
        self.assertEqual(403, answer.status)
        # The operations of the team belong to the team.
        accepted = self.send('team-member', f'{_CALL}/no_op_async', 'POST')
        self.assertEqual(202, accepted.status)
        path = accepted.headers['Location'].removeprefix(self.api.url)
        for who, status in (
            ('team-reader', 200),
            ('system-reader', 200),
            ('project-member', 404),
            ('no-role', 403),
        ):
            for suffix in ('', '/events'):
                answer = self.send(who, f'{path}{suffix}')
                self.assertEqual(status, answer.status, who)
        project = self.send('team-reader', path).json['project_id']
        for query in (
            *('', f'?project_id={project}', '?sort_key=id&sort_dir=asc'),
            '?method=no_op_async&created_after=2026-01-01',
        ):
            for who, count in (('team-reader', 1), ('project-member', 0)):
                answer = self.send(who, f'/v1/operations{query}')
                self.assertEqual(count, len(answer.json['operations']), who)

    def test_nothing_that_is_dangerous(self) -> None:
        self.start_example('policy-nothing-dangerous')
        bmc = '192.0.2.7'
        for who, status in (
            ('system-admin', 403),
            ('hazard-admin', 200),
            ('project-admin', 403),
        ):
            self.assertEqual(
                status, self.call(who, 'erase', 'POST', bmc=bmc), who
            )
        self.assertEqual(200, self.call('system-admin', 'no_op'))
        self.assertEqual(
            {'erase'},
            self.listed('hazard-admin') - self.listed('system-admin'),
        )
        # Only callers with all rights learn that a method is unknown.
        self.assertEqual(403, self.call('system-admin', 'nope'))
        self.assertEqual(400, self.call('hazard-admin', 'nope'))


class TestChange(CallersTestCase):
    """A policy file applies without a restart."""

    def test_a_file_is_created_changed_and_broken(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.ERROR))
        self.api = self.start()
        self.assertEqual(403, self.call('project-reader', 'no_op'))
        self.write(call='role:reader')
        self.expect(200)
        self.write(call='role:reader and')
        self.wait_for(
            # A change is noticed at the next request.
            lambda: (
                self.call('project-reader', 'no_op') != 200
                or 'policy rules remain in force' in log.output
            ),
            'a line is logged',
        )
        self.assertEqual(200, self.call('project-reader', 'no_op'))
        self.assertIn(str(self.file), log.output)
        self.write(call='!')
        self.expect(403)

    def expect(self, status: int) -> None:
        self.wait_for(
            lambda: self.call('project-reader', 'no_op') == status,
            f'a call is answered {status}',
        )
