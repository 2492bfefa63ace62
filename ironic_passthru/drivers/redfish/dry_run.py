# SPDX-License-Identifier: Apache-2.0
"""Client that records changes and sends only reads."""

from collections.abc import Mapping
from typing import Any

from ironic_passthru.drivers.redfish import client
from ironic_passthru.drivers.redfish import resource

_MASK = '***'


class RecordingClient(client.BmcClient):
    """Reads resources; records changes, which seem to succeed.

    A method must not wait for the effect of a change if :attr:`dry_run` is
    true.

    :ivar changes: ``http_method``, ``path`` and ``body`` of each change,
        without passwords.
    """

    dry_run = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.changes: list[dict[str, Any]] = []

    def patch(
        self, target: resource.Resource, change: Mapping[str, Any]
    ) -> resource.Resource:
        """Record a change of properties."""
        return self._record('PATCH', target.path, change)

    def put(
        self, target: resource.Resource, document: Mapping[str, Any]
    ) -> resource.Resource:
        """Record the replacement of a resource."""
        return self._record('PUT', target.path, document)

    def post(
        self, path: str, document: Mapping[str, Any] | None = None
    ) -> resource.Resource:
        """Record an action."""
        return self._record('POST', path, document or {})

    def delete(self, path: str) -> resource.Resource:
        """Record a deletion."""
        return self._record('DELETE', path, None)

    def _record(
        self, http_method: str, path: str, body: Mapping[str, Any] | None
    ) -> resource.Resource:
        self.changes.append(
            {'http_method': http_method, 'path': path, 'body': _masked(body)}
        )
        return resource.Resource(path, {}, 200)


def _masked(value: Any) -> Any:
    """Return a value of JSON with masked passwords."""
    if isinstance(value, Mapping):
        return {
            name: _MASK if 'password' in name.lower() else _masked(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return value
