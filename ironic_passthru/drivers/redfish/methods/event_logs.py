# SPDX-License-Identifier: Apache-2.0
"""Methods that read and clear the event logs of BMCs."""

import datetime
from typing import Annotated
from typing import Any
from typing import Literal
from typing import Unpack

import pydantic
from typing_extensions import TypedDict

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import event_log
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_MAX_ENTRIES = 10_000

_Log = Annotated[
    Annotated[str, pydantic.Field(min_length=1, max_length=255)] | None,
    pydantic.Field(
        description='Id of a log, such as Sel, or its name in items, such as '
        'manager/Sel; by default the logs of events.'
    ),
]
_Since = Annotated[
    datetime.datetime | None,
    pydantic.Field(
        description='Oldest time of entries by the clock of the BMC, such as '
        '2026-11-30T09:00:00Z; without a time zone it is UTC.'
    ),
]
_Severity = Annotated[
    Literal['OK', 'Warning', 'Critical'] | None,
    pydantic.Field(description='Lowest severity of entries.'),
]
_Limit = Annotated[
    int,
    pydantic.Field(
        ge=1, le=_MAX_ENTRIES, description='Number of entries, newest first.'
    ),
]


class LogOptions(selection.FleetOptions, total=False):
    """Parameters that select targets and entries."""

    log: _Log
    since: _Since
    severity: _Severity
    limit: _Limit


class LogEntryItem(TypedDict):
    """An entry of an event log."""

    id: str
    created: str | None
    """ISO 8601, as the BMC sends it."""
    severity: str | None
    """``OK``, ``Warning`` or ``Critical``."""
    message: str | None
    message_id: str | None
    """Such as ``Base.1.8.Success``."""
    log: str
    """Name of the log."""


class EventLogItem(results.PartialItem):
    """Entries of event logs, the newest first."""

    logs: list[str]
    """Names of the logs, such as ``manager/Sel``."""
    entries: list[LogEntryItem]
    truncated: bool
    """Whether there are more entries."""


class ClearedLogsItem(results.ChangedItem, results.PartialItem):
    """The cleared event logs."""

    cleared: list[str]
    """Names of the cleared logs."""


class EventLogMethods(fleet.FleetMethods):
    """The methods for event logs."""

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        """Check, in addition, that a file is of exactly one target.

        :raises: MissingParameterValue, InvalidParameterValue
        """
        super().driver_validate(method, **kwargs)
        if method == 'event_log_file':
            count = len(self._select(kwargs))
            if count != 1:
                raise errors.InvalidParameterValue(
                    f'event_log_file needs exactly one target, not {count}'
                )

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def event_log(
        self,
        context: request_context.RequestContext,
        **options: Unpack[LogOptions],
    ) -> results.FleetResult[EventLogItem]:
        """Return entries of the event logs of targets, the newest first.

        ``limit`` is 100 by default.
        """
        query = _query(options, limit=100)
        return self._each(
            context,
            options,
            lambda machine: event_log.LogReader(machine, query).item(),
        )

    @base.driver_passthru(
        ['GET'], async_call=False, attach=True, target=selection.NAMES
    )
    def event_log_file(
        self,
        context: request_context.RequestContext,
        **options: Unpack[LogOptions],
    ) -> base.Attachment:
        """Return the event logs of one target as a text file.

        ``limit`` is 10000 by default.
        """
        query = _query(options, limit=_MAX_ENTRIES)
        result = self._each(
            context,
            options,
            lambda machine: event_log.LogReader(machine, query).item(),
        )
        ((name, item),) = result['items'].items()
        return base.Attachment(_text(item), filename=f'{name}-events.txt')

    @base.driver_passthru(
        ['DELETE'], async_call=False, target=selection.NAMES, dangerous=True
    )
    def clear_event_log(
        self,
        context: request_context.RequestContext,
        *,
        log: _Log = None,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[ClearedLogsItem]:
        """Clear the event logs of targets; an empty log is left as it is."""
        return self._each(
            context,
            options,
            lambda machine: event_log.clear(machine, log),
            change=True,
        )


def _query(filters: LogOptions, *, limit: int) -> event_log.LogQuery:
    return event_log.LogQuery(
        log=filters.get('log'),
        since=filters.get('since'),
        severity=filters.get('severity'),
        limit=filters.get('limit', limit),
    )


def _text(item: Any) -> str:
    """Return one line for each entry: time, severity, log, id, message."""
    columns = ('created', 'severity', 'log', 'id', 'message_id', 'message')
    return ''.join(
        ' '.join(str(entry[column] or '-') for column in columns) + '\n'
        for entry in item['entries']
    )
