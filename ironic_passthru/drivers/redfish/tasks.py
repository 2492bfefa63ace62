# SPDX-License-Identifier: Apache-2.0
"""Following of tasks by which a BMC continues a change (202)."""

import email.utils
import logging
import time
from collections.abc import Callable
from urllib import parse

from ironic_passthru.drivers.redfish import connection
from ironic_passthru.drivers.redfish import deadline as call_deadline
from ironic_passthru.drivers.redfish import extended_info
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource

LOG = logging.getLogger(__name__)

# Bounds of the interval between two polls, in seconds.
_MIN_SECONDS = 1.0
_MAX_SECONDS = 10.0
_GROWTH = 1.5

# Dell schedules a job, some of them for a few seconds only. One that stays so
# waits for a restart of the system.
_SCHEDULED = 'Scheduled'
_SCHEDULED_SECONDS = 30.0

# A poll that starts later would be cut by the deadline.
_LAST_POLL_SECONDS = 0.5

# TaskState of Redfish, and JobState of Redfish and Dell.
_DONE = frozenset({'Completed', 'Complete', 'RebootCompleted'})
_FAILED = frozenset(
    {
        'Cancelled',
        'CompletedWithErrors',
        'Exception',
        'Failed',
        'Invalid',
        'Killed',
        'RebootFailed',
    }
)

# Failures of a poll during which the task goes on, such as the restart of a
# BMC for new firmware.
_TRANSIENT = (failures.NotConnected, failures.Cut, failures.NoAnswer)
_UNAVAILABLE = frozenset({429, 502, 503, 504})
_GONE = frozenset({404, 410})
_DENIED = frozenset({401, 403})

# A restarting BMC may respond 500. A monitor also reports a failed change so.
_MAX_ERRORS = 3

Poll = Callable[[str], connection.RawResponse]


class TaskFollower:
    """Polls the task of one change until its end.

    :param poll: reads a path; returns a response of any status.
    :param on_progress: called with the percentage when it changes.
    :param sleep: waits for a number of seconds between two polls.
    """

    def __init__(
        self,
        poll: Poll,
        deadline: call_deadline.Deadline,
        messages: extended_info.MessageReader,
        on_progress: Callable[[float], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._poll = poll
        self._deadline = deadline
        self._messages = messages
        self._on_progress = on_progress
        self._sleep = sleep
        self._seconds = _MIN_SECONDS
        self._percent: float | None = None
        self._errors = 0
        self._scheduled: failures.TaskScheduled | None = None
        self._scheduled_seconds = 0.0

    def follow(
        self, accepted: connection.RawResponse, request: str
    ) -> connection.RawResponse:
        """Return the response at the end of the task.

        A response without task and Location is returned: the BMC has
        accepted the change, and nothing can be polled.

        :param accepted: response to the change.
        :param request: path of the change.
        :raises: TaskFailed; TaskScheduled if the task stays so;
            ChangeOutcomeUnknown with the path of the task if its end is not
            seen until the deadline, or until the call is cancelled.
        """
        started = _object(accepted)
        paths = _paths(accepted, started, request)
        task = paths[-1] if paths else None
        if self._is_done(started, task) or not paths:
            return accepted
        response = accepted
        while True:
            self._wait(response, paths[-1])
            try:
                response = self._poll(paths[0])
            except _TRANSIENT:
                self._errors = 0
                LOG.debug('Task cannot be polled', exc_info=True)
                continue
            except failures.BmcError as exc:
                raise failures.ChangeOutcomeUnknown(task=paths[-1]) from exc
            if response.status in _GONE and len(paths) > 1:
                # The monitor ends with the task, which may remain.
                del paths[0]
            elif self._is_final(response, paths[-1]):
                if len(paths) > 1:
                    self._check_task(paths[-1])
                return response
            else:
                self._check_scheduled(_object(response), paths[-1])

    def _check_task(self, path: str) -> None:
        """Raise the failure of a task whose monitor reported no error.

        A task that cannot be read has been removed after its end.
        """
        try:
            response = self._poll(path)
        except failures.BmcError:
            LOG.debug('Task cannot be read', exc_info=True)
            return
        if response.status == 200:
            self._is_done(_object(response), path)

    def _is_final(self, response: connection.RawResponse, task: str) -> bool:
        document = _object(response)
        status = response.status
        self._errors = self._errors + 1 if status == 500 else 0
        if status in _UNAVAILABLE or 0 < self._errors < _MAX_ERRORS:
            return False
        if status in _GONE | _DENIED or 300 <= status < 400:
            raise failures.ChangeOutcomeUnknown(task=task)
        if status >= 400:
            raise failures.TaskFailed(
                messages=self._messages.all_of(document.document), task=task
            )
        if _state(document) is None:
            # The monitor returns the response to the change in the end. A
            # restarting BMC may send a web page or nothing.
            return status != 202 and (
                status != 200 or _decoded(response) is not None
            )
        return self._is_done(document, task)

    def _is_done(
        self, document: resource.JsonObject, task: str | None
    ) -> bool:
        """Report the progress; return whether the task succeeded."""
        percent = document.number('PercentComplete')
        if percent is not None and percent != self._percent:
            self._percent = percent
            self._on_progress(percent)
        state = _state(document)
        is_critical = document.text('TaskStatus') == 'Critical'
        if state in _FAILED or (state in _DONE and is_critical):
            raise failures.TaskFailed(
                messages=self._messages.all_of(document.document), task=task
            )
        return state in _DONE

    def _check_scheduled(
        self, document: resource.JsonObject, task: str
    ) -> None:
        """Raise TaskScheduled for a task that stays scheduled."""
        states = (_state(document), document.text('Oem', 'Dell', 'JobState'))
        if _SCHEDULED not in states:
            self._scheduled = None
        elif self._scheduled is None:
            start = document.time('StartTime')
            is_later = start is not None and start.timestamp() > time.time()
            self._scheduled = failures.TaskScheduled(
                resource.printable(task) or '',
                self._messages.all_of(document.document),
                start.isoformat() if start and is_later else 'next_boot',
            )
            self._scheduled_seconds = 0.0
        elif self._scheduled_seconds >= _SCHEDULED_SECONDS:
            raise self._scheduled

    def _wait(self, response: connection.RawResponse, task: str) -> None:
        """Sleep until the next poll, which precedes the deadline."""
        asked = _retry_after(response.headers.get('Retry-After', ''))
        seconds = self._seconds if asked is None else asked
        self._seconds = min(self._seconds * _GROWTH, _MAX_SECONDS)
        left = self._deadline.left_seconds() - _LAST_POLL_SECONDS
        if left <= 0 or self._deadline.is_cancelled:
            raise self._scheduled or failures.ChangeOutcomeUnknown(task=task)
        seconds = min(max(seconds, _MIN_SECONDS), _MAX_SECONDS, left)
        self._scheduled_seconds += seconds
        self._sleep(seconds)


def is_task(response: connection.RawResponse) -> bool:
    """Return whether the response to a change must be followed."""
    if response.status == 202:
        return True
    if not 200 <= response.status < 300:
        return False
    document = _object(response)
    kind = document.text('@odata.type') or ''
    return kind.startswith('#Task.') or document.text('TaskState') is not None


def task_path(response: connection.RawResponse, request: str) -> str | None:
    """Return the path of the task that continues a change.

    :param request: path of the change.
    """
    paths = _paths(response, _object(response), request)
    return paths[-1] if paths else None


def location_of(response: connection.RawResponse) -> str | None:
    """Return the Location of a response; None if several contradict."""
    found = {each.strip() for each in response.headers.getlist('Location')}
    return found.pop() or None if len(found) == 1 else None


def path_of(location: object, request: str) -> str | None:
    """Return path and query of a Location; None for an invalid one.

    Its host may be a name that only the BMC uses; requests are sent to the
    address in the inventory anyway.

    :param request: path of the request, to which it may be relative.
    """
    if not isinstance(location, str) or not location:
        return None
    try:
        parts = parse.urlsplit(parse.urljoin(request, location))
    except ValueError:
        return None
    if not parts.path.startswith('/'):
        return None
    return parts.path + (f'?{parts.query}' if parts.query else '')


def _paths(
    response: connection.RawResponse,
    started: resource.JsonObject,
    request: str,
) -> list[str]:
    """Return the paths to poll, the task last."""
    links = [location_of(response), started.value('TaskMonitor')]
    if _state(started) is not None:
        links.append(started.link())
    found = [path_of(each, request) for each in links]
    return list(dict.fromkeys(path for path in found if path))


def _state(document: resource.JsonObject) -> str | None:
    return document.text('TaskState') or document.text('JobState')


def _object(response: connection.RawResponse) -> resource.JsonObject:
    return _decoded(response) or resource.JsonObject({})


def _decoded(response: connection.RawResponse) -> resource.JsonObject | None:
    try:
        return resource.JsonObject(resource.decode(response.content))
    except failures.BadAnswer:
        return None


def _retry_after(value: str) -> float | None:
    """Return a number of seconds or the time until a date, in seconds."""
    if value.strip().isdecimal() and len(value) < 10:
        return float(value)
    try:
        return email.utils.parsedate_to_datetime(value).timestamp() - (
            time.time()
        )
    except (ValueError, OverflowError):
        return None
