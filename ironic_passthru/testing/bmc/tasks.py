# SPDX-License-Identifier: Apache-2.0
"""Redfish tasks of the simulated BMC."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from ironic_passthru.testing.bmc import messages

TASKS = '/redfish/v1/TaskService/Tasks'
MONITORS = '/redfish/v1/TaskService/TaskMonitors'


@dataclasses.dataclass(frozen=True)
class BmcTask:
    """Return value of an action that a BMC continues after its response.

    The action gets status 202 with a task monitor. Each poll of the monitor
    or of the task moves it one step forward.

    :param steps: percentages to report before the task finishes.
    :param finish: called when the task finishes; its result is the final
        response of the monitor, by default status 204.
    :param state: final ``TaskState``.
    """

    steps: Sequence[int] = (50,)
    finish: Callable[[], messages.BmcReply | None] = lambda: None
    state: str = 'Completed'


class RunningTask:
    """A task that has been started."""

    def __init__(self, task: BmcTask, number: int) -> None:
        self._task = task
        self._number = number
        self._polls = 0
        self._final: messages.BmcReply | None = None

    def started(self) -> messages.BmcReply:
        """Return the response to the action."""
        return self._running({'PercentComplete': 0})

    def poll(self, *, monitor: bool) -> messages.BmcReply:
        """Return the response to a poll.

        :param monitor: whether the monitor is polled, not the task.
        """
        steps = self._task.steps
        if self._polls < len(steps):
            percent = steps[self._polls]
            self._polls += 1
            response = self._running({'PercentComplete': percent})
            return (
                response
                if monitor
                else messages.BmcReply(200, response.document)
            )
        if self._final is None:
            self._final = self._task.finish() or messages.BmcReply(204)
        if monitor:
            return self._final
        return messages.BmcReply(
            200,
            self._document({'PercentComplete': 100}, self._task.state),
        )

    def _running(self, more: dict[str, Any]) -> messages.BmcReply:
        return messages.BmcReply(
            202,
            self._document(more, 'Running'),
            {'Location': f'{MONITORS}/{self._number}', 'Retry-After': '0'},
        )

    def _document(self, more: dict[str, Any], state: str) -> dict[str, Any]:
        return {
            '@odata.id': f'{TASKS}/{self._number}',
            'Id': str(self._number),
            'Name': f'Task {self._number}',
            'TaskMonitor': f'{MONITORS}/{self._number}',
            'TaskState': state,
            'TaskStatus': 'OK' if state != 'Exception' else 'Critical',
            **more,
        }
