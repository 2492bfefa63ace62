# SPDX-License-Identifier: Apache-2.0
"""Atomic replacement of password files."""

import contextlib
import os
import pathlib
import secrets

from ironic_passthru.drivers.redfish.inventories import base


def check_replaceable(path: pathlib.Path) -> None:
    """Check that a file can be replaced with the same mode and owner.

    :param path: without symbolic links.
    :raises: PasswordNotStored.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise _failure(error) from None
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        raise base.PasswordNotStored(
            'The directory of the password_file is not writable for the user '
            'of the conductor.'
        )
    user = os.geteuid()
    groups = {os.getegid(), *os.getgroups()}
    is_own = status.st_uid == user and status.st_gid in groups
    if user != 0 and not is_own:
        raise base.PasswordNotStored(
            'The password_file is not owned by the user and a group of the '
            'conductor.'
        )


def replace(path: pathlib.Path, password: str) -> None:
    """Replace the content of a file; it is complete at any time.

    :param path: without symbolic links.
    :raises: PasswordNotStored.
    """
    check_replaceable(path)
    new = path.with_name(f'.{path.name}.{secrets.token_hex(8)}')
    # A reader removes one \n, and one \r before it.
    end = '\r\n' if password.endswith('\r') else '\n'
    try:
        _write(new, f'{password}{end}'.encode(), path.stat())
        os.replace(new, path)
        _sync_directory(path.parent)
    except OSError as error:
        raise _failure(error) from None
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)


def _write(path: pathlib.Path, data: bytes, like: os.stat_result) -> None:
    """Write a new file with mode and owner of another, and flush it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), 'wb') as file:
        os.fchown(file.fileno(), like.st_uid, like.st_gid)
        os.fchmod(file.fileno(), like.st_mode & 0o7777)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failure(error: OSError) -> base.PasswordNotStored:
    return base.PasswordNotStored(
        'The password_file of the target cannot be replaced: '
        f'{error.strerror or type(error).__name__}.'
    )
