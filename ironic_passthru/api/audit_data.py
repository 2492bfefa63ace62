# SPDX-License-Identifier: Apache-2.0
"""Data that layers and controllers collect for the audit of a request."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from wsgiref import types as wsgi_types

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru import spec
from ironic_passthru.api.http import environ_keys
from ironic_passthru.rpc import protocol


@dataclasses.dataclass
class AuditData:
    """Data of one request; the component that has a value first sets it.

    :ivar parameters: JSON values by name, secrets included.
    :ivar method: set after the parameters matched its schema.
    :ivar conductor_group: the group that the request names, if any.
    :ivar tried: conductors that received the call, in order.
    :ivar parts: number of the last ones that each received a part of it.
    :ivar reported_targets: targets that the method reported.
    :ivar operation_id: id of the operation, if it is certainly recorded.
    :ivar forwarded: whether the response is that of Ironic, or contains
        resources of it.
    :ivar repeated: whether the response is that of an earlier call with the
        same Idempotency-Key.
    :ivar cancel_target: operation to cancel, as it was last read.
    :ivar cancel_requested: whether the operation was active, and therefore
        was cancelled or received a cancel request.
    :ivar error: error of the response.
    """

    parameters: Mapping[str, Any] | None = None
    method: spec.MethodSpec | None = None
    conductor_group: str | None = None
    tried: list[protocol.ConductorAddress] = dataclasses.field(
        default_factory=list
    )
    parts: int = 1
    reported_targets: Sequence[str] = ()
    operation_id: str | None = None
    forwarded: bool = False
    repeated: bool = False
    cancel_target: operation.Operation | None = None
    cancel_requested: bool = False
    error: errors.PassthruError | None = None


def of(environ: wsgi_types.WSGIEnvironment) -> AuditData:
    """Return the data of a request, which the caller may change."""
    found: AuditData = environ.setdefault(environ_keys.AUDIT_DATA, AuditData())
    return found
