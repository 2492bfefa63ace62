# SPDX-License-Identifier: Apache-2.0
"""Client that records changes and sends only reads."""

from collections.abc import Mapping
from typing import Any

from ironic_passthru.drivers.redfish import client
from ironic_passthru.drivers.redfish import firmware_upload
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

    def _change(
        self,
        http_method: str,
        path: str,
        document: Mapping[str, Any]
        | firmware_upload.MultipartForm
        | None = None,
        etag: str | None = None,
        *,
        follow: bool = True,
    ) -> resource.Resource:
        """Record a change; of a form only its summary."""
        del etag, follow
        if isinstance(document, firmware_upload.MultipartForm):
            document = document.summary
        self.changes.append(
            {
                'http_method': http_method,
                'path': resource.printable(path),
                'body': _masked(document),
            }
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
