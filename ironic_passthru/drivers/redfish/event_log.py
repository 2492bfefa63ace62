# SPDX-License-Identifier: Apache-2.0
"""Entries of the event logs of one BMC, the newest first."""

import dataclasses
import datetime
from collections.abc import Iterator

from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource

# LogEntryType of logs with events; LogService 1.0 (2016) and later. The
# property is optional.
_EVENTS = frozenset({None, 'Event', 'Multiple', 'SEL'})

# Entries of one log that are read at most: those that a collection contains,
# and those that each need a request.
_MAX_ENTRIES = 10_000
_MAX_REQUESTS = 500

# Names of logs in an error.
_MAX_SHOWN = 20

_SEVERITIES = {'OK': 0, 'Warning': 1, 'Critical': 2}
_UNKNOWN = datetime.datetime.min.replace(tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True)
class LogQuery:
    """Entries to return.

    :param log: a log by its ``Id`` or its name in items; ``None`` for the
        logs of events.
    :param since: oldest time; without a time zone it is UTC.
    :param severity: lowest of ``OK``, ``Warning`` and ``Critical``.
    :param limit: number of entries.
    """

    log: str | None = None
    since: datetime.datetime | None = None
    severity: str | None = None
    limit: int = 100

    def matches(self, entry: resource.JsonObject) -> bool:
        """Return whether an entry belongs to the result.

        An entry without a valid time or severity does: it may be important.
        """
        created = entry.time('Created')
        if (
            self.since is not None
            and created is not None
            and created < _aware(self.since)
        ):
            return False
        if self.severity is None:
            return True
        rank = _SEVERITIES.get(entry.text('Severity') or '')
        return rank is None or rank >= _SEVERITIES[self.severity]


@dataclasses.dataclass(frozen=True)
class EventLog:
    """A log service.

    :param name: owner and Id, such as ``manager/Sel``.
    """

    name: str
    service: resource.Resource


class LogReader:
    """Reads the logs of one BMC.

    :ivar warnings: ``path`` and ``code`` of unreadable resources.
    """

    def __init__(self, machine: bmc.Bmc, query: LogQuery) -> None:
        self._machine = machine
        self._query = query
        self._reader = partial_reader.PartialReader(machine.client)
        self.warnings = self._reader.warnings
        self._found: list[tuple[datetime.datetime, failures.Item]] = []
        self._truncated = False

    def item(self) -> failures.Item:
        """Return the item of the target with the newest entries."""
        logs = self.logs()
        for log in logs:
            self._read(log)
        # Stable: entries without a time stay in the order of the BMC.
        self._found.sort(key=lambda each: each[0], reverse=True)
        entries = [entry for _, entry in self._found]
        limit = self._query.limit
        return {
            'reachable': True,
            'logs': [log.name for log in logs],
            'entries': entries[:limit],
            'truncated': self._truncated or len(entries) > limit,
            'warnings': self.warnings,
        }

    def logs(self) -> list[EventLog]:
        """Return the selected logs.

        :raises: ValueNotAllowed with the names of all logs if none has the
            wanted name; NotSupported without logs, or the first error.
        """
        logs = []
        names: list[str] = []
        seen: set[str] = set()
        for kind, owner in self._owners():
            for service in self._reader.members(owner, 'LogServices'):
                log = EventLog(f'{kind}/{service.identity}', service)
                # Some BMCs list the logs of the manager for the system.
                if service.path in seen:
                    continue
                seen.add(service.path)
                names.append(log.name)
                if self._is_selected(log):
                    logs.append(log)
        if names and not logs and self._query.log and not self.warnings:
            raise failures.ValueNotAllowed(
                f'The BMC has no log {resource.printable(self._query.log)}; '
                f'its logs: {", ".join(names[:_MAX_SHOWN])}.'
            )
        self._reader.check(found=bool(logs))
        return logs

    def _owners(self) -> Iterator[tuple[str, resource.Resource]]:
        machine = self._machine
        yield 'system', machine.system
        for manager in self._reader.owners(machine.manager_paths, 'Managers'):
            yield 'manager', manager
        for chassis in self._reader.owners(machine.chassis_paths, 'Chassis'):
            yield 'chassis', chassis

    def _is_selected(self, log: EventLog) -> bool:
        wanted = self._query.log
        if wanted is None:
            return log.service.text('LogEntryType') in _EVENTS
        return wanted.lower() in (
            log.name.lower(),
            log.service.identity.lower(),
        )

    def _read(self, log: EventLog) -> None:
        collection = self._reader.follow(log.service, 'Entries')
        if collection is None:
            return
        count = 0
        entries, is_sorted, maximum = self._entries(collection)
        for number, entry in enumerate(entries):
            if number >= maximum or (is_sorted and count >= self._query.limit):
                self._truncated = True
                return
            if self._query.matches(entry):
                count += 1
                created = entry.time('Created') or _UNKNOWN
                item = _item(log, entry)
                # Software on the system may have logged a command line.
                if item['message'] is not None:
                    redact = self._machine.client.redact
                    item['message'] = redact(item['message'])
                self._found.append((created, item))

    def _entries(
        self, collection: resource.Resource
    ) -> tuple[Iterator[resource.Resource], bool, int]:
        """Return entries, whether the newest is first, and a maximum."""
        members = collection.mappings('Members')
        if members and all(map(partial_reader.is_complete, members)):
            is_sorted = _is_newer(members[0], members[-1])
            return self._reader.members(collection), is_sorted, _MAX_ENTRIES
        paths = self._reader.member_paths(collection)
        if len(paths) > 1:
            first, last = (self._reader.get(paths[end]) for end in (0, -1))
            # Most BMCs list the oldest entry first.
            if not (first and last and _is_newer(first, last)):
                paths.reverse()
        return self._reader.get_all(paths), True, _MAX_REQUESTS


def _aware(time: datetime.datetime) -> datetime.datetime:
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def _is_newer(one: resource.JsonObject, other: resource.JsonObject) -> bool:
    first, second = one.time('Created'), other.time('Created')
    return first is not None and second is not None and first > second


def _item(log: EventLog, entry: resource.Resource) -> failures.Item:
    return {
        'id': entry.identity,
        'created': entry.text('Created'),
        'severity': entry.text('Severity'),
        'message': entry.text('Message'),
        'message_id': entry.text('MessageId'),
        'log': log.name,
    }


def clear(machine: bmc.Bmc, log: str | None) -> failures.Item:
    """Clear the selected logs that are not empty; return their names.

    An error of one log does not prevent the others from being cleared unless
    the BMC may have made the change, or does not respond; the item then
    contains the error.
    """
    cleared: list[str] = []
    logs = LogReader(machine, LogQuery(log=log))
    reader = partial_reader.PartialReader(machine.client)
    error: failures.BmcError | None = None
    try:
        for each in logs.logs():
            entries = reader.follow(each.service, 'Entries')
            if entries is None and each.service.link('Entries'):
                continue
            if entries is None or not _is_empty(entries):
                with reader.isolated(each.service.path):
                    machine.client.act(each.service, '#LogService.ClearLog')
                    cleared.append(each.name)
    except failures.BmcError as exc:
        error = exc
    return {
        **partial_reader.item_of_changes(error or reader.error, cleared),
        'cleared': cleared,
        'warnings': logs.warnings,
    }


def _is_empty(entries: resource.Resource) -> bool:
    return entries.value('Members') == [] and not entries.number(
        'Members@odata.count'
    )
