# SPDX-License-Identifier: Apache-2.0
"""Mistakes in the code of drivers: where they are, and what to write."""

import dataclasses
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable
from typing import Any
from typing import Literal

from ironic_passthru.redaction import log_filter

# Modules that call code of drivers, or that report invalid options to them.
_CALLERS = (
    'importlib',
    'ironic_passthru.drivers.',
    'oslo_config.',
    'pydantic.',
)
_OWN_DRIVERS = ('fake', 'redfish')
_LIBRARY = sysconfig.get_path('stdlib')


Level = Literal['error', 'warning']


@dataclasses.dataclass(frozen=True)
class Problem:
    """A mistake in a driver.

    :param driver: name of the driver.
    :param method: name of the method; None for the driver as a whole.
    :param place: ``file:line``; None if it is unknown.
    :param message: what is wrong.
    :param remedy: what to write instead.
    :param level: the driver is not loaded with an ``error``; a ``warning``
        is logged.
    """

    driver: str
    method: str | None
    place: str | None
    message: str
    remedy: str = ''
    level: Level = 'error'

    def __str__(self) -> str:
        return f"Driver '{self.driver}': {self.text}"

    @property
    def text(self) -> str:
        """One line without the name of the driver."""
        subject = f"method '{self.method}'" if self.method else ''
        if self.place:
            subject = f'{subject} ({self.place})' if subject else self.place
        message = f'{subject}: {self.message}' if subject else self.message
        text = f'{message}; {self.remedy}' if self.remedy else message
        return ' '.join(text.split())


def describe(error: BaseException) -> str:
    """Return class and text of an exception of a driver, without secrets."""
    kind = type(error).__name__
    try:
        text = log_filter.redact(str(error))
    except Exception:
        # The class of a driver may fail in any way.
        return f'{kind}, whose text cannot be read'
    return f'{kind}: {text}' if text else kind


def place_of(function: Callable[..., Any]) -> str | None:
    """Return ``file:line`` of a function, below its decorators."""
    code = getattr(inspect.unwrap(function), '__code__', None)
    if code is None:
        return None
    return f'{code.co_filename}:{code.co_firstlineno}'


def place_of_class(kind: type) -> str | None:
    """Return ``file:line`` of a class, or its file, or None."""
    try:
        file = inspect.getsourcefile(kind)
        _, line = inspect.getsourcelines(kind)
    except (OSError, TypeError):
        module = sys.modules.get(kind.__module__)
        return getattr(module, '__file__', None)
    return f'{file}:{line}'


def place_of_error(error: BaseException) -> str | None:
    """Return ``file:line`` of the code of a driver that raised an error.

    This is the last frame outside Python's library and this package.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f'{error.filename}:{error.lineno}'
    places = [
        f'{frame.f_code.co_filename}:{line}'
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not _is_caller(frame.f_globals.get('__name__', ''))
        and not _is_library(frame.f_code.co_filename)
    ]
    return places[-1] if places else None


def _is_caller(module: str) -> bool:
    package = module.removeprefix('ironic_passthru.drivers.')
    if package.partition('.')[0] in _OWN_DRIVERS:
        return False
    return f'{module}.'.startswith(_CALLERS)


def _is_library(file: str) -> bool:
    return file.startswith('<frozen ') or (
        file.startswith(_LIBRARY) and 'site-packages' not in file
    )
