# SPDX-License-Identifier: Apache-2.0
"""Parts that the operations of a document share."""

import collections
import http
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from ironic_passthru import errors
from ironic_passthru.api.calls import idempotency
from ironic_passthru.api.http import conductor_group
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import versions
from ironic_passthru.api.openapi import schemas

Part = dict[str, Any]

_STRING: Part = {'type': 'string'}
_SECONDS: Part = {'type': 'integer', 'minimum': 0}

#: Headers of every response.
COMMON_HEADERS = (
    versions.MINIMUM_HEADER,
    versions.MAXIMUM_HEADER,
    versions.HEADER,
    'x-openstack-request-id',
    'openstack-request-id',
)
_HEADERS: Mapping[str, Part] = {
    **dict.fromkeys(COMMON_HEADERS, _STRING),
    'ETag': _STRING,
    'Location': {**_STRING, 'format': 'uri'},
    'Retry-After': _SECONDS,
    'Preference-Applied': _STRING,
    'Content-Disposition': _STRING,
    'X-Accel-Buffering': _STRING,
    'WWW-Authenticate': _STRING,
}
_HEADERS_OF_ERRORS: Mapping[int, tuple[str, ...]] = {
    401: ('WWW-Authenticate',),
    409: ('Location',),
    503: ('Retry-After',),
    504: ('Location',),
}

# Alternatives of the second part: 1 to 115, for example.
_VERSION = '|'.join(
    str(minor)
    for minor in range(versions.MINIMUM.minor, versions.MAXIMUM.minor + 1)
)

#: Shared parameters by name.
PARAMETERS: Mapping[str, Part] = {
    versions.HEADER: {
        'in': 'header',
        'description': (
            f'API version; by default {versions.MINIMUM}. This document '
            f'describes {versions.MAXIMUM}.'
        ),
        'schema': {
            **_STRING,
            'pattern': f'^(|latest|{versions.MAXIMUM.major}\\.({_VERSION}))$',
        },
        'example': str(versions.MAXIMUM),
    },
    'Prefer': {
        'in': 'header',
        'description': (
            '``respond-async``, which only calls use, and ``wait=N`` (RFC '
            '7240); others are ignored.'
        ),
        'schema': _STRING,
        'example': 'respond-async, wait=10',
    },
    idempotency.HEADER: {
        'in': 'header',
        'description': 'Identifies this call, so that it can be repeated.',
        'schema': {
            **_STRING,
            'pattern': '^[!#-~][!-~]*$',
            'maxLength': idempotency.MAX_LENGTH,
        },
    },
    conductor_group.HEADER: {
        'in': 'header',
        'description': (
            'Only conductors of this group; empty for those without a group.'
        ),
        'schema': {
            **_STRING,
            'pattern': f'^{conductor_group.PATTERN}$',
            'maxLength': conductor_group.MAX_LENGTH,
        },
    },
    'Last-Event-ID': {
        'in': 'header',
        'description': 'The last id that the client has received.',
        'schema': _STRING,
    },
    'If-None-Match': {
        'in': 'header',
        'description': 'The ETag of a known document.',
        'schema': _STRING,
    },
}

#: Error statuses of calls, in addition to those of all routes with a login.
CALL_ERRORS = (409, 410, 422, 504)
#: Names of the shared parameters of calls.
CALL_PARAMETERS = (
    'Prefer',
    idempotency.HEADER,
    conductor_group.HEADER,
)


def parameter(name: str) -> Part:
    """Return a reference to a shared parameter."""
    return {'$ref': f'#/components/parameters/{name}'}


def is_used(name: str, verb: str) -> bool:
    """Return whether requests with an HTTP method use a parameter."""
    return name != idempotency.HEADER or verb in idempotency.HTTP_METHODS


def request_body(schema: Any, *, required: bool = False) -> Part:
    """Return the body of a request."""
    return {
        'content': {error_responses.JSON: {'schema': schema}},
        'required': required,
    }


def success(
    description: str,
    content: Mapping[str, Any] | None = None,
    headers: Iterable[str] = (),
) -> Part:
    """Return a response.

    :param content: schemas by media type; None without a body.
    """
    response: Part = {
        'description': description,
        'headers': {
            name: {'$ref': f'#/components/headers/{name}'}
            for name in (*COMMON_HEADERS, *headers)
        },
    }
    if content:
        response['content'] = {
            media_type: {'schema': schema}
            for media_type, schema in content.items()
        }
    return response


def json_success(
    description: str, schema: Any, headers: Iterable[str] = ()
) -> Part:
    """Return a response with a JSON body."""
    return success(description, {error_responses.JSON: schema}, headers)


def call(content: Mapping[str, Any]) -> dict[str, Part]:
    """Return the successes of calls, and of requests for their results.

    :param content: schemas of the result by media type.
    """
    return {
        '200': success(
            'The result of the method.',
            content,
            ('Preference-Applied', 'Content-Disposition'),
        ),
        '202': success(
            'Accepted: the call runs, or will run.',
            headers=('Location', 'Retry-After', 'Preference-Applied'),
        ),
    }


def failures(statuses: Iterable[int], *, of_driver: bool) -> dict[str, Part]:
    """Return references to the responses of errors.

    :param of_driver: whether drivers can define further statuses.
    """
    names = [*map(str, sorted(statuses)), *(_OF_DRIVERS if of_driver else ())]
    return {name: {'$ref': f'#/components/responses/{name}'} for name in names}


_AT_START = (errors.ConfigError, errors.DriverLoadError)


def failure(description: str, status: int, *other: Any) -> Part:
    """Return the response of an error.

    :param other: schemas of other JSON bodies with the same status.
    """
    error = schemas.reference('Error')
    return success(
        description,
        {
            error_responses.JSON: {'anyOf': [*other, error]}
            if other
            else error,
            error_responses.PROBLEM: schemas.reference('Problem'),
        },
        _HEADERS_OF_ERRORS.get(status, ()),
    )


_OF_DRIVERS = ('4XX', '5XX')


def components() -> dict[str, dict[str, Part]]:
    """Return the shared headers, parameters and responses."""
    codes = _codes()
    known = {
        str(status): failure(
            f'{http.HTTPStatus(status).phrase}. Codes: '
            f'{", ".join(sorted(codes[status]))}.',
            status,
        )
        for status in sorted(codes)
    }
    of_drivers = failure('An error that the driver defines.', 0)
    return {
        'headers': {
            name: {'schema': schema} for name, schema in _HEADERS.items()
        },
        'parameters': {
            name: {'name': name, **part} for name, part in PARAMETERS.items()
        },
        'responses': known | dict.fromkeys(_OF_DRIVERS, of_drivers),
    }


def _codes() -> dict[int, set[str]]:
    """Return the codes of errors by status."""
    found: dict[int, set[str]] = collections.defaultdict(set)
    pending: list[type[errors.PassthruError]] = [errors.PassthruError]
    for kind in pending:
        # Those of installed drivers are not part of every service.
        if kind.__module__ == errors.__name__ and kind not in _AT_START:
            found[kind.status].add(kind.code)
        pending += kind.__subclasses__()
    return found
