# SPDX-License-Identifier: Apache-2.0
"""Changes that a BMC continues after its response."""

import email.utils
import json
import time
from typing import Any

import urllib3

from ironic_passthru.drivers.redfish import connection
from ironic_passthru.drivers.redfish import deadline
from ironic_passthru.drivers.redfish import extended_info
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import tasks
from ironic_passthru.tests import base

TASK = '/redfish/v1/TaskService/Tasks/1'
CHANGED = '/redfish/v1/TaskService/Actions/Change'
MONITOR = '/redfish/v1/TaskService/TaskMonitors/1'


def response(
    status: int, document: Any = None, **headers: str
) -> connection.RawResponse:
    fields = {name.replace('_', '-'): each for name, each in headers.items()}
    content = b'' if document is None else json.dumps(document).encode()
    return connection.RawResponse(
        status, urllib3.HTTPHeaderDict(fields), content
    )


def task(state: str, **more: Any) -> dict[str, Any]:
    return {'@odata.id': TASK, 'TaskState': state, **more}


def page(text: bytes) -> connection.RawResponse:
    return connection.RawResponse(200, urllib3.HTTPHeaderDict(), text)


def twice(location: str, other: str) -> connection.RawResponse:
    found = response(202, {'TaskMonitor': TASK}, Location=location)
    found.headers.add('Location', other)
    return found


BOTH = response(202, task('Running'), Location=MONITOR)
ONLY_TASK = response(202, task('New'))
ONLY_LOCATION = response(202, Location=f'https://bmc.internal{MONITOR}')
DONE = response(200, task('Completed'))


class FollowTest(base.TestCase):
    def follow(
        self,
        accepted: connection.RawResponse,
        *polls: connection.RawResponse | Exception,
        seconds: float = 60.0,
        cancelled: bool = False,
    ) -> connection.RawResponse:
        """Follow a task whose polls have the given outcomes."""
        self.polled: list[str] = []
        self.slept: list[float] = []
        self.progress: list[float] = []
        outcomes = list(polls)

        def poll(path: str) -> connection.RawResponse:
            self.polled.append(path)
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        limit = deadline.Deadline(seconds)
        limit.is_cancelled = cancelled
        follower = tasks.TaskFollower(
            poll,
            limit,
            extended_info.MessageReader([]),
            self.progress.append,
            self.slept.append,
        )
        found = follower.follow(accepted, CHANGED)
        self.assertEqual([], outcomes)
        return found

    def test_success(self) -> None:
        running = response(202, task('Running'))
        for accepted, polls in (
            (BOTH, (running, response(204), DONE)),
            (BOTH, (response(404), DONE)),
            (BOTH, (response(204), response(404))),
            (ONLY_TASK, (response(200, task('Running')), DONE)),
            (ONLY_LOCATION, (response(202), response(201))),
            (ONLY_LOCATION, (response(202), DONE)),
            (ONLY_LOCATION, (response(503), DONE)),
            (ONLY_LOCATION, (failures.NotConnected(), DONE)),
            (ONLY_LOCATION, (failures.NoAnswer(), DONE)),
            (response(202, task('Completed')), ()),
            (response(202), ()),
        ):
            self.assertLess(self.follow(accepted, *polls).status, 300)
            self.assertLessEqual(set(self.polled), {TASK, MONITOR})

    def test_locations(self) -> None:
        known = {'TaskMonitor': MONITOR}
        for accepted, polled in (
            (response(202, Location='../Tasks/1'), [TASK]),
            (response(202, known, Location=''), [MONITOR]),
            (response(202, known, Location='http://[b'), [MONITOR]),
            (twice(MONITOR, MONITOR), [MONITOR, TASK]),
            (twice(MONITOR, f'{MONITOR}0'), [TASK]),
        ):
            self.follow(accepted, *[response(204)] * len(polled))
            self.assertEqual(polled, self.polled)

    def test_wrong_location(self) -> None:
        accepted = response(
            202, {'TaskMonitor': MONITOR}, Location=MONITOR[1:]
        )
        self.follow(accepted, response(404), response(204))
        self.assertEqual(MONITOR, self.polled[-1])

    def test_restarts(self) -> None:
        error = response(500)
        self.follow(
            ONLY_LOCATION,
            *(page(b'<html>'), page(b''), error, error),
            *(response(503), error, failures.Cut(), error, error),
            DONE,
        )
        self.assertRaises(
            failures.TaskFailed,
            lambda: self.follow(ONLY_LOCATION, error, error, error),
        )

    def test_jobs(self) -> None:
        scheduled, completed, *failed = (
            response(200, {'JobState': state})
            for state in (
                *('Scheduled', 'Completed', 'Failed', 'Exception'),
                'CompletedWithErrors',
            )
        )
        self.follow(ONLY_LOCATION, scheduled, completed)
        for each in failed:
            self.assertRaises(
                failures.TaskFailed,
                lambda each=each: self.follow(ONLY_LOCATION, scheduled, each),
            )

    def test_jobs_that_stay_scheduled(self) -> None:
        later = '2999-01-01T00:00:00+00:00'
        dell = task('Starting', Oem={'Dell': {'JobState': 'Scheduled'}})
        message = {'MessageId': 'Acme.1.0.Scheduled'}
        job = {'JobState': 'Scheduled', 'Messages': [message]}
        for document, waits_for in (
            (job, 'next_boot'),
            (dell | job | {'StartTime': 'TIME_NOW'}, 'next_boot'),
            (job | {'StartTime': later}, later),
        ):
            scheduled = response(200, document)
            error = self.assertRaises(
                failures.TaskScheduled,
                # Waits of 1, 1.5, 2.25, 3.4, 5.1, 7.6, 10 and 10 seconds.
                self.follow,
                ONLY_LOCATION,
                *[scheduled] * 8,
            )
            self.assertTrue(30 <= sum(self.slept[1:]) < 40, self.slept)
            self.assertEqual(waits_for, error.waits_for)
            self.assertEqual(MONITOR, error.task)
            self.assertEqual(
                ['Acme.1.0.Scheduled'],
                [each.message_id for each in error.messages],
            )
        running = response(200, task('Running'))
        five = [response(200, dell)] * 5
        self.follow(ONLY_LOCATION, *five, running, *five[:3], DONE)

    def test_tasks_with_other_statuses(self) -> None:
        self.assertTrue(tasks.is_task(response(200, task('Running'))))
        self.assertFalse(tasks.is_task(response(200, {'Id': '1'})))
        self.assertRaises(
            failures.TaskFailed,
            lambda: self.follow(response(200, {'TaskState': 'Exception'})),
        )

    def test_failure(self) -> None:
        messages = {'Messages': [{'MessageId': 'Update.1.0.ApplyFailed'}]}
        for polls in (
            *[
                [response(200, task(state, **messages))]
                for state in ('Exception', 'Killed', 'Cancelled')
            ],
            [
                response(
                    200, task('Completed', TaskStatus='Critical') | messages
                )
            ],
            [
                response(
                    400,
                    {'error': {'@Message.ExtendedInfo': messages['Messages']}},
                )
            ],
            [response(204), response(200, task('Exception', **messages))],
        ):
            error = self.assertRaises(
                failures.TaskFailed, self.follow, BOTH, *polls
            )
            (found,) = error.messages
            self.assertEqual('Update.1.0.ApplyFailed', found.message_id)
            self.assertEqual(TASK, error.task)

    def test_a_cancelled_call_waits_no_longer(self) -> None:
        error = self.assertRaises(
            failures.ChangeOutcomeUnknown,
            lambda: self.follow(ONLY_TASK, cancelled=True),
        )
        self.assertEqual(TASK, error.task)

    def test_unknown_outcome(self) -> None:
        for seconds, polls in (
            (60.0, [response(404), response(404)]),
            (60.0, [response(401)]),
            (60.0, [failures.BadAnswer()]),
            (0.4, []),
        ):
            error = self.assertRaises(
                failures.ChangeOutcomeUnknown,
                lambda seconds=seconds, polls=polls: self.follow(
                    BOTH, *polls, seconds=seconds
                ),
            )
            self.assertEqual(TASK, error.task)

    def test_intervals(self) -> None:
        date = email.utils.formatdate(time.time() + 5, usegmt=True)
        asked = ('0', '3', '600', 'odd', '', date)
        self.follow(
            ONLY_LOCATION,
            *[response(202, Retry_After=each) for each in asked],
            DONE,
            seconds=1000,
        )
        first, *rest, from_date = self.slept
        self.assertEqual(1.0, first)
        self.assertEqual([1.0, 3.0, 10.0], rest[:3])
        self.assertEqual(sorted(rest[3:]), rest[3:])
        self.assertTrue(3 < from_date <= 5, from_date)
        self.follow(ONLY_LOCATION, DONE, seconds=1.2)
        self.assertLess(self.slept[0], 0.8)

    def test_progress(self) -> None:
        self.follow(
            BOTH,
            response(202, task('Running', PercentComplete=10)),
            response(202, task('Running', PercentComplete=10)),
            response(202, task('Running', PercentComplete='odd')),
            response(202, task('Running', PercentComplete='60')),
            response(204),
            DONE,
        )
        self.assertEqual([10, 60], self.progress)
