# SPDX-License-Identifier: Apache-2.0
"""Requests of clients and their responses, in order."""

import collections.abc
import dataclasses
import enum
import itertools
import json
import pathlib
import threading
import time
from typing import Any


class Kind(enum.Enum):
    """Kinds of calls."""

    SYNC = 'sync'
    ASYNC = 'async'
    #: A synchronous method, with ``Prefer: respond-async``.
    RESPOND_ASYNC = 'respond-async'


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One request for a call, as seen by its client.

    A retry is a further attempt with the same key.

    :param number: its position in the order of starts.
    :param key: identifies the call; an argument of the method.
    :param fails: whether the method is requested to fail.
    :param idempotent: whether the request had an ``Idempotency-Key``.
    :param began: ``time.time()`` before the request.
    :param ended: the same after the response; ``None`` without a response.
    :param status: status of the response; ``None`` without a response.
    :param error: name of the exception, without a response.
    :param operation: id of the operation in the response.
    :param request_id: request id in the response.
    :param fault: message of an error.
    :param targets: targets of the call; empty if it has none.
    :param codes: codes of the items in the response by target, empty for
        success; ``None`` without items.
    """

    number: int
    key: str
    kind: Kind
    fails: bool
    idempotent: bool
    began: float
    ended: float | None = None
    status: int | None = None
    error: str = ''
    operation: str = ''
    request_id: str = ''
    fault: str = ''
    targets: collections.abc.Sequence[str] = ()
    codes: collections.abc.Mapping[str, str] | None = None

    @property
    def outcome(self) -> str:
        """The status or, without a response, the exception."""
        return str(self.status or self.error or 'no answer')


def of_target(key: str, target: str) -> str:
    """Return the key of a call on one of its targets."""
    return f'{key}/{target}'


def codes(result: Any) -> dict[str, str] | None:
    """Return the codes of the items of a result; see :class:`Attempt`."""
    items = result.get('items') if isinstance(result, dict) else None
    if items is None:
        return None
    return {
        target: item['error']['code'] if 'error' in item else ''
        for target, item in items.items()
    }


class History:
    """A thread-safe record of attempts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts: list[Attempt] = []
        self._notes: list[tuple[float, str]] = []
        self._keys = itertools.count()

    def new_key(self) -> str:
        """Return a new key."""
        return f'call-{next(self._keys)}'

    def note(self, text: str) -> None:
        """Record an action on the service."""
        with self._lock:
            self._notes.append((time.time(), text))

    def begin(
        self,
        key: str,
        kind: Kind,
        *,
        fails: bool = False,
        idempotent: bool = False,
        targets: collections.abc.Sequence[str] = (),
    ) -> Attempt:
        """Record an attempt before it starts."""
        with self._lock:
            attempt = Attempt(
                number=len(self._attempts),
                key=key,
                kind=kind,
                fails=fails,
                idempotent=idempotent,
                began=time.time(),
                targets=targets,
            )
            self._attempts.append(attempt)
        return attempt

    def end(
        self,
        attempt: Attempt,
        *,
        status: int | None = None,
        error: str = '',
        operation: str = '',
        request_id: str = '',
        fault: str = '',
        codes: collections.abc.Mapping[str, str] | None = None,
    ) -> Attempt:
        """Record the outcome of an attempt."""
        ended = dataclasses.replace(
            attempt,
            ended=time.time(),
            status=status,
            error=error,
            operation=operation,
            request_id=request_id,
            fault=fault,
            codes=codes,
        )
        with self._lock:
            self._attempts[attempt.number] = ended
        return ended

    def attempts(self) -> list[Attempt]:
        """Return all attempts in the order of their starts."""
        with self._lock:
            return list(self._attempts)

    def lines(
        self, chosen: collections.abc.Callable[[Attempt], bool] | None = None
    ) -> list[str]:
        """Return actions and attempts as JSON texts, in order of time."""
        with self._lock:
            notes = list(self._notes)
            attempts = list(self._attempts)
        timed = [(when, {'at': when, 'note': text}) for when, text in notes]
        timed += [
            (attempt.began, _document(attempt))
            for attempt in attempts
            if chosen is None or chosen(attempt)
        ]
        timed.sort(key=lambda item: item[0])
        return [json.dumps(document) for _, document in timed]

    def write(self, path: pathlib.Path) -> None:
        """Write actions and attempts to a file, one JSON text a line."""
        path.write_text('\n'.join([*self.lines(), '']))


def read(path: pathlib.Path) -> list[Attempt]:
    """Return the attempts in a file of :meth:`History.write`."""
    documents = map(json.loads, path.read_text().splitlines())
    attempts = [
        Attempt(
            **document
            | {
                'kind': Kind(document['kind']),
                'targets': tuple(document['targets']),
            }
        )
        for document in documents
        if 'key' in document
    ]
    return sorted(attempts, key=lambda attempt: attempt.number)


def _document(attempt: Attempt) -> dict[str, object]:
    return dataclasses.asdict(attempt) | {'kind': attempt.kind.value}
