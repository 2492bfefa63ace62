# SPDX-License-Identifier: Apache-2.0
"""Tests of logins with a name and a password."""

import base64
import logging
import pathlib
from typing import Any
from unittest import mock

import bcrypt
import fixtures

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.api.auth import basic
from ironic_passthru.api.auth import htpasswd
from ironic_passthru.api.http import environ_keys
from ironic_passthru.tests import base


def digest(password: str, cost: int = 4, prefix: bytes = b'2b') -> str:
    """Return the hash of a password, with the lowest cost."""
    return bcrypt.hashpw(
        password.encode(), bcrypt.gensalt(cost, prefix)
    ).decode()


class BasicCase(base.TestCase):
    """A test that logs in."""

    users: dict[str, str] = {'alice': 'wonder', 'zoë': 'pässwörd', 'bob': ''}

    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.path = pathlib.Path(directory) / 'htpasswd'
        self.write(self.users)
        self.strategy = self.make()

    def write(self, users: dict[str, str], **how: Any) -> None:
        """Write the user file."""
        lines = [
            f'{name}:{digest(text, **how)}\n' for name, text in users.items()
        ]
        self.path.write_text(''.join(lines))
        self.path.chmod(0o600)

    def make(self, **options: Any) -> basic.HTTPBasic:
        """Return the strategy."""
        conf = self.make_conf(
            http_basic_auth_user_file=str(self.path), **options
        )
        return basic.HTTPBasic(
            htpasswd.UserFile(
                conf.http_basic_auth_user_file, look_seconds=0.0
            ),
            basic.read_roles(conf.http_basic_roles),
        )

    def send(self, header: str | None) -> request_context.RequestContext:
        """Send a request with this Authorization header."""
        self.environ: dict[str, Any] = {environ_keys.REQUEST_ID: 'req-1'}
        if header is not None:
            self.environ['HTTP_AUTHORIZATION'] = header
        return self.strategy.identify(self.environ)

    def login(
        self, name: str, password: str
    ) -> request_context.RequestContext:
        """Send a request of a user."""
        return self.send(header(f'{name}:{password}'.encode()))

    def assert_refused(self, text: str | None) -> None:
        error = self.assertRaises(errors.Unauthorized, self.send, text)
        self.assertEqual(
            'Basic realm="ironic_passthru", charset="UTF-8"',
            error.kwargs['challenge'],
        )

    def refuse(self, name: str, password: str) -> None:
        """Fail unless the login is rejected."""
        self.assert_refused(header(f'{name}:{password}'.encode()))


def header(credentials: bytes) -> str:
    """Return the value of the Authorization header."""
    return 'Basic ' + base64.b64encode(credentials).decode()


class TestLogin(BasicCase):
    """Valid and invalid logins."""

    def test_a_user(self) -> None:
        context = self.login('alice', 'wonder')
        self.assertEqual('alice', context.user_id)
        self.assertEqual('alice', context.user_name)
        self.assertEqual('req-1', context.request_id)
        self.assertEqual('all', context.system_scope)
        self.assertEqual(['admin', 'member', 'reader'], context.roles)
        self.assertIsNone(context.project_id)
        self.assertIsNone(context.auth_token)

    def test_letters_beyond_ascii(self) -> None:
        self.assertEqual('zoë', self.login('zoë', 'pässwörd').user_id)
        self.assertEqual('zo\xc3\xab', self.environ['HTTP_X_USER_NAME'])
        self.assert_refused(header('zoë:pässwörd'.encode('latin-1')))
        # The password is bytes to bcrypt, but those that it was made of.
        self.assert_refused(
            header('zoë:'.encode() + 'pässwörd'.encode('latin-1'))
        )

    def test_an_empty_password_is_one(self) -> None:
        self.assertEqual('bob', self.login('bob', '').user_id)
        self.refuse('alice', '')

    def test_a_password_may_hold_colons(self) -> None:
        self.write({'alice': 'a:b:'})
        self.assertEqual('alice', self.login('alice', 'a:b:').user_id)
        self.refuse('alice', 'a')

    def test_each_kind_of_bcrypt(self) -> None:
        for prefix in ('2a', '2b', '2y'):
            text = digest('wonder').replace('$2b$', f'${prefix}$')
            self.path.write_text(f'alice:{text}\n')
            self.assertEqual('alice', self.login('alice', 'wonder').user_id)
            self.refuse('alice', 'wonde')

    def test_who_does_not_get_in(self) -> None:
        for name, password in (
            ('alice', 'wonder '),
            ('alice', 'Wonder'),
            ('alice', 'pässwörd'),
            ('Alice', 'wonder'),
            ('alice ', 'wonder'),
            ('', 'wonder'),
            ('', ''),
            ('nobody', 'wonder'),
            ('nobody', ''),
            ('*', 'wonder'),
            ('x' * 10_000, 'wonder'),
        ):
            self.refuse(name, password)

    def test_headers_that_are_none(self) -> None:
        good = base64.b64encode(b'alice:wonder').decode()
        for text in (
            None,
            '',
            'Basic',
            'Basic ',
            'Basic =',
            f'Basic {good}!',
            f'Basic {good[:-3]}',
            f'Basic {good} {good}',
            f'Basic\t{good}',
            f'Bearer {good}',
            good,
            'Digest username="alice"',
            header(b'alice'),
            header(b''),
            header(b'\xff\xfe:x'),
            'Basic \xe9\xe9\xe9\xe9',
        ):
            self.assert_refused(text)

    def test_the_scheme_is_written_as_one_likes(self) -> None:
        good = base64.b64encode(b'alice:wonder').decode()
        for scheme in ('basic ', 'BASIC ', ' Basic  '):
            self.assertEqual('alice', self.send(scheme + good).user_id)

    def test_passwords_that_bcrypt_does_not_take(self) -> None:
        self.write({'alice': 'x' * 72})
        self.assertEqual('alice', self.login('alice', 'x' * 72).user_id)
        # It would look at the beginning alone.
        self.refuse('alice', 'x' * 73)
        self.refuse('alice', 'ö' * 40)
        self.write({'alice': 'wonder'})
        self.refuse('alice', 'wonder\0')
        self.refuse('alice', 'wonder\0more')
        self.refuse('al\0ice', 'wonder')

    def test_what_the_layers_below_and_libraries_read(self) -> None:
        self.login('alice', 'wonder')
        self.assertEqual('alice', self.environ['HTTP_X_USER_ID'])
        self.assertEqual('Confirmed', self.environ['HTTP_X_IDENTITY_STATUS'])
        self.assertEqual('admin,member,reader', self.environ['HTTP_X_ROLES'])


class TestTime(BasicCase):
    """Duration of logins."""

    def setUp(self) -> None:
        super().setUp()
        self.costs: list[str] = []
        check = bcrypt.checkpw

        def count(password: bytes, wanted: bytes) -> bool:
            self.costs.append(wanted[4:6].decode())
            return check(password, wanted)

        patch = mock.patch('bcrypt.checkpw', count)
        patch.start()
        self.addCleanup(patch.stop)

    def test_equal_duration_for_unknown_users(self) -> None:
        self.write({'alice': 'wonder', 'bob': 'builder'}, cost=5)
        for name in ('alice', 'nobody', 'else', ''):
            self.refuse(name, 'guess')
        self.assertEqual(['05'] * 4, self.costs)

    def test_costs_that_differ(self) -> None:
        self.path.write_text(f'alice:{digest("x", 4)}\nbob:{digest("y", 5)}\n')
        for number in range(40):
            self.refuse(f'nobody{number}', 'guess')
        # Unknown users look like both, and each always like the same.
        self.assertEqual({'04', '05'}, set(self.costs))
        first, self.costs[:] = list(self.costs), []
        for number in range(40):
            self.refuse(f'nobody{number}', 'guess')
        self.assertEqual(first, self.costs)

    def test_without_users(self) -> None:
        self.path.write_text('# nobody\n')
        self.refuse('alice', 'wonder')
        self.assertEqual(['12'], self.costs)

    def test_what_was_right_is_remembered(self) -> None:
        for _ in range(5):
            self.login('alice', 'wonder')
        self.assertEqual(1, len(self.costs))
        self.refuse('alice', 'wonde')
        self.refuse('alice', 'wonde')
        self.assertEqual(3, len(self.costs))

    def test_what_was_right_is_forgotten_with_the_file(self) -> None:
        self.login('alice', 'wonder')
        self.write({'alice': 'other'})
        self.refuse('alice', 'wonder')
        self.login('alice', 'other')
        self.write({'bob': 'other'})
        self.refuse('alice', 'other')
        self.assertEqual(4, len(self.costs))


class TestMemory(base.TestCase):
    """The cache of logins."""

    def test_it_is_bounded(self) -> None:
        memory = basic.LoginCache(2)
        first, second, third = (memory.digest(b'%d' % n) for n in range(3))
        memory.add(first)
        memory.add(second)
        self.assertIn(first, memory)
        memory.add(third)
        self.assertEqual(
            [True, False, True],
            [login in memory for login in (first, second, third)],
        )

    def test_facts_do_not_run_into_each_other(self) -> None:
        memory = basic.LoginCache()
        digests = {
            memory.digest(*facts)
            for facts in ((b'ab', b'c'), (b'a', b'bc'), (b'abc',), (b'2:ab',))
        }
        self.assertEqual(4, len(digests))

    def test_it_is_worth_nothing_elsewhere(self) -> None:
        one, other = basic.LoginCache(), basic.LoginCache()
        self.assertNotEqual(one.digest(b'a'), other.digest(b'a'))


class TestRoles(BasicCase):
    """``http_basic_roles``."""

    def test_what_roles_imply(self) -> None:
        for option, expected in (
            ('admin', ['admin', 'member', 'reader']),
            ('member', ['member', 'reader']),
            ('reader', ['reader']),
            ('rack_team', ['rack_team']),
            ('reader+rack_team', ['reader', 'rack_team']),
            ('reader+admin', ['reader', 'admin', 'member']),
        ):
            self.assertEqual(
                {'alice': expected}, basic.read_roles({'alice': option})
            )

    def test_each_user_has_his_own(self) -> None:
        self.strategy = self.make(
            http_basic_roles={'alice': 'reader', '*': 'rack_team'}
        )
        self.assertEqual(['reader'], self.login('alice', 'wonder').roles)
        self.assertEqual(['rack_team'], self.login('bob', '').roles)

    def test_who_is_not_named_may_have_none(self) -> None:
        self.strategy = self.make(http_basic_roles={'alice': 'reader'})
        context = self.login('bob', '')
        self.assertEqual([], context.roles)
        self.assertEqual('bob', context.user_id)

    def test_names_that_the_file_does_not_hold(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.WARNING))
        roles = {'alcie': 'reader', 'Bob': 'admin', 'zoë': 'reader'}
        self.strategy = self.make(http_basic_roles=roles | {'*': 'admin'})
        self.assertEqual(1, log.output.count('\n'))
        self.assertIn('http_basic_roles', log.output)
        self.assertIn('does not contain: Bob, alcie\n', log.output)
        for _ in range(3):
            self.login('alice', 'wonder')
        self.assertEqual(1, log.output.count('\n'))
        # Once more when the file has changed, and not if all are there.
        self.write({'alice': 'wonder', 'alcie': '', 'zoë': ''})
        for _ in range(3):
            self.login('alice', 'wonder')
        self.assertEqual(2, log.output.count('\n'))
        self.assertIn('does not contain: Bob\n', log.output)
        self.write({'alice': 'wonder'} | dict.fromkeys(roles, ''))
        self.login('alice', 'wonder')
        self.assertEqual(2, log.output.count('\n'))

    def test_names_that_it_holds(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.WARNING))
        for roles in ({'alice': 'reader'}, {'*': 'reader'}, {}):
            self.strategy = self.make(http_basic_roles=roles)
            self.login('alice', 'wonder')
        self.assertEqual('', log.output)

    def test_roles_that_are_none(self) -> None:
        for text in ('', '+', 'admin+', 'a b', 'admin|reader', 'admin;', ' '):
            error = self.assertRaises(
                errors.ConfigError, self.make, http_basic_roles={'bob': text}
            )
            for word in ('http_basic_roles', '[DEFAULT]', 'bob'):
                self.assertIn(word, error.message)
