# SPDX-License-Identifier: Apache-2.0
"""Checks of values before they are sent, by what the BMC declares."""

from collections.abc import Collection
from collections.abc import Sequence
from urllib import parse

from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource

_MAX_SHOWN = 20


def check(name: str, value: str, allowed: Sequence[str]) -> None:
    """Check a value; every value passes if the allowed ones are unknown.

    :param name: parameter of the method, for the error.
    :raises: ValueNotAllowed.
    """
    if not allowed or value in allowed:
        return
    shown = ', '.join(allowed[:_MAX_SHOWN])
    more = ', ...' if allowed[_MAX_SHOWN:] else ''
    raise failures.ValueNotAllowed(
        f'The BMC does not allow {resource.printable(value)} as {name}; '
        f'allowed: {shown}{more}. Nothing was sent.'
    )


def is_url(text: str, schemes: Collection[str]) -> bool:
    """Return whether a text is a URL with a host and one of the schemes.

    A URL with credentials is not: every user of the BMC could see them.
    """
    try:
        parts = parse.urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    is_complete = parts.scheme in schemes and bool(host)
    has_space = not text.isprintable() or ' ' in text
    return is_complete and not has_space and '@' not in parts.netloc


def parameters(
    client: bmc_client.BmcClient, action: resource.ActionInfo
) -> dict[str, resource.JsonObject]:
    """Return the parameters in the ActionInfo of an action by name.

    It is empty if the BMC has no such resource, or an unusable one.
    """
    path = action.info.value('@Redfish.ActionInfo')
    if not isinstance(path, str):
        return {}
    found = partial_reader.read_optional(client, path)
    parts = [] if found is None else found.mappings('Parameters')
    return {each.text('Name') or '': each for each in parts}


def of_action(
    client: bmc_client.BmcClient, action: resource.ActionInfo, name: str
) -> list[str]:
    """Return the values that a parameter accepts; empty if unknown."""
    found = action.allowable(name)
    if not found and (declared := parameters(client, action).get(name)):
        found = declared.texts('AllowableValues')
    return found
