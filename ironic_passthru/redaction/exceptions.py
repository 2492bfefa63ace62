# SPDX-License-Identifier: Apache-2.0
"""Copies of exceptions without secrets in their tracebacks."""

import traceback
from collections.abc import Callable
from typing import Any

from ironic_passthru.redaction import control_characters

# Longer chains of exceptions and larger groups are truncated.
_MAX_ERRORS = 50

_FAILED = '<its str() failed>'
_OMITTED = '<omitted, with its causes>'
_UNSHOWN = '<the text cannot be redacted>'


def redacted(
    error: BaseException, redact: Callable[[str], str]
) -> BaseException:
    """Return an exception without secrets in its traceback.

    :param redact: returns a text without its secrets.
    :returns: ``error`` itself if it contains none, otherwise a copy with
        the same class name and traceback, and redacted texts.
    """
    try:
        text = ''.join(traceback.format_exception(error))
        return error if redact(text) == text else _copied(error, redact, {})
    except BaseException:
        # A driver's class can fail in any way, and logging must not raise.
        return _named(type(error))(_UNSHOWN)


def _copied(
    error: BaseException,
    redact: Callable[[str], str],
    known: dict[int, BaseException],
) -> BaseException:
    if id(error) in known:
        return known[id(error)]
    kind = type(error)
    if len(known) >= _MAX_ERRORS:
        return _named(kind)(_OMITTED)
    copy = _named(kind)(redact(_text_of(error)))
    known[id(error)] = copy
    if isinstance(error, BaseExceptionGroup):
        inner = [
            _copied(each, redact, known)
            for each in error.exceptions[:_MAX_ERRORS]
        ]
        copy = BaseExceptionGroup(redact(str(error.message)), inner)
        known[id(error)] = copy
    for note in _notes_of(error):
        copy.add_note(redact(_text_of(note)))
    if error.__cause__ is not None:
        copy.__cause__ = _copied(error.__cause__, redact, known)
    if error.__context__ is not None:
        copy.__context__ = _copied(error.__context__, redact, known)
    copy.__suppress_context__ = error.__suppress_context__
    return copy.with_traceback(error.__traceback__)


def _notes_of(error: BaseException) -> list[Any]:
    notes = getattr(error, '__notes__', None)
    # A driver may set it to a value of any type.
    return notes if isinstance(notes, list) else []


def _named(kind: type[BaseException]) -> type[BaseException]:
    """Return a class with the name of ``kind`` and none of its code."""
    # A driver may have made the class, with any text as its name.
    names = {
        '__module__': control_characters.escape(str(kind.__module__)),
        '__qualname__': control_characters.escape(kind.__qualname__),
    }
    return type(control_characters.escape(kind.__name__), (Exception,), names)


def _text_of(shown: Any) -> str:
    try:
        return str(shown)
    except BaseException:
        # A driver's class may raise even SystemExit here.
        return _FAILED
