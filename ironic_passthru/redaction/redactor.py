# SPDX-License-Identifier: Apache-2.0
"""Texts and results without the secret parameters of the call they are of.

A driver may put a parameter into whatever it says: an error, a line of the
log, a progress report, a result. Where the value of a secret one is found,
``***`` takes its place.
"""

import contextlib
import contextvars
import functools
import html
import json
import traceback
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from urllib import parse

from ironic_passthru.redaction import masking

# Shorter ones are found in any text, and would leave little of it.
_MIN_LENGTH = 4
# A line of a key or a certificate is telling, too.
_MIN_LINE_LENGTH = 8

# Where there is more to look for, nothing is shown: a call with that many
# secrets must not keep a conductor busy with the search for them.
_MAX_SECRETS = 1000
_MAX_STEPS = 2_000_000_000

# Of a longer chain of errors, or a larger group, nobody reads all.
_MAX_ERRORS = 50

_FAILED = '<its str() failed>'
_LEFT_OUT = '<left out, with what led to it>'
_UNSHOWN = '<its text cannot be shown without secrets>'


class Scrubber:
    """Takes the secrets of one call out of what is said of it.

    :param find: returns the secrets; called when they are first needed.
    """

    def __init__(self, find: Callable[[], Iterable[str]]) -> None:
        self._find = find

    @functools.cached_property
    def _forms(self) -> dict[str, str] | None:
        """What to look for, with the secret that looks so.

        None if it is too much.
        """
        secrets = {one for one in self._find() if len(one) >= _MIN_LENGTH}
        if len(secrets) > _MAX_SECRETS:
            return None
        return {form: one for one in secrets for form in _forms_of(one)}

    @property
    def finds_nothing(self) -> bool:
        """Whether the call has no secrets."""
        return self._forms == {}

    def _found(self, text: str) -> dict[str, str] | None:
        """Return the forms that a text holds; None if that takes long."""
        forms = self._forms
        if forms is None or len(forms) * len(text) > _MAX_STEPS:
            return None
        return {form: one for form, one in forms.items() if form in text}

    def text(self, text: str) -> str:
        """Return a text with ``***`` in the place of secrets."""
        found = self._found(text)
        if found is None:
            return masking.MASK
        return _without(_ordered(found), text)

    def value(self, value: Any) -> Any:
        """Return a copy of a JSON value without secrets in its texts."""
        if self.finds_nothing:
            return value
        try:
            found = self._found(json.dumps(value, ensure_ascii=False))
            if found is None:
                return masking.MASK
            # As JSON they may look different from what they are.
            both = {*found, *found.values()}
            return _copy(value, _ordered(both)) if found else value
        except RecursionError:
            return masking.MASK

    def is_in(self, data: bytes) -> bool:
        """Tell whether bytes hold a secret."""
        found = self._found(data.decode('utf-8', 'surrogateescape'))
        return found is None or bool(found)

    def error(self, error: BaseException) -> BaseException:
        """Return an error to be logged: the same, or one that hides more."""
        return cleaned(error, self.text)

    @contextlib.contextmanager
    def in_logs(self) -> Iterator[None]:
        """Let the log of this thread be without these secrets.

        See :mod:`ironic_passthru.redaction.log_filter`.
        """
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


NOTHING = Scrubber(tuple)

_current: contextvars.ContextVar[Scrubber] = contextvars.ContextVar(
    'scrubber', default=NOTHING
)


def current() -> Scrubber:
    """Return the scrubber of the call that this thread works on."""
    return _current.get()


def _forms_of(secret: str) -> Iterator[str]:
    """Yield how a secret looks in texts that quote it."""
    octets = secret.encode('utf-8', 'surrogatepass')
    lines = secret.splitlines() if '\n' in secret else []
    for form in (
        secret,
        secret.strip(),
        repr(secret)[1:-1],
        repr(octets)[2:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        parse.quote(octets, safe=''),
        parse.quote_plus(octets),
        html.escape(secret),
    ):
        if len(form) >= _MIN_LENGTH:
            yield form
    for line in lines:
        if len(line) >= _MIN_LINE_LENGTH:
            yield line


def _ordered(forms: Iterable[str]) -> list[str]:
    """Return the longest first: another one may be a part of it."""
    return sorted(forms, key=lambda form: (-len(form), form))


def _without(found: list[str], text: str) -> str:
    for form in found:
        text = text.replace(form, masking.MASK)
    return text


def _copy(value: Any, found: list[str]) -> Any:
    if isinstance(value, str):
        return _without(found, value)
    if isinstance(value, Mapping):
        return {
            _without(found, key): _copy(part, found)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_copy(item, found) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return masking.MASK if str(value) in found else value
    return value


def cleaned(
    error: BaseException, clean: Callable[[str], str]
) -> BaseException:
    """Return an error whose traceback holds nothing that ``clean`` hides.

    It is the error itself if that is so anyway; or else one of the same
    name and place, made of clean texts.
    """
    try:
        text = ''.join(traceback.format_exception(error))
        return error if clean(text) == text else _copied(error, clean, {})
    except BaseException:
        # A class of a driver's own can fail in any way, and whoever logs an
        # error must not meet another one.
        return _named(type(error))(_UNSHOWN)


def _copied(
    error: BaseException,
    clean: Callable[[str], str],
    known: dict[int, BaseException],
) -> BaseException:
    if id(error) in known:
        return known[id(error)]
    kind = type(error)
    if len(known) >= _MAX_ERRORS:
        return _named(kind)(_LEFT_OUT)
    copy = _named(kind)(clean(_text_of(error)))
    known[id(error)] = copy
    if isinstance(error, BaseExceptionGroup):
        inner = [
            _copied(one, clean, known)
            for one in error.exceptions[:_MAX_ERRORS]
        ]
        copy = BaseExceptionGroup(clean(str(error.message)), inner)
        known[id(error)] = copy
    for note in _notes_of(error):
        copy.add_note(clean(_text_of(note)))
    if error.__cause__ is not None:
        copy.__cause__ = _copied(error.__cause__, clean, known)
    if error.__context__ is not None:
        copy.__context__ = _copied(error.__context__, clean, known)
    copy.__suppress_context__ = error.__suppress_context__
    return copy.with_traceback(error.__traceback__)


def _notes_of(error: BaseException) -> list[Any]:
    notes = getattr(error, '__notes__', None)
    # Anybody can set it to anything.
    return notes if isinstance(notes, list) else []


def _named(kind: type[BaseException]) -> type[BaseException]:
    """Return a class that shows as ``kind``, without any of its code."""
    names = {'__module__': kind.__module__, '__qualname__': kind.__qualname__}
    return type(kind.__name__, (Exception,), names)


def _text_of(shown: Any) -> str:
    try:
        return str(shown)
    except BaseException:
        # Even SystemExit: it is raised by whoever is asked for a text.
        return _FAILED
