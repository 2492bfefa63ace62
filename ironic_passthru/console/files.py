# SPDX-License-Identifier: Apache-2.0
"""The static files of the console, read into memory."""

import dataclasses
import datetime
import hashlib
import pathlib

DIRECTORY = pathlib.Path(__file__).parent / 'static'

#: Name of the file of the directory itself.
INDEX = 'index.html'

_MEDIA_TYPES = {
    '.css': 'text/css; charset=utf-8',
    '.html': 'text/html; charset=utf-8',
    # Browsers run modules only with this type.
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml',
}


@dataclasses.dataclass(frozen=True)
class StaticFile:
    """One file.

    :param etag: opaque tag, without quotes.
    """

    data: bytes
    media_type: str
    etag: str
    last_modified: datetime.datetime


def load(directory: pathlib.Path = DIRECTORY) -> dict[str, StaticFile]:
    """Return all files by their paths, with ``/`` as the separator.

    Only these paths are found, so no path can leave the directory.

    :raises: KeyError for a file of an unknown type.
    """
    return {
        path.relative_to(directory).as_posix(): _read(path)
        for path in directory.rglob('*')
        if path.is_file()
    }


def _read(path: pathlib.Path) -> StaticFile:
    data = path.read_bytes()
    return StaticFile(
        data=data,
        media_type=_MEDIA_TYPES[path.suffix],
        etag=hashlib.sha256(data).hexdigest()[:32],
        last_modified=datetime.datetime.fromtimestamp(
            int(path.stat().st_mtime), datetime.UTC
        ),
    )
