# SPDX-License-Identifier: Apache-2.0
"""Telling other services of calls, and of what becomes of operations.

A conductor tells of the calls that it runs, of the states that it gives to
operations, and of a cancellation when it finds that it cannot begin what was
cancelled. Nobody ever waits for that, and no mistake made here harms a call.
"""

import contextlib
import datetime
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import call as calls
from ironic_passthru.redaction import masking
from ironic_passthru.redaction import truncation
from ironic_passthru.rpc import notifications

LOG = log.getLogger(__name__)

#: A field more makes the second number larger, all else the first.
VERSION = '1.0'

_CALL = 'driver.vendor_passthru'
# What ends so needs somebody to look at it.
_FAILURES = (
    operation.State.FAILED,
    operation.State.UNKNOWN,
    operation.State.EXPIRED,
)

# How long a stop waits for what is not sent yet.
_CLOSE_SECONDS = 2.0

# Bounds of what is told, in characters of JSON: for one text, for one
# parameter or target, and for all of them.
_MAX_TEXT = 1024
_MAX_ITEM = 512
_MAX_ITEMS = 8 * 1024

# Event type, payload, and whether it tells of a failure.
Notice = tuple[str, dict[str, Any], bool]

# Tells that an operation has got a state, and why it has failed.
Tell = Callable[[operation.State, operation.Error | None], None]


class NoEvents:
    """Tells nobody."""

    def running(self, job: calls.Job) -> contextlib.AbstractContextManager:
        """Return the context to run a method in."""
        return contextlib.nullcontext()

    def recorded(self, job: calls.Job, new: operation.NewOperation) -> Tell:
        """Take note of a new operation.

        :returns: what is to be called with each further state of it.
        """
        return tell_nobody

    def settled(self, operation_ids: Collection[str]) -> None:
        """Take note of operations that were ended without their methods."""

    def not_begun(self, operation_id: str) -> None:
        """Take note of an operation that somebody else has ended."""

    def close(self) -> None:
        """End."""


def tell_nobody(state: operation.State, error: operation.Error | None) -> None:
    """Do nothing."""


NO_NOTICES = NoEvents()


def harmless(told: NoEvents) -> NoEvents:
    """Return what tells the same, and raises nothing.

    Whoever has notices uses them through this: a call, and the record of an
    operation, must not depend on what is only told of them.
    """
    quiet = told is NO_NOTICES or isinstance(told, _Harmless)
    return told if quiet else _Harmless(told)


class _Harmless(NoEvents):
    def __init__(self, inner: NoEvents) -> None:
        self._inner = inner

    @contextlib.contextmanager
    def running(self, job: calls.Job) -> Iterator[None]:
        inner = contextlib.ExitStack()
        with _forgiving():
            inner.enter_context(self._inner.running(job))
        try:
            yield
        except BaseException as error:
            with _forgiving(error):
                inner.__exit__(type(error), error, error.__traceback__)
            raise
        with _forgiving():
            inner.close()

    def recorded(self, job: calls.Job, new: operation.NewOperation) -> Tell:
        tell: Tell = tell_nobody
        with _forgiving():
            tell = self._inner.recorded(job, new)

        def tell_quietly(*news: Any) -> None:
            with _forgiving():
                tell(*news)

        return tell_quietly

    def settled(self, operation_ids: Collection[str]) -> None:
        with _forgiving():
            self._inner.settled(operation_ids)

    def not_begun(self, operation_id: str) -> None:
        with _forgiving():
            self._inner.not_begun(operation_id)

    def close(self) -> None:
        with _forgiving():
            self._inner.close()


@contextlib.contextmanager
def _forgiving(outcome: BaseException | None = None) -> Iterator[None]:
    """Log what goes wrong.

    :param outcome: what a method has raised, which is no mistake of ours.
    """
    try:
        yield
    except Exception as error:
        if error is not outcome:
            # Its text might hold a parameter.
            LOG.error('A notification is lost: %s', type(error).__name__)


class EventSender(NoEvents):
    """Tells whoever listens to the message bus.

    :param sender: sends them, however long it takes.
    :param find: returns an operation of the registry by its id.
    :param conductor: host name.
    :param backlog: how many notices may wait to be sent.
    """

    def __init__(
        self,
        sender: notifications.Notifier,
        find: Callable[[str], operation.Operation | None],
        *,
        conductor: str,
        backlog: int,
    ) -> None:
        self._sender = sender
        self._find = find
        self._conductor = conductor
        self._outbox = notifications.Outbox(self._work, backlog)

    @contextlib.contextmanager
    def running(self, job: calls.Job) -> Iterator[None]:
        """Tell when a method begins, and how it ends."""
        began = time.monotonic()
        facts = {
            **self._facts(job),
            'payload_name': 'call',
            'payload_version': VERSION,
            'call': job.call.call_id,
            'started_at': _now(),
        }
        open_end = {'finished_at': None, 'duration': None, 'error': None}
        self._put((f'{_CALL}.start', facts | open_end, False))

        def ended(error: operation.Error | None) -> None:
            end = {
                'targets': _targets(job),
                'finished_at': _now(),
                'duration': round(time.monotonic() - began, 6),
                'error': _error(error),
            }
            name = 'end' if error is None else 'error'
            self._put((f'{_CALL}.{name}', facts | end, error is not None))

        try:
            yield
        except BaseException as error:
            ended(_as_told(error))
            raise
        ended(None)

    def recorded(self, job: calls.Job, new: operation.NewOperation) -> Tell:
        """Tell that an operation is queued, and of each further state."""
        facts = self._facts(job)
        started: list[float] = []

        def tell(
            state: operation.State, error: operation.Error | None
        ) -> None:
            now = time.monotonic()
            if state is operation.State.RUNNING:
                started.append(now)
            self._put(
                _of_operation(
                    new.id,
                    state,
                    facts | {'targets': _targets(job)},
                    duration=now - started[0] if started else None,
                    error=error,
                )
            )

        tell(operation.State.QUEUED, None)
        return tell

    def settled(self, operation_ids: Collection[str]) -> None:
        """Tell of operations as the registry has them."""
        for one in operation_ids:
            self._outbox.put(lambda one=one: self._found(one))

    def not_begun(self, operation_id: str) -> None:
        """Tell of an operation if it was cancelled.

        Who gave it any other state has told of it.
        """
        self._outbox.put(
            lambda: self._found(operation_id, operation.State.CANCELLED)
        )

    def close(self) -> None:
        """End, when all is sent or there was no time for that."""
        if self._outbox.close(_CLOSE_SECONDS):
            self._sender.close()

    def _found(
        self, operation_id: str, *states: operation.State
    ) -> Notice | None:
        """Return what the registry says of an operation.

        :param states: of which it must have one; by default any.
        """
        found = self._find(operation_id)
        if found is None or (states and found.state not in states):
            return None
        return _of_record(found)

    def _put(self, notice: Notice) -> None:
        self._outbox.put(lambda: notice)

    def _work(self, find: Callable[[], Notice | None]) -> None:
        """Send a notice; the outbox calls this in its thread."""
        notice = find()
        if notice is not None:
            event_type, payload, failure = notice
            self._sender.send(event_type, payload, failure=failure)

    def _facts(self, job: calls.Job) -> dict[str, Any]:
        """Return what call and operation are told with alike."""
        call, context = job.call, job.context
        return {
            'request_id': _text(context.request_id),
            'global_request_id': _text(context.global_request_id),
            'user': _text(context.user_id),
            'project': _text(context.project_id),
            'driver': call.driver,
            'method': call.method,
            'http_method': call.http_method,
            'parameters': _parameters(job),
            'targets': _targets(job),
            'accepted': job.accepted,
            'conductor': self._conductor,
        }


def _parameters(job: calls.Job) -> dict[str, Any]:
    """Return the parameters of a call, cut and without secrets.

    The method has not begun: it might change its parameters.
    """
    try:
        masked, more = job.shown
    except Exception as error:
        # Its text might hold a parameter.
        LOG.error(
            'Notifications of request %s lack parameters: %s',
            job.context.request_id,
            type(error).__name__,
        )
        names = dict.fromkeys(job.call.parameters, masking.MASK)
        return _bounded(names)
    return _bounded(masked, more)


def _targets(job: calls.Job) -> list[str] | None:
    """Return the targets that parameters name or the method has reported.

    :returns: None if parameters cannot be read and nothing is reported.
    """
    reported = job.reported.names
    try:
        named = job.named
    except Exception:
        # The log says so already: see _parameters().
        if not reported:
            return None
        named = []
    return _short(list(dict.fromkeys([*named, *reported])))


def _short(targets: list[str]) -> list[str]:
    return truncation.of_list(targets, _MAX_ITEMS, each=_MAX_ITEM)


def _of_operation(
    operation_id: str,
    state: operation.State,
    facts: Mapping[str, Any],
    *,
    changed_at: str | None = None,
    duration: float | None,
    error: operation.Error | None,
) -> Notice:
    payload = {
        **facts,
        'payload_name': 'operation',
        'payload_version': VERSION,
        'operation': operation_id,
        'state': state.value,
        'changed_at': changed_at or _now(),
        'duration': None if duration is None else round(duration, 6),
        'error': _error(error),
    }
    return f'operation.{state.value}', payload, state in _FAILURES


def _of_record(found: operation.Operation) -> Notice:
    """Return what is told of an operation of whatever conductor."""
    duration = changed_at = None
    if found.finished_at is not None:
        changed_at = _iso(found.finished_at)
        if found.started_at is not None:
            passed = found.finished_at - found.started_at
            duration = passed.total_seconds()
    facts = {
        'request_id': found.request_id,
        # It has no place in a record.
        'global_request_id': None,
        'targets': _short(found.targets or []),
        'user': found.user_id,
        'project': found.project_id,
        'driver': found.driver,
        'method': found.method,
        'http_method': found.http_method,
        'parameters': _bounded(found.parameters or {}),
        'conductor': found.conductor,
        'accepted': found.accepted,
    }
    return _of_operation(
        found.id,
        found.state,
        facts,
        changed_at=changed_at,
        duration=duration,
        error=found.error,
    )


def _bounded(masked: Mapping[str, Any], more: int = 0) -> dict[str, Any]:
    return truncation.of_object(masked, _MAX_ITEMS, each=_MAX_ITEM, more=more)


def _text(value: str | None) -> str | None:
    # Whoever calls over the bus may put anything there.
    return truncation.of_value(
        None if value is None else str(value), _MAX_TEXT
    )


def _as_told(error: BaseException) -> operation.Error:
    """Return what a client would be told of an error."""
    known = error
    if not isinstance(known, errors.PassthruError):
        # A mistake of ours.
        known = errors.PassthruError()
    return operation.Error(known.message, known.status, known.code)


def _error(error: operation.Error | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        'code': error.code,
        'status': error.status,
        'message': _text(error.message),
    }


def _now() -> str:
    return _iso(datetime.datetime.now(datetime.UTC))


def _iso(moment: datetime.datetime) -> str:
    return moment.isoformat(timespec='microseconds')


def make(
    conf: cfg.ConfigOpts,
    find: Callable[[str], operation.Operation | None],
) -> NoEvents:
    """Return what tells of calls and operations, if that is wanted.

    :raises: ConfigError if it cannot work as it is configured.
    """
    if not conf.notifications.enabled:
        return NO_NOTICES
    sender = notifications.Notifier(conf, f'ironic_passthru.{conf.host}')
    made = EventSender(
        sender,
        find,
        conductor=conf.host,
        backlog=conf.notifications.backlog,
    )
    return harmless(made)
