# SPDX-License-Identifier: Apache-2.0
"""Method that returns any resource of a BMC."""

import re
from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Unpack
from urllib import parse

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection
from ironic_passthru.redaction import masking

# Members with text that may be a secret, such as Password, AuthToken,
# PrivateKey and CommunityString.
_SECRET = re.compile(
    r'passw|passphrase|secret|token|community|'
    r'(priv|private|auth|authentication|encryption|symmetric|shared)_?key',
    re.IGNORECASE,
)

# Settings of secrets, such as MinPasswordLength.
_SETTING = re.compile(
    r'(length|days|time|enabled|required|expiration|expires|policy)$',
    re.IGNORECASE,
)

# Levels of a document; deeper ones are not Redfish.
_MAX_DEPTH = 50

_Path = Annotated[
    str,
    pydantic.Field(
        min_length=1,
        max_length=1024,
        description='Path below /redfish, with a query if needed.',
    ),
]


class ResourceItem(results.TargetItem):
    """A resource of a BMC."""

    path: str
    document: dict[str, Any]
    """The resource without secrets."""


class ResourceDocumentMethods(fleet.FleetMethods):
    """The method ``get_resource``."""

    @base.driver_passthru(
        ['GET'], async_call=False, dangerous=True, target=selection.NAMES
    )
    def get_resource(
        self,
        context: request_context.RequestContext,
        *,
        path: _Path,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[ResourceItem]:
        """Return one resource of the BMCs of targets.

        ``document`` is the resource: texts of at most 4000 characters,
        without control characters, and ``***`` in place of secrets.
        """
        _check_path(path)
        return self._each(
            context, options, lambda machine: read_document(machine, path)
        )


def read_document(machine: bmc.Bmc, path: str) -> failures.Item:
    """Return a resource without secrets.

    :raises: BadAnswer for a document with too many levels.
    """
    found = machine.client.get(path)
    return {
        'reachable': True,
        'path': path,
        'document': _clean(machine, found.document),
    }


def _check_path(path: str) -> None:
    """Refuse everything but a path of Redfish.

    :raises: InvalidParameterValue
    """
    plain = path.partition('?')[0]
    # A BMC may decode a path several times.
    decoded = plain
    while (once := parse.unquote(decoded)) != decoded:
        decoded = once
    segments = decoded.rstrip('/').split('/')[1:]
    if (
        not segments
        or segments[0] != 'redfish'
        or not decoded.startswith('/')
        or not {'', '.', '..'}.isdisjoint(segments)
        or not decoded.isascii()
        or not path.isprintable()
        or not decoded.isprintable()
        or not {*decoded}.isdisjoint(' #;\\')
        or '#' in path
    ):
        raise errors.InvalidParameterValue(
            'path must be a path below /redfish, such as /redfish/v1/Systems, '
            'without scheme, host, fragment, spaces, ";", ".." and empty '
            'segments'
        )


def _clean(
    machine: bmc.Bmc, value: Any, *, secret: bool = False, depth: int = 0
) -> Any:
    """Return a JSON value without secrets and unprintable characters.

    :param secret: whether the name of the member is that of a secret.
    """
    if depth > _MAX_DEPTH:
        raise failures.BadAnswer()
    if isinstance(value, Mapping):
        return {
            _text(machine, name): _clean(
                machine,
                member,
                secret=secret or _is_secret(name),
                depth=depth + 1,
            )
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [
            _clean(machine, each, secret=secret, depth=depth + 1)
            for each in value
        ]
    if secret and value and not isinstance(value, bool):
        return masking.MASK
    if isinstance(value, str):
        return _text(machine, value)
    return value


def _is_secret(name: str) -> bool:
    # Annotations of a member describe it.
    return (
        '@' not in name
        and _SECRET.search(name) is not None
        and _SETTING.search(name) is None
    )


def _text(machine: bmc.Bmc, text: str) -> str:
    # The search for secrets in a hostile document may take long.
    if not machine.client.pause(0):
        raise failures.NoAnswer()
    return ''.join(filter(str.isprintable, machine.client.redact(text)))
