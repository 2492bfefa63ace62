# SPDX-License-Identifier: Apache-2.0
"""Validation of replies by the client.

Replies are not signed: everyone who can log in to the broker can forge one. A
forged reply can cause a wrong result, and must not have any other effect.
"""

from typing import Any

from ironic_passthru import errors
from ironic_passthru.rpc import protocol

# Messages of InvalidParameters list all validation errors of a call.
_MAX_MESSAGE_LENGTH = 1 << 20
_MAX_CODE_LENGTH = 255

# Raised only in API processes; some set response headers.
_API_ERRORS = (
    errors.Unauthorized,
    errors.VerbNotAllowed,
    errors.ConfigError,
)


class InvalidReply(ValueError):
    """The form of a reply is not that of its RPC method."""


def check(method: str, reply: Any) -> Any:
    """Return a reply if it has the form of its RPC method.

    :raises: InvalidReply.
    """
    if not _FORMS[method](reply):
        raise InvalidReply()
    return reply


def is_valid_error(error: errors.PassthruError) -> bool:
    """Return whether a conductor can have sent an error."""
    if isinstance(error, _API_ERRORS):
        return False
    try:
        details = error.field_errors()
    except Exception:
        return False
    return (
        isinstance(error.status, int)
        and 400 <= error.status <= 599
        and isinstance(error.code, str)
        and len(error.code) <= _MAX_CODE_LENGTH
        and isinstance(error.message, str)
        and len(error.message) <= _MAX_MESSAGE_LENGTH
        and _has_valid_targets(error.kwargs)
        and all(
            isinstance(detail.pointer, str) and isinstance(detail.detail, str)
            for detail in details
        )
    )


def _is_result(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and 'return' in value
        and isinstance(value.get('async'), bool)
        and isinstance(value.get('attach'), bool)
        and _has_valid_targets(value)
    )


def _has_valid_targets(values: dict[str, Any]) -> bool:
    targets = values.get(protocol.TARGETS, [])
    return isinstance(targets, list) and _are_texts(targets)


def _is_addresses(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(address, list | tuple)
        and len(address) == 2
        and _are_texts(address)
        for address in value
    )


def _are_texts(values: list[Any] | tuple[Any, ...]) -> bool:
    return all(isinstance(value, str) for value in values)


_FORMS = {
    protocol.CALL: _is_result,
    'get_driver_vendor_passthru_methods': lambda v: isinstance(v, dict),
    'get_driver_properties': lambda v: isinstance(v, dict),
    'locate_driver': _is_addresses,
    'ping': lambda v: isinstance(v, str),
}
