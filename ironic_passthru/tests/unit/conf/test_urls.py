# SPDX-License-Identifier: Apache-2.0
"""URLs that libraries would misread."""

from ironic_passthru import errors
from ironic_passthru.conf import urls
from ironic_passthru.tests import base

SECRET = 'hunter' + '2'

VALID = (
    'rabbit://',
    'local://',
    f'rabbit://u:{SECRET}%2F%3F%23%40%3A%5B%5D%25%2C@h:5672/%2F',
    'rabbit://u%2Fv@realm:p@h:5672//',
    'rabbit://u:p@[::1]:5672/v?rabbit_retry_interval=1',
    'rabbit://u:p@::1/v',
    'postgresql://u@/x?host=/run/postgresql',
    'mysql+pymysql://u:p@h_1.example/x?charset=utf8mb4',
)
# With the reason.
INVALID = (
    (f'{SECRET}', 'its form must be'),
    (f'//u:{SECRET}@h', 'its form must be'),
    (f'rabbit:u:{SECRET}@h/', 'its form must be'),
    # Each of these names another host, virtual host or database.
    (f'rabbit://u:1/{SECRET}@h/', 'an @ follows the host'),
    (f'rabbit://u:1?{SECRET}@h/', 'an @ follows the host'),
    (f'rabbit://u:1#{SECRET}@h/', 'an @ follows the host'),
    (f'postgresql://u/v:{SECRET}@h/x', 'an @ follows the host'),
    (f'postgresql://u:p@q/{SECRET}@h/x', 'an @ follows the host'),
    (f'postgresql://u:{SECRET}%zz@h/x', 'a % must be followed by'),
    (f'postgresql://u:{SECRET}%cd@h/x', 'must be UTF-8'),
    (f'postgresql://u:{SECRET}\t@h/x', 'a control character'),
    (f'postgresql://u:p@h:{SECRET}/x', 'a port must be a number'),
    ('postgresql://u:p@h:65536/x', 'a port must be a number'),
    ('rabbit://u:p@h:0/x', 'a port must be a number'),
    ('rabbit://u:p@h:/x', 'a port must be a number'),
    ('rabbit://u:p@[::1/x', 'the address of a host'),
)


class TestCheck(base.TestCase):
    def check(self, url: str, *, several: bool = False) -> None:
        urls.check(url, option='acme_url', group='acme', several=several)

    def refusal(self, url: str, *, several: bool = False) -> str:
        error = self.assertRaises(
            errors.ConfigError, self.check, url, several=several
        )
        self.assertIsNone(error.__cause__)
        self.assertTrue(
            error.message.startswith(
                'Option acme_url in group [acme] is not a valid URL: '
            )
        )
        self.assertNotIn(SECRET, error.message)
        self.assertIn('%2F', error.message)
        return error.message

    def test_valid(self) -> None:
        for url in VALID:
            self.check(url)
            self.check(url, several=True)
        self.check('postgresql://u:p@one,two/x')
        self.check('rabbit://u:p@one:1,v:q@two:2/x', several=True)
        self.check('rabbit://one:1,two:2/x', several=True)

    def test_invalid(self) -> None:
        for url, reason in INVALID:
            with self.subTest(url):
                self.assertIn(reason, self.refusal(url))
                self.assertIn(reason, self.refusal(url, several=True))

    def test_a_comma_that_would_name_another_host(self) -> None:
        for url in (
            f'rabbit://u:1,{SECRET}@h/',
            f'rabbit://u,{SECRET}:p@h/',
            'rabbit://u:p@one,two/',
        ):
            self.assertIn('all hosts', self.refusal(url, several=True))
