# SPDX-License-Identifier: Apache-2.0
"""How another service calls a driver over the bus."""

import sys

from ironic_passthru import threads

threads.init()

import oslo_messaging  # noqa: E402
from oslo_config import cfg  # noqa: E402

from ironic_passthru import context  # noqa: E402
from ironic_passthru import errors  # noqa: E402
from ironic_passthru.rpc import client  # noqa: E402
from ironic_passthru.rpc import transport  # noqa: E402


def greet(bus: oslo_messaging.Transport, name: str) -> str:
    """Return the greeting of the driver ``fake-hardware``."""
    conductors = client.ConductorAPI(bus, timeout_seconds=30)
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


def main() -> None:
    """Greet by way of the broker that the configuration files name."""
    # Of options, [DEFAULT] transport_url is enough.
    cfg.CONF(sys.argv[1:], project='my-service')
    bus = transport.make(cfg.CONF)
    print(greet(bus, 'Ada'))
    bus.cleanup()


if __name__ == '__main__':
    main()
