# SPDX-License-Identifier: Apache-2.0
"""Targets from nodes of Ironic."""

import ipaddress
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import pydantic
from oslo_utils import strutils

from ironic_passthru import watched_files
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish.inventories import entry

#: Ironic's replacement for values that the policy hides.
MASK = '******'

_LOGINS = {None: None, 'auto': None, 'basic': 'basic', 'session': 'session'}
# Fields of a node that become tags with their name as prefix.
_TAG_FIELDS = ('conductor_group', 'resource_class', 'owner')
_NAME = re.compile(entry.NAME_PATTERN)
_SURROGATE = re.compile('[\ud800-\udfff]')
_ROOT = re.compile(r'(?<=[^/])/redfish/v1/?$')


class UnusableNode(Exception):
    """A node is not a target; ``str()`` is the reason, a phrase."""


class MaskedCredentials(UnusableNode):
    """Ironic's policy hides the password of a node."""


def name(node: Mapping[str, Any]) -> str:
    """Return the name of a node if targets can have it, else its UUID."""
    given = node.get('name')
    if isinstance(given, str) and _NAME.fullmatch(given):
        return given
    return str(node['uuid'])


class NodeConverter:
    """Convert the nodes of one response, each CA file checked once."""

    def __init__(self) -> None:
        self._authorities: dict[pathlib.Path, str | None] = {}

    def target(self, node: Mapping[str, Any]) -> bmc_target.Target:
        """Return the target of a node.

        The values of ``driver_info`` are those of administrators: Ironic
        stores any JSON value.

        :raises: UnusableNode.
        """
        info = node.get('driver_info')
        if not isinstance(info, Mapping):
            info = {}
        password = _text(info, 'redfish_password', required=True)
        if password == MASK:
            raise MaskedCredentials('the credentials are hidden')
        login = _text(info, 'redfish_auth_type')
        if login not in _LOGINS:
            raise UnusableNode('redfish_auth_type: unknown value')
        address = _address(info)
        trust = {}
        if not address.lower().startswith('http://'):
            trust = self._trust(info)
        try:
            found = entry.Entry.model_validate(
                {
                    'address': address,
                    'username': _text(info, 'redfish_username', required=True),
                    'password': password,
                    'login': _LOGINS[login],
                    'system_id': _text(info, 'redfish_system_id'),
                    'tags': _tags(node),
                    **trust,
                }
            )
        except pydantic.ValidationError as error:
            (first, *_) = error.errors(include_input=False)
            raise UnusableNode(entry.describe_error(dict(first))) from None
        return found.target(
            name(node), password=str(password), base=pathlib.Path('/')
        )

    def _trust(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields about TLS.

        :raises: UnusableNode.
        """
        found: dict[str, Any] = {
            'tls_minimum': _text(info, 'redfish_tls_minimum_version'),
            'ciphers': _text(info, 'redfish_tls_ciphers'),
        }
        verify: Any = info.get('redfish_verify_ca')
        if isinstance(verify, str) and verify:
            path = str(_text(info, 'redfish_verify_ca'))
            try:
                verify = strutils.bool_from_string(path, strict=True)
            except ValueError:
                self._check_ca(path)
                return {**found, 'ca': path}
        if verify in (None, ''):
            verify = True
        if not isinstance(verify, bool):
            raise UnusableNode('redfish_verify_ca: neither boolean nor path')
        return {**found, 'verify': verify}

    def _check_ca(self, text: str) -> None:
        path = pathlib.Path(text)
        if not path.is_absolute():
            raise UnusableNode('redfish_verify_ca: not an absolute path')
        if path not in self._authorities:
            try:
                entry.check_ca(path, watched_files.Reader())
                self._authorities[path] = None
            except watched_files.Unusable as error:
                self._authorities[path] = str(error)
        reason = self._authorities[path]
        if reason is not None:
            raise UnusableNode(f'redfish_verify_{reason}')


def _address(info: Mapping[str, Any]) -> str:
    """Return the address without the path of the Redfish service.

    :raises: UnusableNode.
    """
    address = str(_text(info, 'redfish_address', required=True))
    try:
        return f'[{ipaddress.IPv6Address(address)}]'
    except ValueError:
        return _ROOT.sub('', address)


def _text(
    info: Mapping[str, Any], key: str, *, required: bool = False
) -> str | None:
    """Return a value as text; numbers are accepted.

    :raises: UnusableNode.
    """
    value = info.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if value in (None, ''):
        if required:
            raise UnusableNode(f'{key} is missing')
        return None
    # JSON can contain surrogates, which UTF-8 cannot encode.
    if not isinstance(value, str) or _SURROGATE.search(value):
        raise UnusableNode(f'{key} is not text')
    return value


def _tags(node: Mapping[str, Any]) -> list[str]:
    """Return the traits, and fields as ``conductor_group.VALUE``."""
    traits = node.get('traits')
    tags = list(traits) if isinstance(traits, list) else []
    tags += [
        f'{field}.{node[field]}' for field in _TAG_FIELDS if node.get(field)
    ]
    return [
        tag for tag in tags if isinstance(tag, str) and _NAME.fullmatch(tag)
    ]
