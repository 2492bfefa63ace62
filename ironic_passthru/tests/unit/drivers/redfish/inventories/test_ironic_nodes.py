# SPDX-License-Identifier: Apache-2.0
"""Targets from nodes of Ironic, whose ``driver_info`` may be any JSON."""

import contextlib
import pathlib
from typing import Any

import fixtures
import hypothesis
import trustme
from hypothesis import strategies

from ironic_passthru.drivers.redfish.inventories import ironic_nodes
from ironic_passthru.tests import base

UUID = '5b7a2f4e-0d1c-4c8e-9a53-7c1f0d2b6a90'

GOOD = {
    'redfish_address': 'bmc1.example.com',
    'redfish_username': 'admin',
    'redfish_password': 'hunter2',
}

# Values that administrators can store in Ironic.
_SCALARS = (
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(strategies.characters(exclude_categories=()))
)
_VALUES = _SCALARS | strategies.lists(_SCALARS, max_size=2)
_KEYS = (
    'address',
    'username',
    'password',
    'auth_type',
    'verify_ca',
    'system_id',
    'tls_minimum_version',
    'tls_ciphers',
)


class NodesTest(base.TestCase):
    def convert(self, node: dict[str, Any] | None = None, **info: Any) -> Any:
        """Return the target of a node with changed ``driver_info``."""
        changed = {f'redfish_{key}': value for key, value in info.items()}
        return ironic_nodes.NodeConverter().target(
            {'uuid': UUID, 'driver_info': {**GOOD, **changed}, **(node or {})}
        )

    def write_ca(self) -> pathlib.Path:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'ca'
        trustme.CA().cert_pem.write_to_path(path)
        return path

    def test_defaults(self) -> None:
        target = self.convert()
        self.assertEqual(UUID, target.name)
        address = target.address
        self.assertEqual('https://bmc1.example.com', address.url)
        self.assertEqual('admin', address.username)
        self.assertEqual('hunter2', address.password)
        self.assertTrue(address.verify)
        for value in (address.ca, address.login, target.system_id):
            self.assertIsNone(value)
        self.assertEqual(set(), target.tags)

    def test_values(self) -> None:
        ca = self.write_ca()
        for field, key, value, expected in (
            ('url', 'address', 'https://x/redfish/v1/', 'https://x'),
            ('url', 'address', 'https://x:8443/', 'https://x:8443'),
            ('url', 'address', '2001:db8::1', 'https://[2001:db8::1]'),
            ('url', 'address', 'http://x', 'http://x'),
            ('password', 'password', 12345, '12345'),
            ('verify', 'verify_ca', False, False),
            ('verify', 'verify_ca', 'false', False),
            ('verify', 'verify_ca', 'True', True),
            ('ca', 'verify_ca', str(ca), ca),
            ('login', 'auth_type', 'session', 'session'),
            ('login', 'auth_type', 'auto', None),
            ('tls_minimum', 'tls_minimum_version', '1.1', '1.1'),
            ('tls_minimum', 'tls_minimum_version', 1.2, '1.2'),
            ('ciphers', 'tls_ciphers', 'HIGH', 'HIGH'),
        ):
            address = self.convert(**{key: value}).address
            self.assertEqual(expected, getattr(address, field), (key, value))
        for value in ('/redfish/v1/Systems/437', 437):
            target = self.convert(system_id=value)
            self.assertEqual(str(value), target.system_id)
        plain = self.convert(address='http://x', verify_ca=str(ca))
        self.assertIsNone(plain.address.ca)

    def test_names(self) -> None:
        for name, expected in (
            ('rack1-node1', 'rack1-node1'),
            ('~odd', UUID),
            (None, UUID),
            (17, UUID),
        ):
            self.assertEqual(expected, self.convert({'name': name}).name)

    def test_tags(self) -> None:
        target = self.convert(
            {
                'traits': ['CUSTOM_WEB', None],
                'conductor_group': 'rack1',
                'resource_class': 'with space',
                'owner': '4f1c',
            }
        )
        expected = {'CUSTOM_WEB', 'conductor_group.rack1', 'owner.4f1c'}
        self.assertEqual(expected, target.tags)

    def test_nodes_that_are_not_usable(self) -> None:
        missing = '/no/such/ca'
        for key, value, expected in (
            ('address', None, 'redfish_address is missing'),
            ('address', '', 'redfish_address is missing'),
            ('address', ['hunter2'], 'redfish_address is not text'),
            ('address', 'https://x/hunter2', 'address: must end after'),
            ('address', 'ssh://hunter2', 'address: must be a host'),
            ('username', None, 'redfish_username is missing'),
            ('username', True, 'redfish_username is not text'),
            ('password', None, 'redfish_password is missing'),
            ('password', {'hunter2': 1}, 'redfish_password is not text'),
            ('auth_type', 'hunter2', 'redfish_auth_type: unknown value'),
            ('verify_ca', 1, 'redfish_verify_ca: neither boolean nor path'),
            ('verify_ca', [], 'redfish_verify_ca: neither boolean nor path'),
            ('verify_ca', 'hunter2', 'redfish_verify_ca: not an absolute'),
            ('verify_ca', missing, f'redfish_verify_ca: {missing} cannot be'),
            ('tls_minimum_version', 3, 'tls_minimum: Input should be'),
            ('tls_ciphers', 'HUNTER2', 'ciphers: OpenSSL knows none'),
            ('system_id', {}, 'redfish_system_id is not text'),
        ):
            error = self.assertRaises(
                ironic_nodes.UnusableNode, self.convert, **{key: value}
            )
            self.assertIn(expected, str(error))
            self.assertNotIn('hunter2', str(error).lower())

    def test_no_driver_info(self) -> None:
        for info in (None, [], 'x'):
            self.assertRaises(
                ironic_nodes.UnusableNode, self.convert, {'driver_info': info}
            )

    # Other processes may slow down the generation.
    @hypothesis.settings(
        deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(
        strategies.dictionaries(strategies.sampled_from(_KEYS), _VALUES),
        _VALUES,
    )
    @hypothesis.example({'password': '\ud800'}, None)
    @hypothesis.example({'verify_ca': '/\ud800'}, None)
    def test_any_values(self, info: dict[str, Any], other: Any) -> None:
        """A node of odd types is a target or not usable, without any error."""
        node = {'name': other, 'traits': [other], 'owner': other}
        with contextlib.suppress(ironic_nodes.UnusableNode):
            target = self.convert(node, **info)
            self.assertTrue(target.address.password.encode())

    def test_hidden_credentials(self) -> None:
        self.assertRaises(
            ironic_nodes.MaskedCredentials, self.convert, password='******'
        )
