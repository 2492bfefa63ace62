# SPDX-License-Identifier: Apache-2.0
"""Fixtures of private servers."""

from ironic_passthru.tests import base
from ironic_passthru.tests.functional import servers


class TestRequire(base.TestCase):
    """A missing program fails a test with a helpful message."""

    def test_the_package_is_named(self) -> None:
        error = self.assertRaises(
            servers.MissingProgram,
            servers.require,
            'no-such-program',
            'its-package',
        )
        self.assertIn('no-such-program', str(error))
        self.assertIn('Debian package its-package', str(error))


class TestReservedPort(base.TestCase):
    """A port is reserved by one fixture."""

    def test_many_at_once_are_all_different(self) -> None:
        # Enough that two choices of the same number are nearly certain.
        fixtures = [servers.ReservedPort() for _ in range(400)]
        ports = {self.useFixture(fixture).port for fixture in fixtures}
        self.assertEqual(400, len(ports))
