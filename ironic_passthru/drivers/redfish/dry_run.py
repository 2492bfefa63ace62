# SPDX-License-Identifier: Apache-2.0
"""Client that records changes and sends only reads."""

from collections.abc import Mapping
from typing import Any

from ironic_passthru.drivers.redfish import client
from ironic_passthru.drivers.redfish import firmware_upload
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish import sender
from ironic_passthru.redaction import masking


class RecordingClient(client.BmcClient):
    """Reads resources; records changes, which seem to succeed.

    A method must not wait for the effect of a change if :attr:`dry_run` is
    true.

    :ivar changes: ``http_method``, ``path`` and ``body`` of each change,
        without secrets.
    """

    dry_run = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.changes: list[dict[str, Any]] = []

    def _change(
        self, change: sender.BmcChange, *, follow: bool = True
    ) -> resource.Resource:
        """Record a change; of a form only its summary."""
        del follow
        body = change.document
        if isinstance(body, firmware_upload.MultipartForm):
            body = body.summary
        self.changes.append(
            {
                'http_method': change.http_method,
                'path': resource.printable(change.path),
                'body': _masked(body),
            }
        )
        return resource.Resource(change.path, {}, 200)


def _masked(value: Any) -> Any:
    """Return a value of JSON with masked secrets."""
    if isinstance(value, Mapping):
        return {
            name: masking.MASK
            if masking.implies_secret(name)
            else _masked(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return value
