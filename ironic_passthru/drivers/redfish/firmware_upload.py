# SPDX-License-Identifier: Apache-2.0
"""Firmware images of a directory, and forms that send them."""

import json
import os
import pathlib
import secrets
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import BinaryIO
from typing import Self

from ironic_passthru import errors

_CHUNK_BYTES = 256 * 1024


class FirmwareImage:
    """An open file, which several threads can read; a context manager.

    :param directory: directory of all images; ``None`` if none is configured.
    :param name: path relative to ``directory``.
    :raises: InvalidParameterValue unless it is a readable regular file in
        this directory after symbolic links are followed.
    :ivar name: last part of the path.
    :ivar size: number of bytes.
    """

    def __init__(self, directory: str | None, name: str) -> None:
        if directory is None:
            raise errors.InvalidParameterValue(
                'image_file is not available: the option firmware_directory '
                'of the driver is unset; use image_uri'
            )
        try:
            self._file = _open(pathlib.Path(directory), name)
        except (OSError, ValueError) as exc:
            raise errors.InvalidParameterValue(
                'image_file must be the name of a readable file in the '
                'firmware_directory of the driver'
            ) from exc
        self.name = name.rpartition('/')[2]
        self.size = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    def chunks(self) -> Iterator[bytes]:
        """Yield the content.

        :raises: OSError if the file has become shorter.
        """
        position = 0
        while position < self.size:
            # pread has no position that threads would share.
            chunk = os.pread(self._file.fileno(), _CHUNK_BYTES, position)
            if not chunk:
                raise OSError('The file has become shorter')
            yield chunk[: self.size - position]
            position += len(chunk)


class MultipartForm:
    """The body of a multipart push (UpdateService 1.4, 2019).

    It is read from disk while it is sent.

    :param parameters: the part ``UpdateParameters``.
    :param image: the part ``UpdateFile``.
    :ivar headers: header fields of the request.
    :ivar summary: the parts, with the name of the file.
    """

    def __init__(
        self, parameters: Mapping[str, Any], image: FirmwareImage
    ) -> None:
        self._image = image
        boundary = secrets.token_hex(16)
        name = ''.join(
            each if each.isascii() and each.isprintable() else '_'
            for each in image.name
        ).translate({ord('"'): '_', ord('\\'): '_'})
        self._head = (
            f'--{boundary}\r\n'
            'Content-Disposition: form-data; name="UpdateParameters"\r\n'
            'Content-Type: application/json\r\n\r\n'
            f'{json.dumps(parameters)}\r\n'
            f'--{boundary}\r\n'
            'Content-Disposition: form-data; name="UpdateFile"; '
            f'filename="{name}"\r\n'
            'Content-Type: application/octet-stream\r\n\r\n'
        ).encode()
        self._tail = f'\r\n--{boundary}--\r\n'.encode()
        size = len(self._head) + image.size + len(self._tail)
        self.headers = {
            'Content-Type': f'multipart/form-data; boundary={boundary}',
            'Content-Length': str(size),
        }
        self.summary = {
            'UpdateParameters': dict(parameters),
            'UpdateFile': image.name,
        }

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._image.chunks()
        yield self._tail


def _open(directory: pathlib.Path, name: str) -> BinaryIO:
    """Open a file of a directory.

    :raises: OSError; ValueError if it is outside, or not a regular file.
    """
    path = (directory / name).resolve(strict=True)
    if not path.is_relative_to(directory.resolve()) or not path.is_file():
        raise ValueError(name)
    return path.open('rb')
