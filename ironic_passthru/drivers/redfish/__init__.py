# SPDX-License-Identifier: Apache-2.0
"""The ``redfish`` driver: vendor methods for servers with Redfish BMCs.

::

    driver ──> inventory        which targets a call means
       │
       └─────> fleet            all of them at once, within the call's time
                 │
                 └──> bmc       what is done to one of them, on sushy
                       │
                       └──> connector      one request, sent once

    failures     what went wrong with one target, as its item says it
"""

from ironic_passthru.drivers.redfish.driver import RedfishVendor

__all__ = ['RedfishVendor']
