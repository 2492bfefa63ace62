# SPDX-License-Identifier: Apache-2.0
"""The ``redfish`` driver: vendor methods for servers with Redfish BMCs.

::

    driver ──> inventories      the targets of a call
       │
       └─────> executor         all targets concurrently, until the deadline
                 │
                 └──> bmc       the actions on one target, with sushy
                       │
                       └──> connector      one request, sent once

    failures     errors of one target, as its item contains them
"""

from ironic_passthru.drivers.redfish.driver import RedfishVendor

__all__ = ['RedfishVendor']
