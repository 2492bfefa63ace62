# SPDX-License-Identifier: Apache-2.0
"""Programs that the tests run, and their packages."""

import os
import shutil


class MissingProgram(Exception):
    """A program that a functional test needs is not installed."""


def require(program: str, package: str, paths: tuple[str, ...] = ()) -> str:
    """Return the path of ``program``.

    :raises: MissingProgram with the name of the package."""
    search = os.pathsep.join((os.environ.get('PATH', os.defpath), *paths))
    found = shutil.which(program, path=search)
    if found is None:
        raise MissingProgram(
            f'this test runs a private server and needs the program '
            f'{program}: install the Debian package {package} (bindep.txt '
            'lists all packages of the tests)'
        )
    return found
