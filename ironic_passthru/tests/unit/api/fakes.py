# SPDX-License-Identifier: Apache-2.0
"""A registry and a bus in memory, for tests of the API."""

import dataclasses
import datetime
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import webob

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.api import app
from ironic_passthru.api import catalogue
from ironic_passthru.db import conductors
from ironic_passthru.tests import base

_EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
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
    """A registry.

    :ivar away: whether the database cannot be reached.
    :ivar reads: how often the conductors were read.
    :ivar offers_read: host names whose offers were read, in order.
    :ivar documents_read: digests that were read, in order.
    """

    def __init__(self) -> None:
        self.away = False
        self.reads = 0
        self.offers_read: list[str] = []
        self.documents_read: list[str] = []
        self._records: dict[str, conductors.ConductorRecord] = {}
        self._documents: dict[str, dict[str, Any]] = {}
        self._newest: dict[str, str] = {}

    def add(
        self,
        hostname: str,
        *drivers: spec.DriverSpec,
        alive: bool = True,
        started: int = 0,
    ) -> None:
        """Register a conductor, or replace it.

        :param started: seconds after some moment.
        """
        moment = _EPOCH + datetime.timedelta(seconds=started)
        for one in drivers:
            self._documents[one.digest] = one.to_document()
            self._newest[one.name] = one.digest
        self._records[hostname] = conductors.ConductorRecord(
            hostname=hostname,
            incarnation=f'{hostname}-{started}',
            group='',
            alive=alive,
            created_at=_EPOCH,
            started_at=moment,
            heartbeat_at=moment,
            drivers={one.name: one.digest for one in drivers},
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

    def newest_digests(self) -> dict[str, str]:
        self._check()
        return dict(self._newest)

    def documents(self, digests: Iterable[str]) -> dict[str, dict[str, Any]]:
        self._check()
        wanted = list(digests)
        self.documents_read += wanted
        known = self._documents
        return {digest: known[digest] for digest in wanted if digest in known}

    def _check(self) -> None:
        if self.away:
            raise errors.RegistryUnavailable()


class FakeConductorAPI:
    """A bus.

    :ivar calls: what was called: (driver, method, arguments).
    :ivar answer: what a call answers, or an exception that it raises.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.answer: Any = {'return': None, 'async': False, 'attach': False}

    def driver_vendor_passthru(
        self, context: Any, driver: str, method: str, **arguments: Any
    ) -> dict[str, Any]:
        self.calls.append((driver, method, arguments))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class ApplicationCase(base.TestCase):
    """A test of the whole application over a registry and a bus in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.store = FakeStore()
        self.bus = FakeConductorAPI()
        self.checks: dict[str, Callable[[], str]] = {}
        self.conf = self.make_conf()
        self.build()

    def build(self, **options: object) -> None:
        """Build the application anew, with some options of ``[api]``."""
        for name, value in options.items():
            self.conf.set_override(name, value, group='api')
        self.catalogue = catalogue.Catalogue(
            self.store,  # type: ignore[arg-type]
            max_age_seconds=0.0,
            heartbeat_timeout_seconds=30.0,
        )
        self.application = app.make(
            self.conf,
            self.catalogue,
            self.bus,  # type: ignore[arg-type]
            checks=self.checks,
        )

    def ask(
        self, path: str, verb: str = 'GET', body: bytes = b'', **headers: str
    ) -> webob.Response:
        """Send a request; underscores in names of headers are hyphens."""
        request = webob.Request.blank(path, method=verb, body=body)
        for name, value in headers.items():
            request.headers[name.replace('_', '-')] = value
        return request.get_response(self.application)
