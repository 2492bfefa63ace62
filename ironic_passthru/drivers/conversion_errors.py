# SPDX-License-Identifier: Apache-2.0
"""Validation errors of parameters that a type cannot convert.

Their texts are safe for clients: they contain no secret, no name of a class
of the driver, and do not reveal which files exist.
"""

import sys
import traceback
from typing import Any

import pydantic
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.json_schema import json_pointer
from ironic_passthru.redaction import call_secrets

LOG = log.getLogger(__name__)

# Errors of pydantic whose message contains the name of a class.
_CLASS_ERRORS = frozenset(
    {
        'dataclass_exact_type',
        'dataclass_type',
        'is_instance_of',
        'is_subclass_of',
        'model_attributes_type',
        'model_type',
    }
)

# Top-level modules whose exceptions mean that a value cannot be converted.
_CONVERTING = sys.stdlib_module_names | {
    'email_validator',
    'pydantic',
    'pydantic_core',
    'pydantic_extra_types',
}

# Errors of pydantic for paths, which all get the same message: it must not
# reveal which files exist.
_PATH_ERRORS = frozenset(
    {
        'parent_does_not_exist',
        'path_exists',
        'path_not_directory',
        'path_not_file',
        'path_not_socket',
    }
)

# Errors of validators, whose text is for clients. Subclasses, such as
# UnicodeError, are errors of libraries.
_PUBLIC_ERRORS = (ValueError, AssertionError)
_UNFIT = 'Input is not valid'
_TOO_DEEP = 'Input is nested too deeply'

# The module that starts conversions.
_CALLER = 'ironic_passthru.drivers.signature'


def from_pydantic(
    entry: Any, secrets: call_secrets.CallSecrets
) -> dict[str, str]:
    """Return an entry of a ValidationError as a validation error."""
    if entry['type'] == 'recursion_depth_exceeded':
        return validation_error([str(entry['loc'][0])], _TOO_DEEP)
    path: list[str] = []
    for part in entry['loc']:
        # pydantic also adds the types that it tried, which are not members.
        last = part is entry['loc'][-1] and entry['type'] == 'missing'
        if last or secrets.has(path, part):
            path.append(str(part))
    return validation_error(path, _phrase(entry, secrets.secrets_at(path)))


def validation_error(path: list[str], phrase: str) -> dict[str, str]:
    """Return the pointer and the text of an error of one parameter."""
    name = f"parameter '{'.'.join(path)}'" if path else 'the parameters'
    return {'pointer': json_pointer.to(path), 'detail': f'{name}: {phrase}'}


def reason(error: Exception) -> str:
    """Return why a value cannot be converted, without text of the error.

    The text may contain the value, or reveal which files exist.
    """
    LOG.debug('Conversion of a parameter raised %s', type(error).__name__)
    if isinstance(error, RecursionError):
        return _TOO_DEEP
    return _UNFIT


def not_ours(error: Exception) -> Exception:
    """Return an exception of a driver; replace InvalidParameters.

    The text of InvalidParameters would be sent to the caller.
    """
    if not isinstance(error, errors.InvalidParameters):
        return error
    other = TypeError('a type raised InvalidParameters')
    other.__cause__ = error
    return other


def is_from_driver(error: Exception) -> bool:
    """Return whether code of a driver is part of the traceback of an error.

    pydantic and Python's library raise more than ValueError for values that
    they cannot convert: OverflowError, OSError, TypeError and others.
    """
    if isinstance(error, pydantic.PydanticUserError):
        return True
    modules = {
        frame.f_globals.get('__name__', '')
        for frame, _ in traceback.walk_tb(error.__traceback__)
    }
    return any(
        name.partition('.')[0] not in _CONVERTING
        for name in modules - {_CALLER}
    )


def _phrase(entry: Any, secrets: set[str] | None) -> str:
    """Return the message of an error of pydantic, safe for clients."""
    kind, text = entry['type'], str(entry['msg'])
    if kind in _PATH_ERRORS:
        return _UNFIT
    if kind in _CLASS_ERRORS:
        # The message contains the name of a class of the driver.
        return 'Input should be an object'
    if kind == 'union_tag_invalid':
        # pydantic quotes the value.
        return _UNFIT
    raised = entry.get('ctx', {}).get('error')
    if isinstance(raised, Exception) and type(raised) not in _PUBLIC_ERRORS:
        # A library that a validator of the driver calls raised it.
        return _UNFIT
    if secrets is None:
        return text
    if kind.endswith(('_parsing', '_invalid')) or any(
        secret in text for secret in secrets
    ):
        # The messages of the former contain a character of the value.
        return _UNFIT
    return text
