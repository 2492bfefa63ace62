# SPDX-License-Identifier: Apache-2.0
"""The ``redfish`` driver: vendor methods for servers with Redfish BMCs.

::

    driver ──> methods          one module a capability
       │
       ├─────> selection        the targets of a call, in the inventory
       │
       ├─────> executor         all targets concurrently, until the deadline
       │         │
       │         └──> dispatcher    threads and limits that all calls share
       │
       ├─────> bmc              the actions on one target, with sushy
       │         │
       │         └──> connector     one request, sent once
       │
       └─────> summary          items and numbers of a result

    failures     errors of one target, as its item contains them
"""

from ironic_passthru.drivers.redfish.driver import RedfishVendor

__all__ = ['RedfishVendor']
