# SPDX-License-Identifier: Apache-2.0
"""How another service calls a driver over the bus."""

import oslo_messaging

from ironic_passthru import context
from ironic_passthru import errors
from ironic_passthru.rpc import client


def greet(transport: oslo_messaging.Transport, name: str) -> str:
    """Return the greeting of the driver ``fake-hardware``."""
    conductors = client.ConductorAPI(transport, timeout_seconds=30)
    try:
        answer = conductors.driver_vendor_passthru(
            context.RequestContext(),
            'fake-hardware',
            'hello',
            http_method='GET',
            info={'name': name},
        )
    except errors.NotRun:
        return 'nobody took the call; it may be sent again'
    except errors.OutcomeUnknown:
        return 'no answer came; look before sending it again'
    return answer['return']['greeting']
