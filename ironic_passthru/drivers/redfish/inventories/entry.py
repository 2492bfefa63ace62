# SPDX-License-Identifier: Apache-2.0
"""Fields of a target in an inventory, and their validation."""

import difflib
import functools
import ipaddress
import pathlib
import re
import ssl
from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Literal
from urllib import parse

import pydantic

from ironic_passthru import watched_files
from ironic_passthru.drivers.redfish import bmc_target

NAME_PATTERN = r'^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$'

Name = Annotated[str, pydantic.Field(pattern=NAME_PATTERN)]

# Only such an unknown key that resembles a valid one is quoted: another may
# be a misplaced password.
_KEY = re.compile(r'[a-z_]{1,32}')
_SIMILARITY = 0.75

# A label of a name, also an international one.
_LABEL = re.compile(r'[\w-]{1,63}')
_MAX_NAME = 253


def _from_float(value: Any) -> Any:
    """Return a version of TLS that is a number in YAML as text."""
    return str(value) if isinstance(value, float) else value


# Thousands of entries have the same list, and a context is expensive.
@functools.lru_cache
def _is_known(ciphers: str) -> bool:
    """Return whether OpenSSL knows any cipher of a list."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(ciphers)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _is_host(host: str, *, is_literal: bool) -> bool:
    """Return whether a host can exist.

    :param is_literal: whether it is enclosed in brackets.
    """
    if is_literal:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return True
    labels = host.removesuffix('.').split('.')
    return len(host) <= _MAX_NAME and all(map(_LABEL.fullmatch, labels))


class Entry(pydantic.BaseModel):
    """One BMC as an inventory describes it."""

    model_config = pydantic.ConfigDict(
        extra='forbid', strict=True, hide_input_in_errors=True
    )

    address: str = pydantic.Field(
        description='Where the BMC is: host or host:port, with or without '
        'https://. Plain HTTP, which sends the password in the clear, is '
        'used only if http:// is written out.'
    )
    username: str = pydantic.Field(
        min_length=1, description='User name on the BMC.'
    )
    password: pydantic.SecretStr | None = pydantic.Field(
        None,
        description='Password of the user, unless password_file or '
        'password_secret is set.',
    )
    password_file: str | None = pydantic.Field(
        None,
        min_length=1,
        description='File with the password; one newline at its end is '
        'ignored.',
    )
    password_secret: str | None = pydantic.Field(
        None,
        min_length=1,
        description='Identifier of a secret with the password: its path in '
        'Vault, its UUID in Barbican. It needs [redfish] '
        'castellan_config_file.',
    )
    ca: str | None = pydantic.Field(
        None,
        min_length=1,
        description='PEM file of the certificate authorities to trust; '
        'without it those of the operating system are trusted.',
    )
    verify: bool = pydantic.Field(
        True,
        description='false accepts any certificate, for any host name. Use '
        'ca instead if you can.',
    )
    tls_minimum: Annotated[
        Literal['1.0', '1.1', '1.2', '1.3'] | None,
        pydantic.BeforeValidator(_from_float),
    ] = pydantic.Field(
        None,
        description='Lowest version of TLS: 1.0, 1.1, 1.2 or 1.3; by default '
        'that of OpenSSL, mostly 1.2. 1.0 and 1.1 are insecure.',
    )
    ciphers: str | None = pydantic.Field(
        None,
        min_length=1,
        description='Ciphers for TLS 1.2 and earlier as a list of OpenSSL, '
        'such as ECDHE+AESGCM; by default those of OpenSSL.',
    )
    login: Literal['basic', 'session'] | None = pydantic.Field(
        None,
        description='basic sends the credentials with each request (HTTP '
        'Basic), session opens a Redfish session. By default a session is '
        'opened only if the BMC refuses HTTP Basic.',
    )
    system_id: str | None = pydantic.Field(
        None,
        min_length=1,
        description='Id (the last part of the path) or path of the system; '
        'needed where the BMC has several.',
    )
    tags: list[Name] = pydantic.Field(
        [], description='Tags by which several targets can be chosen.'
    )

    @pydantic.field_validator('address')
    @classmethod
    def _is_origin(cls, address: str) -> str:
        if '://' not in address:
            address = f'https://{address}'
        try:
            parts = parse.urlsplit(address)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ValueError('is not a URL') from None
        if parts.scheme not in ('https', 'http') or not host:
            raise ValueError('must be a host, https://host or http://host')
        if '@' in parts.netloc:
            raise ValueError('must not hold credentials')
        if not _is_host(host, is_literal='[' in parts.netloc):
            raise ValueError(
                'must contain a host name, whose labels have 1 to 63 '
                'characters, or an IP address'
            )
        if parts.path not in ('', '/') or parts.query or parts.fragment:
            raise ValueError('must end after the host or port')
        return f'{parts.scheme}://{parts.netloc}'

    @pydantic.field_validator('ciphers')
    @classmethod
    def _are_known(cls, ciphers: str | None) -> str | None:
        if ciphers is not None and not _is_known(ciphers):
            raise ValueError('OpenSSL knows none of them')
        return ciphers

    @pydantic.model_validator(mode='after')
    def _is_consistent(self) -> 'Entry':
        given = (self.password, self.password_file, self.password_secret)
        if sum(each is not None for each in given) != 1:
            raise ValueError(
                'needs one of password, password_file and password_secret'
            )
        if self.ca is not None and not self.verify:
            raise ValueError('has both ca and verify: false')
        if self.address.startswith('http://'):
            for key in ('ca', 'tls_minimum', 'ciphers'):
                if getattr(self, key) is not None:
                    raise ValueError(f'has {key} but no https address')
        return self

    def target(
        self, name: str, *, password: str, base: pathlib.Path
    ) -> bmc_target.Target:
        """Return the target.

        :param base: directory to which ``ca`` is relative.
        """
        return bmc_target.Target(
            name=name,
            address=bmc_target.Address(
                url=self.address,
                username=self.username,
                password=password,
                ca=None if self.ca is None else base / self.ca,
                verify=self.verify,
                tls_minimum=self.tls_minimum,
                ciphers=self.ciphers,
                login=self.login,
            ),
            system_id=self.system_id,
            tags=frozenset(self.tags),
        )


def describe_error(error: Mapping[str, Any]) -> str:
    """Return an error of pydantic as ``entry: key: message``.

    It quotes only names of entries, and keys.
    """
    where = [str(part) for part in error['loc'] if part != '[key]']
    what = error['msg'].removeprefix('Value error, ')
    if error['type'] == 'extra_forbidden':
        what = _describe_key(where.pop())
    return ': '.join([*where, what])


def _describe_key(key: str) -> str:
    valid = list(Entry.model_fields)
    close = difflib.get_close_matches(key, valid, 1, _SIMILARITY)
    if close and _KEY.fullmatch(key):
        return f"unknown key '{key}'; did you mean '{close[0]}'?"
    return f'contains a key other than {", ".join(valid)}'


def check_ca(path: pathlib.Path, reader: watched_files.Reader) -> None:
    """Verify that a file contains certificates, as each connection needs.

    :raises: Unusable.
    """
    try:
        reader.read(path)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except watched_files.Unusable as exc:
        raise watched_files.Unusable(
            f'ca: {path} cannot be read: {exc}'
        ) from None
    except OSError:
        raise watched_files.Unusable(
            f'ca: {path} contains no certificates in PEM'
        ) from None
