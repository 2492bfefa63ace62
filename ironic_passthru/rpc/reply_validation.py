# SPDX-License-Identifier: Apache-2.0
"""What an answer must be before a client relies on it.

Answers are not signed: whoever has a login to the broker can forge one. He
must not get further than to a wrong answer.
"""

from typing import Any

from ironic_passthru import errors
from ironic_passthru.rpc import protocol

# Longest sentence of an error. One that names all that is wrong with the
# parameters of a call can be long.
_MAX_MESSAGE_LENGTH = 1 << 20
_MAX_CODE_LENGTH = 255

# What only the API itself says; some of these become headers.
_NOT_FROM_CONDUCTORS = (
    errors.Unauthorized,
    errors.VerbNotAllowed,
    errors.ConfigError,
)


class InvalidReply(ValueError):
    """An answer is not what a conductor would have sent."""


def check(method: str, answer: Any) -> Any:
    """Return an answer if it has the form that the method's has.

    :raises: BadAnswer.
    """
    if not _FORMS[method](answer):
        raise InvalidReply()
    return answer


def is_error(error: errors.PassthruError) -> bool:
    """Tell whether an error has the facts that its class has."""
    if isinstance(error, _NOT_FROM_CONDUCTORS):
        return False
    try:
        faults = error.field_errors()
    except Exception:
        return False
    return (
        isinstance(error.status, int)
        and 400 <= error.status <= 599
        and _is_text(error.code, _MAX_CODE_LENGTH)
        and _is_text(error.message, _MAX_MESSAGE_LENGTH)
        and _has_targets(error.kwargs)
        and all(
            isinstance(text, str)
            for fault in faults
            for text in (fault.pointer, fault.detail)
        )
    )


def _is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest


def _is_outcome(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and 'return' in value
        and isinstance(value.get('async'), bool)
        and isinstance(value.get('attach'), bool)
        and _has_targets(value)
    )


def _has_targets(facts: dict[str, Any]) -> bool:
    """Tell whether reported targets, if there are any, are texts."""
    targets = facts.get(protocol.TARGETS, [])
    return isinstance(targets, list) and all(
        isinstance(one, str) for one in targets
    )


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_addresses(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(address, list | tuple)
        and len(address) == 2
        and all(isinstance(part, str) for part in address)
        for address in value
    )


_FORMS = {
    'driver_vendor_passthru': _is_outcome,
    'get_driver_vendor_passthru_methods': _is_object,
    'get_driver_properties': _is_object,
    'locate_driver': _is_addresses,
    'ping': lambda value: isinstance(value, str),
}
