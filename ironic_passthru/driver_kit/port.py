# SPDX-License-Identifier: Apache-2.0
"""``port``: list what must be edited in a vendor interface of Ironic."""

import pathlib
from collections.abc import Iterable

from ironic_passthru import errors
from ironic_passthru.compat import porting


def run(paths: Iterable[pathlib.Path]) -> list[porting.Finding]:
    """Return the findings in files and packages.

    :raises: ConfigError if a path cannot be read.
    """
    found: list[porting.Finding] = []
    for path in paths:
        try:
            found += porting.findings(path)
        except OSError as error:
            raise errors.ConfigError(
                f'Cannot read {error.filename}: {error.strerror}'
            ) from None
    return found
