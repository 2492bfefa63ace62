# SPDX-License-Identifier: Apache-2.0
"""Call a driver over the message bus from another service."""

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
        return 'the call was not run; it can be repeated'
    except errors.OutcomeUnknown:
        return 'the outcome is unknown; check before repeating the call'
    return answer['return']['greeting']


def main() -> None:
    """Call the driver with the broker of the configuration files."""
    # The only required option is [DEFAULT] transport_url.
    cfg.CONF(sys.argv[1:], project='my-service')
    bus = transport.make(cfg.CONF)
    print(greet(bus, 'Ada'))
    bus.cleanup()


if __name__ == '__main__':
    main()
