# SPDX-License-Identifier: Apache-2.0
"""Fake registry and message bus for tests of the API."""

import dataclasses
import datetime
import json
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import webob

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru import spec
from ironic_passthru.api import app
from ironic_passthru.api.auth import policy
from ironic_passthru.api.registry import catalog
from ironic_passthru.db import conductors
from ironic_passthru.db import operation_queries
from ironic_passthru.fleet import target_list
from ironic_passthru.tests import base

# A method of the store below has the name of the module.
_Version = conductors.Version

_EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_NEWEST_FIRST = operation_queries.Order()
_ANY: dict[str, Any] = {'type': 'object', 'additionalProperties': True}


def method(name: str, **values: Any) -> spec.MethodSpec:
    """Return a synchronous method that takes GET and any parameters."""
    defaults: dict[str, Any] = {
        'http_methods': ('GET',),
        'async_call': False,
        'attach': False,
        'description': '',
        'schema': _ANY,
    }
    return spec.MethodSpec(name=name, **defaults | values)


def driver(
    name: str, *methods: spec.MethodSpec, **properties: str
) -> spec.DriverSpec:
    """Return a driver of these methods."""
    return spec.DriverSpec(
        name=name,
        properties=properties,
        methods={one.name: one for one in methods},
    )


class FakeStore:
    """A fake registry.

    :ivar unavailable: whether the registry is unavailable.
    :ivar reads: number of reads of the conductors.
    :ivar offers_read: host names whose offers were read, in order.
    :ivar documents_read: digests that were read, in order.
    """

    def __init__(self) -> None:
        self.unavailable = False
        self.reads = 0
        self.offers_read: list[str] = []
        self.documents_read: list[str] = []
        self.target_lists = FakeTargetLists()
        self._records: dict[str, conductors.ConductorRecord] = {}
        self._documents: dict[str, str] = {}
        self._newest: dict[str, str] = {}

    def add(
        self,
        hostname: str,
        *drivers: spec.DriverSpec,
        alive: bool = True,
        started: int = 0,
        group: str = '',
    ) -> None:
        """Register a conductor, or replace it.

        :param started: seconds after some moment.
        """
        moment = _EPOCH + datetime.timedelta(seconds=started)
        for one in drivers:
            self._documents[one.digest] = json.dumps(one.to_document())
            self._newest[one.name] = one.digest
        self._records[hostname] = conductors.ConductorRecord(
            hostname=hostname,
            incarnation=f'{hostname}-{started}',
            group=group,
            alive=alive,
            created_at=_EPOCH,
            started_at=moment,
            heartbeat_at=moment,
            drivers={one.name: one.digest for one in drivers},
            heartbeat_monotonic=0.0,
            read_monotonic=60.0,
        )

    def conductors(
        self,
        *,
        heartbeat_timeout_seconds: float,
        known: Mapping[str, conductors.ConductorRecord] | None = None,
    ) -> list[conductors.ConductorRecord]:
        self._check()
        self.reads += 1
        found = []
        for record in self._records.values():
            old = (known or {}).get(record.hostname)
            if old and old.started_at == record.started_at:
                record = dataclasses.replace(record, drivers=old.drivers)
            else:
                self.offers_read.append(record.hostname)
            found.append(record)
        return found

    def publish(self, hostname: str, driver: str, *names: str) -> None:
        """Publish targets of a conductor; the first letters are tags."""
        self.target_lists.lists[hostname, driver] = target_list.TargetList(
            {name: frozenset({name[0]}) for name in names}
        )

    def newest_digests(self) -> dict[str, str]:
        self._check()
        return dict(self._newest)

    def documents(self, versions: Iterable[_Version]) -> dict[_Version, str]:
        self._check()
        wanted = list(versions)
        self.documents_read += [digest for _, digest in wanted]
        known = self._documents
        return {one: known[one[1]] for one in wanted if one[1] in known}

    def _check(self) -> None:
        if self.unavailable:
            raise errors.RegistryUnavailable()


class FakeTargetLists:
    """Published targets by host name and driver."""

    def __init__(self) -> None:
        self.lists: dict[tuple[str, str], target_list.TargetList] = {}

    def digests(self) -> dict[tuple[str, str], str]:
        return {key: each.digest for key, each in self.lists.items()}

    def documents(self, digests: Iterable[str]) -> dict[str, str]:
        known = {each.digest: each.document for each in self.lists.values()}
        return {digest: known[digest] for digest in digests}


class FakeOperations:
    """The operations of a fake registry.

    :ivar unavailable: whether the registry is unavailable.
    :ivar found: the operations by their ids.
    :ivar keys: id and fingerprint by digest.
    :ivar results: JSON texts by ids of operations.
    :ivar reads: number of reads of states and summaries.
    :ivar on_read: called before each of these reads, with their number.
    """

    def __init__(self) -> None:
        self.unavailable = False
        self.found: dict[str, operation.Operation] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        #: A fake of SplitOperationStore.
        self.split: Any = None
        self.results: dict[str, str] = {}
        self.reads = 0
        self.on_read: Callable[[int], None] = lambda reads: None

    def add(self, operation_id: str, **values: Any) -> operation.Operation:
        """Record an operation, or replace it; each is newer than the last."""
        number = len(self.found)
        defaults: dict[str, Any] = {
            'driver': 'd',
            'method': 'm',
            'http_method': 'POST',
            'user_id': None,
            'project_id': None,
            'request_id': 'req-1',
            'conductor': 'c',
            'incarnation': 'c-0',
            'accepted': True,
            'attach': False,
            'state': operation.State.QUEUED,
            'created_at': _EPOCH + datetime.timedelta(seconds=number),
            'started_at': None,
            'finished_at': None,
            'progress': operation.Progress(),
            'cancel_requested': False,
            'parameters': {},
            'targets': [],
        }
        one = operation.Operation(id=operation_id, **defaults | values)
        self.found[operation_id] = one
        return one

    def change(self, operation_id: str, **values: Any) -> None:
        """Change an operation that is recorded."""
        one = self.found[operation_id]
        self.found[operation_id] = dataclasses.replace(one, **values)

    def succeed(
        self, operation_id: str, result: Any = None, **values: Any
    ) -> None:
        """Finish an operation with a result."""
        if result is not None:
            self.results[operation_id] = json.dumps(result)
        self.change(
            operation_id,
            **{
                'state': operation.State.SUCCEEDED,
                'result_parts': 0 if result is None else 1,
                **values,
            },
        )

    def get(self, operation_id: str) -> operation.Operation | None:
        self._check()
        return self.found.get(operation_id)

    def owner(self, operation_id: str) -> operation.Owner | None:
        self._check()
        one = self.found.get(operation_id)
        return one and operation.Owner.of(one.project_id, one.user_id)

    def state(self, operation_id: str) -> operation.State | None:
        one = self.summary(operation_id)
        return one and one.state

    def summary(self, operation_id: str) -> operation.Operation | None:
        self.reads += 1
        self.on_read(self.reads)
        self._check()
        return self.found.get(operation_id)

    def find_key(self, digest: str) -> tuple[str, str] | None:
        self._check()
        return self.keys.get(digest)

    def result(self, operation_id: str) -> str | None:
        self._check()
        return self.results.get(operation_id)

    def page(
        self,
        *,
        limit: int,
        marker: operation.Operation | None = None,
        states: Collection[operation.State] = (),
        owner: operation.Owner | None = None,
        order: operation_queries.Order = _NEWEST_FIRST,
        details: Collection[str] = (),
        **filters: Any,
    ) -> list[operation.Operation]:
        self._check()

        def key(one: operation.Operation) -> list[Any]:
            return [getattr(one, each.name) for each in order.columns()]

        def follows(one: operation.Operation) -> bool:
            if marker is None:
                return True
            pair = (key(marker), key(one))
            return pair[0] < pair[1] if order.ascending else pair[0] > pair[1]

        hidden = {'parameters', 'error', 'targets'}.difference(details)
        return [
            dataclasses.replace(one, **dict.fromkeys(hidden))
            for one in sorted(
                self.found.values(), key=key, reverse=not order.ascending
            )
            if follows(one)
            and (not states or one.state in states)
            and (
                owner is None
                or operation.Owner.of(one.project_id, one.user_id) == owner
            )
            and all(_matches(one, *each) for each in filters.items())
        ][:limit]

    def cancel(self, operation_id: str) -> bool:
        self._check()
        one = self.found[operation_id]
        if one.state is operation.State.QUEUED:
            self.change(operation_id, state=operation.State.CANCELLED)
        elif one.state is operation.State.RUNNING:
            self.change(operation_id, cancel_requested=True)
        return not one.final

    def _check(self) -> None:
        if self.unavailable:
            raise errors.RegistryUnavailable()


def _matches(one: operation.Operation, name: str, value: Any) -> bool:
    if name == 'target':
        return value in (one.targets or ())
    if name == 'created_after':
        return one.created_at > value
    if name == 'created_before':
        return one.created_at < value
    return bool(getattr(one, name) == value)


class FakeConductorAPI:
    """A fake message bus.

    :ivar calls: what was called: (driver, method, arguments).
    :ivar result: return value of a call, or an exception to raise.
    :ivar on_call: called with the arguments of each call.
    :ivar answer: returns the reply to a call with these arguments.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.result: Any = {'return': None, 'async': False, 'attach': False}
        self.on_call: Callable[[dict[str, Any]], None] = lambda call: None
        self.answer = self._answer

    def driver_vendor_passthru(
        self, context: Any, driver: str, method: str, **arguments: Any
    ) -> dict[str, Any]:
        self.calls.append((driver, method, arguments))
        self.on_call(arguments)
        return self.answer(arguments)

    def _answer(self, _: dict[str, Any]) -> dict[str, Any]:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class CatalogCase(base.TestCase):
    """A catalog over a store in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.store = FakeStore()

    def make(self, max_age_seconds: float = 1000.0) -> catalog.Catalog:
        return catalog.Catalog(
            self.store,  # type: ignore[arg-type]
            max_age_seconds=max_age_seconds,
            heartbeat_timeout_seconds=30.0,
        )


class ApplicationCase(base.TestCase):
    """A test of the application with a fake registry and bus."""

    def setUp(self) -> None:
        super().setUp()
        self.store = FakeStore()
        self.operations = FakeOperations()
        self.bus = FakeConductorAPI()
        self.checks: dict[str, Callable[[], str]] = {}
        self.conf = self.make_conf(auth_strategy='noauth')
        self.build()

    def build(self, **options: object) -> None:
        """Build the application anew, with some options of ``[api]``."""
        for name, value in options.items():
            self.conf.set_override(name, value, group='api')
        self.catalog = catalog.Catalog(
            self.store,  # type: ignore[arg-type]
            max_age_seconds=0.0,
            heartbeat_timeout_seconds=30.0,
        )
        self.application = app.make(
            self.conf,
            self.catalog,
            self.bus,  # type: ignore[arg-type]
            operations=self.operations,  # type: ignore[arg-type]
            policy=policy.Policy(self.conf),
            checks=self.checks,
        )

    def ask(
        self,
        path: str,
        http_method: str = 'GET',
        body: bytes = b'',
        **headers: str,
    ) -> webob.Response:
        """Send a request; underscores in names of headers are hyphens."""
        request = webob.Request.blank(path, method=http_method, body=body)
        for name, value in headers.items():
            request.headers[name.replace('_', '-')] = value
        return request.get_response(self.application)
