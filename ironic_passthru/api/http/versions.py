# SPDX-License-Identifier: Apache-2.0
"""API versions and their negotiation; the numbers are Ironic's."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from ironic_passthru import errors

SERVICE_TYPE = 'baremetal'
HEADER = 'X-OpenStack-Ironic-API-Version'
MINIMUM_HEADER = 'X-OpenStack-Ironic-API-Minimum-Version'
MAXIMUM_HEADER = 'X-OpenStack-Ironic-API-Maximum-Version'
_ENV_HEADER = 'HTTP_X_OPENSTACK_IRONIC_API_VERSION'
_ENV_STANDARD_HEADER = 'HTTP_OPENSTACK_API_VERSION'
_PATTERN = re.compile(r'([1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})')


class APIVersion(NamedTuple):
    """A version of the API; versions compare numerically."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f'{self.major}.{self.minor}'


MINIMUM = APIVersion(1, 1)
MAXIMUM = APIVersion(1, 115)

# Versions that introduced features.
PROPERTIES_LINK = APIVersion(1, 14)
DRIVER_DETAIL = APIVersion(1, 30)
CONDUCTORS = APIVersion(1, 49)
DRIVER_FIELDS = APIVersion(1, 77)


def negotiate(environ: Mapping[str, str]) -> APIVersion:
    """Return the requested version; by default the minimum.

    :raises: VersionNotAcceptable.
    """
    requested = _standard_header(environ.get(_ENV_STANDARD_HEADER, ''))
    if requested is None:
        requested = environ.get(_ENV_HEADER, '').strip()
    if not requested:
        return MINIMUM
    if requested.lower() == 'latest':
        return MAXIMUM
    match = _PATTERN.fullmatch(requested)
    if match:
        version = APIVersion(int(match[1]), int(match[2]))
        if MINIMUM <= version <= MAXIMUM:
            return version
    raise errors.VersionNotAcceptable(
        version=requested[:32], minimum=str(MINIMUM), maximum=str(MAXIMUM)
    )


def _standard_header(value: str) -> str | None:
    """Return the version for this service, or None.

    The header may contain versions for several services, separated by commas.
    A value without a service type is ignored.
    """
    for part in value.split(','):
        service, *version = part.split(maxsplit=1)[:2] or ['']
        if service.lower() == SERVICE_TYPE and version:
            return version[0].strip()
    return None


def require(version: APIVersion, needed: APIVersion, name: str) -> None:
    """Check that an argument or field is part of a version.

    :raises: FieldNotInVersion.
    """
    if version < needed:
        raise errors.FieldNotInVersion(
            name=name, needed=str(needed), version=str(version)
        )
