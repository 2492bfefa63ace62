# SPDX-License-Identifier: Apache-2.0
"""Files of values in the format of :mod:`prometheus_client`.

Their space is allocated before it is mapped into memory: the kernel ends a
process that writes to a page for which a full disk has no space.
"""

import errno
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from prometheus_client import mmap_dict
from prometheus_client import values

# Of the library.
_INITIAL_BYTES = 1 << 16
# Of a value, besides its name: length, padding and two numbers.
_ENTRY_BYTES = 4 + 8 + 16

# Of file systems that cannot allocate space.
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


class AllocatedDict(mmap_dict.MmapedDict):
    """Values in a file whose space has been allocated.

    :raises: OSError without space.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            _allocate(filename, _INITIAL_BYTES)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        needed = self._used + len(key.encode()) + _ENTRY_BYTES
        if needed > self._capacity:
            # The library doubles it.
            _allocate(self._fname, 2 * max(needed, self._capacity))
        super()._init_value(key)  # type: ignore[no-untyped-call]


def allocate_space() -> None:
    """Let values of this process use files with allocated space."""
    # The library has no way to choose the class.
    names: Any = values
    names.MmapedDict = AllocatedDict


def read(file: pathlib.Path) -> list[tuple[str, float]]:
    """Return keys and values.

    :raises: OSError, ValueError, RuntimeError or struct.error for a damaged
        file.
    """
    if file.stat().st_size == 0:
        return []
    library: Any = mmap_dict.MmapedDict
    found = library.read_all_values_from_file(str(file))
    return [(key, value) for key, value, _, _ in found]


def write(file: pathlib.Path, content: Mapping[str, float]) -> None:
    """Write a file, which replaces one that exists.

    :raises: OSError.
    """
    file.unlink(missing_ok=True)
    try:
        made = AllocatedDict(str(file))
        for key, value in content.items():
            made.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
        made.close()  # type: ignore[no-untyped-call]
    except OSError:
        file.unlink(missing_ok=True)
        raise


def _allocate(filename: str, size: int) -> None:
    descriptor = os.open(filename, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            if os.fstat(descriptor).st_size == 0:
                os.unlink(filename)
            raise
    finally:
        os.close(descriptor)
