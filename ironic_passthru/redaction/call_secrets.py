# SPDX-License-Identifier: Apache-2.0
"""The secrets of one call: masked parameters and redacted output.

A driver may put a secret parameter into an error, a log record, a progress
message or a result, where ``***`` replaces it.
"""

import contextlib
import contextvars
import functools
import json
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ironic_passthru.json_schema import json_pointer
from ironic_passthru.redaction import credentials
from ironic_passthru.redaction import exceptions
from ironic_passthru.redaction import masking
from ironic_passthru.redaction import search


class CallSecrets:
    """The secrets of one call; to be created before the driver runs.

    :param masker: masks parameters of the method.
    :param parameters: JSON values by name, as received. They must not be
        passed to code of a driver, which could change them.
    """

    def __init__(
        self, masker: masking.Masker, parameters: Mapping[str, Any]
    ) -> None:
        self._masker = masker
        self._parameters = parameters
        self._converted: frozenset[str] = frozenset()

    def add_converted(self, arguments: Mapping[str, Any]) -> None:
        """Add secrets that conversion to the driver's types revealed.

        :param arguments: converted values by name.
        """
        self._converted |= self._masker.converted_secrets(
            arguments, self._parameters
        )
        self.__dict__.pop('_search', None)

    @functools.cached_property
    def _split(self) -> tuple[dict[str, Any], set[str]]:
        return self._masker.split(self._parameters)

    @functools.cached_property
    def _search(self) -> search.Search:
        return search.Search(self._split[1] | self._converted)

    @property
    def masked(self) -> dict[str, Any]:
        """The parameters with ``***`` in place of secrets."""
        masked: dict[str, Any] = self.value(self._split[0])
        if isinstance(masked, dict):
            return masked
        return dict.fromkeys(self._parameters, masking.MASK)

    @property
    def finds_nothing(self) -> bool:
        """Whether the call has no secrets to search for."""
        return not self._search

    def text(self, text: str) -> str:
        """Return a text with ``***`` in place of secrets.

        Passwords in URLs are replaced, too: a driver may have them from
        another source, such as its inventory.
        """
        redacted = self._text(text, search.Budget())
        return credentials.without_logins(redacted, masking.MASK)

    def _text(self, text: str, budget: search.Budget) -> str:
        try:
            return self._search.redact(text, masking.MASK, budget=budget)
        except search.TooMuch:
            return masking.MASK

    def value(self, value: Any) -> Any:
        """Return a copy of a JSON value without secrets in its strings."""
        if self.finds_nothing:
            return value
        try:
            budget = search.Budget()
            text = json.dumps(value, ensure_ascii=False)
            if self._search.is_absent(text, budget):
                return value
            return self._redacted(value, budget)
        except (RecursionError, search.TooMuch):
            return masking.MASK

    def _redacted(self, value: Any, budget: search.Budget) -> Any:
        if isinstance(value, str):
            return self._text(value, budget)
        if isinstance(value, Mapping):
            return {
                self._text(key, budget): self._redacted(part, budget)
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [self._redacted(item, budget) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            texts = masking.texts_of_number(value)
            hidden = any(map(self._search.is_secret, texts))
            return masking.MASK if hidden else value
        return value

    def are_in(self, data: bytes) -> bool:
        """Return whether bytes contain a secret."""
        text = data.decode('utf-8', 'surrogateescape')
        try:
            return self._search.contains(text)
        except search.TooMuch:
            return True

    def error(self, error: BaseException) -> BaseException:
        """Return an exception to log, or a copy of it without secrets."""
        return exceptions.redacted(error, self.text)

    @contextlib.contextmanager
    def in_logs(self) -> Iterator[None]:
        """Redact the log records of this thread, too.

        See :mod:`ironic_passthru.redaction.log_filter`.
        """
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def validation_errors(
        self, found: Iterable[dict[str, str]]
    ) -> list[dict[str, str]]:
        """Return validation errors without secrets, one for each place.

        :param found: list of ``{'pointer': ..., 'detail': ...}``.
        """
        places: dict[str, dict[str, str]] = {}
        for error in found:
            safe = self._safe_error(**error)
            places.setdefault(safe['pointer'], safe)
        return list(places.values())

    def _safe_error(self, pointer: str, detail: str) -> dict[str, str]:
        path = json_pointer.parts(pointer)
        depth = self._visible_depth(path)
        if depth < len(path):
            # The other parts are member names of a secret value.
            path = path[:depth]
            name = '.'.join(path)
            detail = f"parameter '{name}' does not fit its declaration"
            pointer = json_pointer.to(path)
        return {'pointer': self.text(pointer), 'detail': self.text(detail)}

    def _visible_depth(self, path: list[str]) -> int:
        """Return how many parts of a path are not secret themselves."""
        found: tuple[Any, Any] | None = (self._parameters, self._split[0])
        for depth, part in enumerate(path):
            if found is None:
                break
            value, masked = found
            is_name = isinstance(value, Mapping)
            public = part in self._masker.declared
            if masked == masking.MASK and is_name and not public:
                return depth
            found = _step(value, masked, part=part)
        return len(path)

    def has(self, path: Iterable[Any], part: Any) -> bool:
        """Return whether the value at ``path`` has a member."""
        return _step(*self._at(path), part=part) is not None

    def secrets_at(self, path: Iterable[Any]) -> set[str] | None:
        """Return the texts of a secret value, or None if it is not secret.

        :param path: place of the value; unknown parts are skipped.
        """
        value, masked = self._at(path)
        if masked != masking.MASK or value == masking.MASK:
            return None
        return masking.texts_of(value)

    def _at(self, path: Iterable[Any]) -> tuple[Any, Any]:
        found: tuple[Any, Any] = (self._parameters, self._split[0])
        for part in path:
            found = _step(*found, part=part) or found
        return found


def without_secrets(parameters: Mapping[str, Any]) -> CallSecrets:
    """Return the object for a call whose parameters are all public."""
    return CallSecrets(masking.Masker({}, guess=False), parameters)


NONE = without_secrets({})

_current: contextvars.ContextVar[CallSecrets] = contextvars.ContextVar(
    'call_secrets', default=NONE
)


def current() -> CallSecrets:
    """Return the secrets of the call that this thread runs."""
    return _current.get()


def _step(value: Any, masked: Any, *, part: Any) -> tuple[Any, Any] | None:
    """Return a member of a value and of its masked form."""
    key = part
    if isinstance(value, list):
        key = int(part) if str(part).isdecimal() else len(value)
        if key >= len(value):
            return None
    elif not isinstance(value, Mapping) or part not in value:
        return None
    return value[key], masked if isinstance(masked, str) else masked[key]
