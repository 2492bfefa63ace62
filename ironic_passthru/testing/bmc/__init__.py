# SPDX-License-Identifier: Apache-2.0
"""A scriptable Redfish server for tests without hardware.

::

    from ironic_passthru.testing import bmc

    with bmc.SimulatedBmc() as fake:
        fake.resources[bmc.SYSTEM]['Model'] = 'A2'
        fake.faults['PATCH'] = bmc.faults.close
        ...     # call a driver with fake.url, fake.username, fake.password
        assert fake.count()['PATCH'] == 1

All BMCs of a process share one thread, so a test can start thousands; Linux
lets each have an own address in 127.0.0.0/8 without configuration.
"""

from ironic_passthru.testing.bmc import faults
from ironic_passthru.testing.bmc.messages import BmcReply
from ironic_passthru.testing.bmc.messages import BmcRequest
from ironic_passthru.testing.bmc.messages import Exchange
from ironic_passthru.testing.bmc.redfish import MEDIA
from ironic_passthru.testing.bmc.redfish import RedfishService
from ironic_passthru.testing.bmc.redfish import RESOURCES
from ironic_passthru.testing.bmc.redfish import ROOT
from ironic_passthru.testing.bmc.redfish import SYSTEM
from ironic_passthru.testing.bmc.redfish import SYSTEMS
from ironic_passthru.testing.bmc.server import SimulatedBmc
from ironic_passthru.testing.bmc.tasks import BmcTask

__all__ = (
    'MEDIA',
    'RESOURCES',
    'ROOT',
    'SYSTEM',
    'SYSTEMS',
    'BmcReply',
    'BmcRequest',
    'BmcTask',
    'Exchange',
    'RedfishService',
    'SimulatedBmc',
    'faults',
)
