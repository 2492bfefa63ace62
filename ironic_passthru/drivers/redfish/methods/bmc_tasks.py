# SPDX-License-Identifier: Apache-2.0
"""Method that lists the tasks of BMCs."""

from typing import Annotated
from typing import Unpack

import pydantic
from typing_extensions import TypedDict

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_Limit = Annotated[
    int,
    pydantic.Field(
        ge=1,
        le=500,
        description='Number of tasks; the last ones that the BMC lists.',
    ),
]


class ListedTask(TypedDict):
    """A task of the BMC."""

    id: str
    name: str | None
    state: str | None
    """TaskState, such as ``Running``."""
    status: str | None
    """TaskStatus, such as ``OK``."""
    percent: float | None
    start_time: str | None
    end_time: str | None
    messages: list[results.BmcMessageItem]
    """The first 10 messages."""


class TasksItem(results.PartialItem):
    """The last tasks of a BMC."""

    tasks: list[ListedTask]
    total: int
    """Number of tasks on the BMC."""


class BmcTaskMethods(fleet.FleetMethods):
    """The method ``tasks``."""

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def tasks(
        self,
        context: request_context.RequestContext,
        *,
        limit: _Limit = 50,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[TasksItem]:
        """Return the tasks of BMCs.

        ``tasks`` is a list with ``id``, ``name``, ``state``, ``status``,
        ``percent``, ``start_time``, ``end_time`` and ``messages`` (up to 10,
        ``id`` and ``text``); ``total`` is the number of tasks on the BMC,
        ``warnings`` are about tasks that could not be read.
        """
        return self._each(
            context, options, lambda machine: read_tasks(machine, limit)
        )


def read_tasks(machine: bmc.Bmc, limit: int) -> failures.Item:
    """Return the last tasks of the BMC.

    :raises: NotSupported if the BMC has no task service.
    """
    client = machine.client
    service = client.follow(client.root(), 'Tasks')
    paths = client.member_paths(client.follow(service, 'Tasks'))
    reader = partial_reader.PartialReader(client)
    return {
        'reachable': True,
        'tasks': [
            _task(machine, each) for each in reader.get_all(paths[-limit:])
        ],
        'total': len(paths),
        'warnings': reader.warnings,
    }


def _task(machine: bmc.Bmc, task: resource.Resource) -> failures.Item:
    return {
        'id': task.identity,
        'name': task.text('Name'),
        'state': task.text('TaskState'),
        'status': task.text('TaskStatus'),
        'percent': task.number('PercentComplete'),
        'start_time': task.text('StartTime'),
        'end_time': task.text('EndTime'),
        'messages': [
            {'id': each.message_id, 'text': each.text}
            for each in machine.client.messages(task)
        ],
    }
