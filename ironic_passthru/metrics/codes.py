# SPDX-License-Identifier: Apache-2.0
"""Codes of errors as values of labels."""

from collections.abc import Iterator

from ironic_passthru import errors
from ironic_passthru.metrics import definitions


def code_of(error: errors.PassthruError) -> str:
    """Return the code of an error, one of those of this release.

    Classes of vendors have codes of their own, without a bound.
    """
    if isinstance(error.code, str) and error.code in _CODES:
        return error.code
    if isinstance(error, errors.DriverError | errors.VendorError):
        return errors.VendorError.code
    return definitions.OTHER


def _codes(kind: type[errors.PassthruError]) -> Iterator[str]:
    yield kind.code
    for derived in kind.__subclasses__():
        if derived.__module__ == errors.__name__:
            yield from _codes(derived)


_CODES = frozenset(_codes(errors.PassthruError))
