# SPDX-License-Identifier: Apache-2.0
"""Notifications of a conductor about calls and operations.

A conductor publishes the calls that it runs, the states that it gives to
operations, and a cancellation when it finds that it cannot start the
cancelled operation. Publishing neither blocks nor raises.
"""

import contextlib
import datetime
import functools
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

#: A new field increments the second number, any other change the first.
VERSION = '1.0'

_CALL = 'driver.vendor_passthru'
# States that need the attention of an operator.
_FAILURES = (
    operation.State.FAILED,
    operation.State.UNKNOWN,
    operation.State.EXPIRED,
)

# In characters of JSON: for one text, for one parameter or target, and for
# all parameters or targets.
_MAX_TEXT = 1024
_MAX_ITEM = 512
_MAX_ITEMS = 8 * 1024

#: Publishes a state of an operation, with the error of a failed one.
Publish = Callable[[operation.State, operation.Error | None], None]


class Events:
    """Events of operations; this base publishes nothing."""

    def running(
        self, _job: calls.Job
    ) -> contextlib.AbstractContextManager[None]:
        """Return the context in which a method runs."""
        return contextlib.nullcontext()

    def publisher(self, _job: calls.Job) -> Publish:
        """Return the publisher of an operation."""
        return publish_nothing

    def ended(self, operation_ids: Collection[str]) -> None:
        """Publish operations that were ended without their methods."""

    def not_started(self, operation_id: str) -> None:
        """Publish the cancellation of an operation, if it was cancelled."""

    def close(self) -> None:
        """Send what waits, for a bounded time."""


def publish_nothing(
    state: operation.State, error: operation.Error | None
) -> None:
    """Do nothing."""


NO_EVENTS = Events()


class EventSender(Events):
    """Publishes on the message bus.

    :param queue: sends notifications in its own thread.
    :param find: returns an operation of the registry by its id.
    :param conductor: host name.
    """

    def __init__(
        self,
        queue: notifications.NotificationQueue,
        find: Callable[[str], operation.Operation | None],
        *,
        conductor: str,
    ) -> None:
        self._queue = queue
        self._find = find
        self._conductor = conductor

    @contextlib.contextmanager
    def running(self, job: calls.Job) -> Iterator[None]:
        """Publish the start and the end of a method."""
        started_at, started = _now(), time.monotonic()
        common = functools.cache(lambda: self._common(job))

        def publish(event: str, error: BaseException | None = None) -> None:
            ended = event != 'start'
            reported = None if error is None else _reported(error)
            payload = {
                **common(),
                'payload_name': 'call',
                'payload_version': VERSION,
                'call': job.call.call_id,
                'targets': _targets(job),
                'started_at': started_at,
                'finished_at': _now() if ended else None,
                'duration': _since(started) if ended else None,
                'error': _error(reported),
            }
            self._queue.put(
                notifications.Notification(
                    f'{_CALL}.{event}', payload, is_failure=error is not None
                )
            )

        _contained(publish, 'start')
        try:
            yield
        except BaseException as error:
            _contained(publish, 'error', error)
            raise
        _contained(publish, 'end')

    def publisher(self, job: calls.Job) -> Publish:
        """Return the publisher of an operation."""
        common = functools.cache(lambda: self._common(job))
        started: list[float] = []

        def publish(
            state: operation.State, error: operation.Error | None
        ) -> None:
            if state is operation.State.RUNNING:
                started.append(time.monotonic())
            self._queue.put(
                _of_operation(
                    job.call.call_id,
                    state,
                    common() | {'targets': _targets(job)},
                    duration=_since(*started) if started else None,
                    error=error,
                )
            )

        return functools.partial(_contained, publish)

    def ended(
        self,
        operation_ids: Collection[str],
        states: Collection[operation.State] = operation.FINAL,
    ) -> None:
        """Publish operations as they are in the registry.

        :param states: others are not published.
        """

        def read(id_: str) -> notifications.Notification | None:
            found = self._find(id_)
            if found is None or found.state not in states:
                return None
            return _of_record(found)

        for id_ in operation_ids:
            _contained(self._queue.put, functools.partial(read, id_))

    def not_started(self, operation_id: str) -> None:
        """Publish an operation if it was cancelled.

        Any other state was published by the conductor that set it.
        """
        self.ended([operation_id], [operation.State.CANCELLED])

    def close(self) -> None:
        """Send what waits, for a bounded time."""
        _contained(self._queue.close)

    def _common(self, job: calls.Job) -> dict[str, Any]:
        """Return the fields that notifications of a call share."""
        call, context = job.call, job.context
        return {
            'request_id': _text(context.request_id),
            'global_request_id': _text(context.global_request_id),
            'user': _text(context.user_id),
            'project': _text(context.project_id),
            'driver': call.driver_name,
            'method': call.driver_method,
            'http_method': call.http_method,
            'parameters': _parameters(job),
            'accepted': job.accepted,
            'conductor': self._conductor,
        }


def _contained(publish: Callable[..., object], *arguments: Any) -> None:
    """Log an error of publishing: it must not harm a call or its record."""
    try:
        publish(*arguments)
    except Exception as error:
        # Not its text, which may contain a parameter.
        LOG.error('A notification is lost: %s', type(error).__name__)


def _parameters(job: calls.Job) -> dict[str, Any]:
    """Return the parameters of a call, truncated and without secrets.

    The method must not have started: it might change its parameters.
    """
    try:
        masked, more = job.shown
    except Exception as error:
        # Not its text, which may contain a parameter.
        LOG.error(
            'Notifications of request %s lack parameters: %s',
            job.context.request_id,
            type(error).__name__,
        )
        masked, more = dict.fromkeys(job.call.info, masking.MASK), 0
    return _bounded(masked, more)


def _targets(job: calls.Job) -> list[str] | None:
    """Return the targets that parameters name or the method has reported.

    :returns: None if parameters cannot be read and no target is reported.
    """
    reported = job.reported.names
    try:
        named = job.named
    except Exception:
        # _parameters() has logged it.
        if not reported:
            return None
        named = []
    return _short(list(dict.fromkeys([*named, *reported])))


def _short(targets: list[str]) -> list[str]:
    return truncation.of_list(targets, _MAX_ITEMS, each=_MAX_ITEM)


def _of_operation(
    operation_id: str,
    state: operation.State,
    common: Mapping[str, Any],
    *,
    changed_at: str | None = None,
    duration: float | None,
    error: operation.Error | None,
) -> notifications.Notification:
    payload = {
        **common,
        'payload_name': 'operation',
        'payload_version': VERSION,
        'operation': operation_id,
        'state': state.value,
        'changed_at': changed_at or _now(),
        'duration': duration,
        'error': _error(error),
    }
    return notifications.Notification(
        f'operation.{state.value}', payload, is_failure=state in _FAILURES
    )


def _of_record(found: operation.Operation) -> notifications.Notification:
    """Return the notification of an operation of any conductor."""
    duration = changed_at = None
    if found.finished_at is not None:
        changed_at = _iso(found.finished_at)
        if found.started_at is not None:
            passed = found.finished_at - found.started_at
            duration = round(passed.total_seconds(), 6)
    common = {
        'request_id': found.request_id,
        # Records do not contain it.
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
        common,
        changed_at=changed_at,
        duration=duration,
        error=found.error,
    )


def _bounded(masked: Mapping[str, Any], more: int = 0) -> dict[str, Any]:
    return truncation.of_object(masked, _MAX_ITEMS, each=_MAX_ITEM, more=more)


def _text(value: str | None) -> str | None:
    # Senders on the bus choose it freely.
    shown: str | None = truncation.of_value(
        None if value is None else str(value), _MAX_TEXT
    )
    return shown


def _reported(error: BaseException) -> operation.Error:
    """Return the error that a client receives."""
    if not isinstance(error, errors.PassthruError):
        error = errors.PassthruError()
    return operation.Error(error.message, error.status, error.code)


def _error(error: operation.Error | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        'code': error.code,
        'status': error.status,
        'message': _text(error.message),
    }


def _since(started: float) -> float:
    return round(time.monotonic() - started, 6)


def _now() -> str:
    return _iso(datetime.datetime.now(datetime.UTC))


def _iso(moment: datetime.datetime) -> str:
    return moment.isoformat(timespec='microseconds')


def make(
    conf: cfg.ConfigOpts,
    find: Callable[[str], operation.Operation | None],
) -> Events:
    """Return the publisher that the configuration selects.

    :raises: ConfigError.
    """
    if not conf.notifications.enabled:
        return NO_EVENTS
    notifier = notifications.Notifier(conf, f'ironic_passthru.{conf.host}')
    queue = notifications.NotificationQueue(
        notifier, conf.notifications.backlog
    )
    return EventSender(queue, find, conductor=conf.host)
