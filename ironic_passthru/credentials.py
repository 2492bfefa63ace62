# SPDX-License-Identifier: Apache-2.0
"""Files that hold credentials, which only their owner may read."""

import os
import stat

from ironic_passthru import errors


def check_private(path: str | os.PathLike[str], what: str) -> None:
    """Make sure that a file with credentials is kept from others.

    Its group may read it: a service's own group is how administrators let
    the service read what root owns.

    :param path: of the file.
    :param what: what it is, such as the option that names it.
    :raises: ConfigError if every user of the host can read or change it, or
        if it cannot be examined.
    """
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError as error:
        raise errors.ConfigError(f'{what}: {path}: {error.strerror}') from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise errors.ConfigError(
            f'{what}: {path} holds credentials but can be read or changed by '
            f'every user (mode {mode:04o}); run: chmod o= {path}'
        )
