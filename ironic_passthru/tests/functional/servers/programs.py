# SPDX-License-Identifier: Apache-2.0
"""Programs that the tests run, and the packages that have them."""

import os
import shutil


class MissingProgram(Exception):
    """A program that a functional test needs is not installed."""


def require(program: str, package: str, paths: tuple[str, ...] = ()) -> str:
    """Return the path of ``program``, or say which package has it."""
    search = os.pathsep.join((os.environ.get('PATH', os.defpath), *paths))
    found = shutil.which(program, path=search)
    if found is None:
        raise MissingProgram(
            f'this test runs a private server and needs the program '
            f'{program}: install the Debian package {package} (bindep.txt '
            'lists all that the tests need)'
        )
    return found
