# SPDX-License-Identifier: Apache-2.0
"""Concurrent clients that record their requests and responses."""

import collections.abc
import contextlib
import dataclasses
import enum
import http.client
import json
import random
import threading
import time

from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional.faults import checker
from ironic_passthru.tests.functional.faults import driver
from ironic_passthru.tests.functional.faults import history

Kind = history.Kind

# Number of attempts of python-ironicclient, and statuses that it retries.
_SENDINGS = 6
_RESENT_ON = (409, 503)

_METHODS = {
    Kind.SYNC: 'act',
    Kind.ASYNC: 'act_later',
    Kind.RESPOND_ASYNC: 'act',
}


class Habit(enum.Enum):
    """Retry behavior of clients."""

    #: No retry.
    ONCE = 'once'
    #: Retry calls that certainly did not run, as python-ironicclient does.
    RESEND = 'resend'
    #: Retry without an outcome, with an ``Idempotency-Key``.
    INSIST = 'insist'


@dataclasses.dataclass(frozen=True)
class Profile:
    """Behavior of clients.

    :param threads: number of clients.
    :param kinds: kinds of calls, chosen at random.
    :param seconds: maximum duration of a method, and maximum pause of a
        client after an accepted call.
    :param failing: share of methods that fail.
    :param targets: targets of which each call has some.
    :param cancelled: share of accepted calls that are cancelled.
    :param pause_seconds: pause before a retry and after a rejected call.
    """

    threads: int = 150
    kinds: tuple[Kind, ...] = tuple(Kind)
    seconds: float = 3.0
    failing: float = 0.1
    habit: Habit = Habit.ONCE
    pause_seconds: float = 0.5
    driver: str = driver.NAME
    targets: tuple[str, ...] = ()
    cancelled: float = 0.0


class Load:
    """Clients that run while the context is open.

    :param clients: HTTP clients of the APIs; each request chooses one.
    :param made: the history of the attempts.
    :ivar calls: number of finished calls.
    :ivar successes: number of completed or accepted calls.
    :ivar in_flight: number of requests without a response so far.
    """

    def __init__(
        self,
        clients: collections.abc.Sequence[web.Client],
        made: history.History,
        *,
        profile: Profile,
    ) -> None:
        self._clients = clients
        self._history = made
        self._profile = profile
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.calls = 0
        self.successes = 0
        self.in_flight = 0
        self._threads = [
            threading.Thread(target=self._run, name='client', daemon=True)
            for _ in range(profile.threads)
        ]

    def __enter__(self) -> 'Load':
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        deadline = time.monotonic() + 120.0
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            raise processes.Failed('a client did not finish')

    def wait_for_more(self, count: int, seconds: float = 120.0) -> None:
        """Wait for ``count`` more finished calls."""
        wanted = self.calls + count
        processes.wait_until(
            lambda: self.calls >= wanted,
            f'{count} more calls ({self.calls} of {wanted})',
            seconds=seconds,
        )

    def wait_for_successes(self, count: int, seconds: float = 60.0) -> None:
        """Wait for ``count`` more completed or accepted calls."""
        wanted = self.successes + count
        processes.wait_until(
            lambda: self.successes >= wanted,
            f'{count} more successes ({self.successes} of {wanted})',
            seconds=seconds,
        )

    def _run(self) -> None:
        while not self._over.is_set():
            last = self._call()
            with self._lock:
                self.calls += 1
                self.successes += last.status in (200, 202)
            if last.status == 202:
                self._over.wait(self._duration())
                if random.random() < self._profile.cancelled:
                    self._cancel(last.operation)
            elif last.status != 200:
                # Do not spin while all calls are rejected.
                self._over.wait(self._profile.pause_seconds)

    def _duration(self) -> float:
        return random.uniform(0, self._profile.seconds)

    def _cancel(self, operation: str) -> None:
        client = random.choice(self._clients)
        with contextlib.suppress(OSError, http.client.HTTPException):
            client.request('DELETE', f'/v1/operations/{operation}')

    def _call(self) -> history.Attempt:
        """Make one call, with its retries."""
        kind = random.choice(self._profile.kinds)
        fails = random.random() < self._profile.failing
        seconds = self._duration()
        key = self._history.new_key()
        for _ in range(_SENDINGS):
            attempt = self._attempt(key, kind, fails=fails, seconds=seconds)
            if not self._sends_again(attempt):
                break
            # The end of the load does not end the retries: a call without an
            # outcome proves less.
            time.sleep(self._profile.pause_seconds)
        return attempt

    def _sends_again(self, attempt: history.Attempt) -> bool:
        if self._profile.habit is Habit.ONCE:
            return False
        if self._profile.habit is Habit.RESEND:
            return (
                attempt.status in _RESENT_ON
                or attempt.error == checker.REFUSED
            )
        return attempt.status in (None, *_RESENT_ON, 504)

    def _attempt(
        self, key: str, kind: Kind, *, fails: bool, seconds: float
    ) -> history.Attempt:
        idempotent = self._profile.habit is Habit.INSIST
        headers = {'Idempotency-Key': key} if idempotent else {}
        if kind is Kind.RESPOND_ASYNC:
            headers['Prefer'] = 'respond-async'
        path = (
            f'/v1/drivers/{self._profile.driver}/vendor_passthru'
            f'?method={_METHODS[kind]}'
        )
        targets = self._targets(key)
        body = {'call': key, 'seconds': seconds, 'fails': fails}
        if targets:
            body |= {'targets': targets, 'seconds': seconds / len(targets)}
        client = random.choice(self._clients)
        begun = self._history.begin(
            key, kind, fails=fails, idempotent=idempotent, targets=targets
        )
        self._count(1)
        try:
            answer = client.request('POST', path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            return self._history.end(begun, error=type(error).__name__)
        finally:
            self._count(-1)
        location = answer.headers.get('Location', '')
        return self._history.end(
            begun,
            status=answer.status,
            operation=location.rpartition('/')[2],
            request_id=answer.request_id or '',
            fault=_fault(answer),
            codes=_codes(answer),
        )

    def _targets(self, key: str) -> collections.abc.Sequence[str]:
        """Return the targets of a call, the same for each attempt."""
        every = self._profile.targets
        # Repeatable, not secret.
        chosen = random.Random(key)
        return every and chosen.sample(every, chosen.randint(1, len(every)))

    def _count(self, change: int) -> None:
        with self._lock:
            self.in_flight += change


def _fault(answer: web.Answer) -> str:
    if answer.status < 400:
        return ''
    try:
        return answer.fault
    except (KeyError, TypeError, ValueError):
        # A response of the WSGI server, not of the service.
        return answer.body.decode(errors='replace')


def _codes(answer: web.Answer) -> dict[str, str] | None:
    """Return the codes of the items of a result, complete or not."""
    try:
        found = answer.json
        if answer.status >= 400:
            found = json.loads(found['error_message']).get('partial_result')
    except (KeyError, TypeError, ValueError):
        return None
    return history.codes(found)
