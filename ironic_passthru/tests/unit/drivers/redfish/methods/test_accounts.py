# SPDX-License-Identifier: Apache-2.0
"""Users of BMCs, and changes of their passwords."""

from collections.abc import Callable
from typing import Any
from unittest import mock

from ironic_passthru import errors
from ironic_passthru.drivers.redfish import passwords
from ironic_passthru.drivers.redfish.inventories import base as inventories
from ironic_passthru.testing import bmc
from ironic_passthru.tests.unit.drivers.redfish.methods import driven

SERVICE = f'{driven.ROOT}/AccountService'
ADMIN = f'{SERVICE}/Accounts/2'
OTHER = f'{SERVICE}/Accounts/3'
OLD = 'simulated-secret'
NEW = 'correct-horse-42'


class AccountTestCase(driven.MethodTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.link(driven.ROOT, AccountService=SERVICE)
        self.add(SERVICE, Accounts=f'{SERVICE}/Accounts', MinPasswordLength=8)
        empty = self.add(f'{SERVICE}/Accounts/1', Id='1', UserName='')
        self.add(
            ADMIN,
            Id='2',
            UserName='admin',
            RoleId='Administrator',
            Enabled=True,
            Locked=False,
            Password=None,
        )
        self.add(OTHER, Id='3', UserName='audit')
        self.collect(f'{SERVICE}/Accounts', empty, ADMIN, OTHER)
        self.enterContext(mock.patch.object(passwords, '_PAUSE_SECONDS', 0.0))


class ReadTest(AccountTestCase):
    def test_items(self) -> None:
        admin = {
            'id': '2',
            'username': 'admin',
            'role': 'Administrator',
            'enabled': True,
            'locked': False,
        }
        audit: dict[str, Any] = dict.fromkeys(admin)
        audit |= {'id': '3', 'username': 'audit'}
        self.assertEqual(
            {'reachable': True, 'accounts': [admin, audit], 'warnings': []},
            self.call('accounts'),
        )

    def test_odd_resources(self) -> None:
        del self.fake.resources[ADMIN]
        item = self.call('accounts')
        self.assertEqual(['3'], [each['id'] for each in item['accounts']])
        self.assertEqual(
            [{'path': ADMIN, 'code': 'not_found'}], item['warnings']
        )
        del self.fake.resources[driven.ROOT]['AccountService']
        self.assertEqual(
            'not_supported', self.call('accounts')['error']['code']
        )


class PasswordTestCase(AccountTestCase):
    """The BMC changes the password that it accepts."""

    def setUp(self) -> None:
        super().setUp()
        self.file = self.directory / 'password'
        self.write(OLD)
        self.patch = self.fake._patch
        self.fake._patch = self.accept  # type: ignore[method-assign]

    def write(self, password: str) -> None:
        self.file.touch(mode=0o600)
        self.file.write_text(f'{password}\n')

    def entry(self) -> dict[str, Any]:
        entry = super().entry()
        del entry['password']
        return entry | {'password_file': str(self.file)}

    def accept(self, request: bmc.BmcRequest) -> bmc.BmcReply:
        """Change the password that following requests must have."""
        if request.path == ADMIN:
            self.fake.password = request.document()['Password']
        return self.patch(request)

    def set(self, password: str = NEW, **options: Any) -> Any:
        """Call the method; no result contains a password."""
        item = self.call('set_password', 'PUT', password=password, **options)
        for secret in (OLD, NEW):
            self.assertNotIn(secret, str(item))
        return item

    def stored(self) -> str:
        return self.file.read_text().rstrip('\n')

    def then(self, act: Callable[[], None]) -> bmc.faults.Fault:
        """Return a fault: change the password, then close."""

        async def fault(exchange: bmc.Exchange) -> None:
            act()
            await bmc.faults.close(exchange)

        return fault

    def change(self) -> None:
        self.fake.password = NEW


class SetPasswordTest(PasswordTestCase):
    def test_the_users_of_the_inventory_and_of_others(self) -> None:
        result = {'reachable': True, 'user': 'admin', 'changed': True}
        self.assertEqual(result | {'stored': True}, self.set())
        self.assertEqual([('PATCH', ADMIN, {'Password': NEW})], self.changes())
        self.assertEqual((NEW, NEW), (self.stored(), self.fake.password))
        self.assertIs(False, self.set()['changed'])
        self.assertEqual([], self.changes())
        item = self.set(user='audit')
        self.assertEqual(result | {'user': 'audit', 'stored': False}, item)
        self.assertEqual([('PATCH', OTHER, {'Password': NEW})], self.changes())

    def test_dry_run(self) -> None:
        (change,) = self.set(dry_run=True)['would_send']
        self.assertEqual(ADMIN, change['path'])
        self.assertEqual({'Password': '***'}, change['body'])
        self.assertEqual(([], OLD), (self.changes(), self.stored()))

    def test_entries_of_one_user_are_changed_together(self) -> None:
        second = self.directory / 'second'
        second.touch(mode=0o600)
        second.write_text(OLD)
        self.driver = self.start(
            node=self.entry(),
            second=self.entry() | {'password_file': str(second)},
        )
        result = self.driver.call(
            'set_password', 'PUT', targets=['node', 'second'], password=NEW
        )
        self.assertEqual(
            [True, False],
            sorted(
                (each['changed'] for each in result['items'].values()),
                reverse=True,
            ),
        )
        self.assertEqual((NEW, NEW), (self.stored(), second.read_text()[:-1]))
        self.assertEqual(1, len(self.changes()))

    def test_refused_before_the_change(self) -> None:
        for options, code in (
            ({'user': 'nobody'}, 'account_not_found'),
            ({'password': 'short'}, 'value_not_allowed'),
        ):
            self.assertEqual(code, self.set(**options)['error']['code'])
        self.driver = self.start(node=driven.MethodTestCase.entry(self))
        item = self.set()
        self.assertEqual('password_not_stored', item['error']['code'])
        self.assertIs(False, item['changed'])
        self.assertEqual([], self.changes())
        error = self.assertRaises(
            errors.InvalidParameterValue, self.set, 'a\nbcdefgh'
        )
        self.assertIn('not printable', error.message)

    def test_a_password_for_each_target(self) -> None:
        other = self.enterContext(bmc.SimulatedBmc(tls=True))
        entry = {
            'address': other.url,
            'username': other.username,
            'password': other.password,
            'ca': str(other.ca_file),
        }
        self.driver = self.start(node=self.entry(), other=entry)
        for wanted, problem in (
            ({'node': NEW}, 'by_target lacks targets: other'),
            (
                {'node': NEW, 'other': 'x', 'third': NEW},
                'by_target has unselected targets: third',
            ),
            ({'node': NEW, 'other': 'a\n'}, 'not printable'),
        ):
            error = self.assertRaises(
                errors.InvalidParameterValue,
                self.driver.call,
                'set_password',
                'PUT',
                target='*',
                by_target=wanted,
            )
            self.assertIn(problem, error.message)
            self.assertNotIn(NEW, error.message)
        self.assertEqual([], self.changes())
        result = self.driver.call(
            'set_password',
            'PUT',
            target='*',
            by_target={'node': NEW, 'other': 'another'},
        )
        self.assertEqual((NEW, NEW), (self.stored(), self.fake.password))
        self.assertIs(True, result['items']['node']['changed'])
        self.assertIn('error', result['items']['other'])

    def test_one_kind_of_password(self) -> None:
        both = {'password': NEW, 'by_target': {'node': NEW}}
        for kind, given in (
            (errors.MissingParameterValue, {}),
            (errors.InvalidParameterValue, both),
        ):
            self.assertRaises(kind, self.call, 'set_password', 'PUT', **given)
        self.assertEqual([], self.changes())

    def test_messages_of_the_bmc_do_not_contain_it(self) -> None:
        message = {
            'MessageId': 'Base.1.8.PropertyValueFormatError',
            'Message': f'The value {NEW} is too simple.',
            'Severity': 'Warning',
        }
        self.fake.faults['PATCH'] = bmc.faults.document(
            {'Password@Message.ExtendedInfo': [message]}
        )
        error = self.set()['error']
        self.assertEqual('refused', error['code'])
        self.assertEqual(
            ['The value *** is too simple.'], error['bmc_messages']
        )

    def test_refused_by_the_bmc(self) -> None:
        self.fake.faults['PATCH'] = bmc.faults.status(400)
        self.assertEqual('refused', self.set()['error']['code'])
        self.assertEqual((OLD, OLD), (self.stored(), self.fake.password))


class UnknownOutcomeTest(PasswordTestCase):
    def test_a_response_is_lost(self) -> None:
        for act, changed, password in (
            (lambda: None, False, OLD),
            (self.change, True, NEW),
        ):
            self.fake.faults['PATCH'] = self.then(act)
            item = self.set()
            self.assertIs(changed, item['changed'])
            self.assertEqual(not changed, 'error' in item)
            self.assertEqual(password, self.stored())
            # Attempts to open sessions could lock the account.
            self.assertEqual(1, len(self.changes()))

    def test_no_password_is_known_to_be_valid(self) -> None:
        def restart() -> None:
            self.fake.faults['GET'] = bmc.faults.status(503)

        self.fake.faults['PATCH'] = self.then(restart)
        item = self.set()
        self.assertEqual('outcome_unknown', item['error']['code'])
        self.assertIsNone(item['changed'])
        self.assertEqual(OLD, self.stored())

    def test_an_accepted_change_without_effect(self) -> None:
        self.fake._patch = self.patch  # type: ignore[method-assign]
        item = self.set()
        self.assertEqual('not_applied', item['error']['code'])
        self.assertIs(False, item['changed'])
        self.assertEqual(OLD, self.stored())

    def test_an_accepted_change_that_cannot_be_confirmed(self) -> None:
        def accept(request: bmc.BmcRequest) -> bmc.BmcReply:
            self.fake.faults['GET'] = bmc.faults.status(503)
            return self.accept(request)

        self.fake._patch = accept  # type: ignore[method-assign]
        item = self.set()
        self.assertEqual('password_not_confirmed', item['error']['code'])
        self.assertIs(True, item['changed'])
        self.assertEqual(NEW, self.stored())


class NotStoredTest(PasswordTestCase):
    def test_storing_fails_after_the_change(self) -> None:
        for error, text in (
            (inventories.PasswordNotStored('Disk full.'), 'Disk full.'),
            (OSError(NEW), 'The inventory source failed.'),
        ):
            self.fake.password = OLD
            self.driver = self.start()
            source = self.vendor._inventory
            with mock.patch.object(
                source, 'store_password', side_effect=error
            ):
                item = self.set()
            self.assertEqual(
                {'code': 'password_not_stored', 'message': text},
                item['error'],
            )
            self.assertIs(True, item['changed'])
            self.assertEqual(OLD, self.stored())
