# SPDX-License-Identifier: Apache-2.0
"""The ``redfish`` driver: vendor methods for servers with Redfish BMCs.

::

    driver ──> inventory        the targets of a call
       │
       └─────> executor         all targets concurrently, until the deadline
                 │
                 └──> bmc       system, managers and chassis of one target
                       │
                       └──> client     get, patch, post, ...; tasks
                             │
                             └──> sender     login, redirects
                                   │
                                   └──> connection     one kept connection

    resource     tolerant reader of documents
    failures     errors of one target, as its item contains them
    trust        TLS settings, shared by connections

A method in a module of its own takes a :class:`bmc.Bmc` and returns the item
of its target::

    def power_cycle(machine: bmc.Bmc) -> failures.Item:
        system = machine.system
        reset = system.action('#ComputerSystem.Reset')
        if reset is None:
            raise failures.NotSupported()
        if 'PowerCycle' not in reset.allowable('ResetType'):
            raise failures.NotSupported()
        machine.client.post(reset.target, {'ResetType': 'PowerCycle'})
        return {'reachable': True}

    def fans(machine: bmc.Bmc) -> failures.Item:
        found = {}
        for chassis in machine.chassis():
            thermal = machine.client.follow(chassis, 'Thermal')
            for fan in thermal.mappings('Fans'):
                found[fan.text('Name') or ''] = fan.number('Reading')
        return {'reachable': True, 'fans': found}

Interfaces for these modules:

``Bmc``
    ``system`` (read once), ``refresh()``, ``managers()``, ``chassis()``, the
    same as paths, ``client``, ``target``.
``BmcClient``
    ``root()``, ``get(path)``, ``follow(resource, *names)`` for links,
    ``members(collection)``, ``member_paths(collection)``,
    ``patch(resource, change)``, ``put(resource, document)``,
    ``post(path, document)``, ``act(resource, action, parameters)``,
    ``delete(path)``. A change that the BMC runs as a task returns at its end.
    All return a ``Resource``.
``Resource`` and ``JsonObject``
    ``text``, ``number``, ``flag``, ``array``, ``texts``, ``mapping``,
    ``mappings``, ``link``, ``links`` and ``value`` with the names of nested
    members, and ``action(name)``. They never raise.

Every error is an exception of :mod:`failures`; the executor makes the item of
the target of it. A method only catches an error that it can answer better.
"""

from ironic_passthru.drivers.redfish.driver import RedfishVendor

__all__ = ['RedfishVendor']
