# SPDX-License-Identifier: Apache-2.0
"""What becomes known of a call on its way, for whoever accounts for it."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru import spec
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.rpc import protocol


@dataclasses.dataclass
class AuditData:
    """Each layer and controller adds what it is the first to know.

    :ivar parameters: JSON values by name, secrets included.
    :ivar method: of the call, once its parameters fit its schema.
    :ivar tried: conductors that it was offered to, in order.
    :ivar reported: targets that its method has reported.
    :ivar operation_id: id of its record, where there certainly is one.
    :ivar repeated: whether it is answered from the record of an earlier
        call with its Idempotency-Key.
    :ivar cancelled: the operation that is to be cancelled, as it was last
        seen.
    :ivar requested: whether it was active, and so is cancelled or asked to
        end.
    :ivar error: what its client is told.
    """

    parameters: Mapping[str, Any] | None = None
    method: spec.MethodSpec | None = None
    tried: list[protocol.ConductorAddress] = dataclasses.field(
        default_factory=list
    )
    reported: Sequence[str] = ()
    operation_id: str | None = None
    repeated: bool = False
    cancelled: operation.Operation | None = None
    requested: bool = False
    error: errors.PassthruError | None = None


def of(environ: dict[str, Any]) -> AuditData:
    """Return the facts of a request, to add to them."""
    found: AuditData = environ.setdefault(keys.FACTS, AuditData())
    return found
