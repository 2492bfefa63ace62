# SPDX-License-Identifier: Apache-2.0
"""Redaction and size limits of the items of targets."""

import base64
import dataclasses
import json
import math
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.redaction import masking
from ironic_passthru.redaction import search

# Maximum size of an item as JSON, in bytes.
MAX_CHANGE_BYTES = 64 * 1024
MAX_READ_BYTES = 1024 * 1024

# Summary of a result, and punctuation around the name of an item, in bytes.
_RESULT_BYTES = 1024
_NAME_BYTES = 8

# A shorter password occurs in any text.
_MIN_PASSWORD = 6

# Members that a caller needs to know whether a change was made.
_KEPT = ('reachable', 'changed', 'state', 'task')

_TOO_LARGE = failures.BmcFailure(
    'item_too_large',
    True,
    'The BMC answered, but the item of the target is too large for a result.',
)


def filtered(
    item: failures.Item, target: bmc_target.Target, *, change: bool
) -> failures.Item:
    """Return an item of limited size without the credentials of its target.

    Numbers that JSON does not have become null: a BMC may send NaN, and its
    result would otherwise replace those of all targets by an error.

    :param change: whether the item is that of a change.
    """
    most = MAX_CHANGE_BYTES if change else MAX_READ_BYTES
    secrets = search.Search(_secrets(target.address))
    try:
        size = len(json.dumps(item, default=str))
        found = item if size <= most else _shortened(item)
        return _redacted(found, secrets)
    except RecursionError:
        return _redacted(_shortened(item), secrets)


def fitting(
    items: Mapping[str, failures.Item], max_bytes: int
) -> dict[str, failures.Item]:
    """Return items that fit into one result.

    If they do not, each item larger than an equal share is shortened, so that
    a few BMCs cannot replace the result of a call by an error.

    :param max_bytes: maximum size of the result as JSON.
    """
    sizes = {
        name: len(json.dumps(item, default=str)) + len(name) + _NAME_BYTES
        for name, item in items.items()
    }
    left = max_bytes - _RESULT_BYTES
    if sum(sizes.values()) <= left:
        return dict(items)
    share = left // len(items)
    return {
        name: item if sizes[name] <= share else _shortened(item)
        for name, item in items.items()
    }


def _shortened(item: failures.Item) -> failures.Item:
    kept = {
        name: resource.printable(item[name])
        if isinstance(item[name], str)
        else item[name]
        for name in _KEPT
        if isinstance(item.get(name), str | bool)
    }
    failed = _TOO_LARGE.item()
    if 'error' in item:
        code, message = item['error']['code'], item['error']['message']
        failed = dataclasses.replace(
            _TOO_LARGE,
            code=code,
            message=resource.printable(message) or '',
            reachable=item['reachable'],
        ).item()
    return {**kept, **failed}


def _secrets(address: bmc_target.Address) -> Iterator[str]:
    pair = f'{address.username}:{address.password}'.encode()
    yield base64.b64encode(pair).decode()
    if len(address.password) >= _MIN_PASSWORD:
        yield address.password
        yield address.password.encode().hex()
        yield address.password.encode().hex().upper()


def _redacted(item: failures.Item, secrets: search.Search) -> failures.Item:
    """Return an item without secrets; names of its members and codes stay."""
    found = {name: _clean(value, secrets) for name, value in item.items()}
    error = item.get('error')
    if error is not None:
        found['error'] = {
            name: _clean(value, secrets) for name, value in error.items()
        } | {'code': error['code']}
        if 'task' in error:
            found['error']['task'] = resource.printable(found['error']['task'])
    return found


def _clean(value: Any, secrets: search.Search) -> Any:
    if isinstance(value, str):
        try:
            return secrets.redact(value, masking.MASK)
        except search.TooMuch:
            return masking.MASK
    if isinstance(value, Mapping):
        return {
            _clean(name, secrets): _clean(each, secrets)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_clean(each, secrets) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
