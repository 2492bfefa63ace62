# SPDX-License-Identifier: Apache-2.0
"""The ``redfish`` driver: vendor methods for servers with Redfish BMCs.

::

    driver ──> methods          one module a capability
       │
       ├─────> inventories      file, Ironic or a vendor's source
       │
       ├─────> executor         all targets concurrently, until the deadline
       │         │
       │         ├──> dispatcher    threads and limits that all calls share
       │         └──> item_filter   redaction and size limits of items
       │
       ├─────> bmc              system, managers and chassis of one target
       │         │
       │         └──> client    get, patch, post, ...; tasks
       │                 │
       │                 └──> sender    login, redirects
       │                         │
       │                         └──> connection    one kept connection
       │
       └─────> ironic_passthru.fleet    selection of targets, types of results

    allowable       checks of values before they are sent
    attribute_registry  those for attributes of the BIOS
    partial_reader  errors of one resource among several
    settings        settings objects, which apply with a later reset
    resource        tolerant reader of documents
    failures        errors of one target, as its item contains them
    trust           TLS settings, shared by connections

A method is part of a class of ``methods``. It gives :meth:`_each` a function
that takes a :class:`bmc.Bmc` and returns the item of its target::

    class PowerItem(results.ChangedItem):
        '''A change of the power state.'''

    class PowerMethods(fleet.FleetMethods):
        @base.driver_passthru(['PUT'], target=selection.NAMES)
        def power(
            self,
            context: request_context.RequestContext,
            *,
            state: _State,
            **options: Unpack[selection.FleetOptions],
        ) -> results.ChangeResult[PowerItem]:
            ...
            return self._each(
                context, options, lambda bmc: _power(bmc, state), change=True
            )

    def _power(machine: bmc.Bmc, state: str) -> failures.Item:
        changed = machine.system.text('PowerState') != state
        if changed:
            machine.client.act(
                machine.system, '#ComputerSystem.Reset', {'ResetType': state}
            )
        return {'reachable': True, 'changed': changed}

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
    All return a ``Resource``. ``pause(seconds)`` waits between two reads.
``PartialReader``
    ``get``, ``follow``, ``get_all``, ``owners`` and ``members`` record errors
    in ``warnings`` instead of raising them.
``Resource`` and ``JsonObject``
    ``text``, ``number``, ``flag``, ``array``, ``texts``, ``mapping``,
    ``mappings``, ``link``, ``links`` and ``value`` with the names of nested
    members, and ``action(name)``. They never raise.

Every error is an exception of :mod:`failures`; the executor makes the item of
the target of it. A method only catches an error that it can answer better.
"""

from ironic_passthru.drivers.redfish.driver import RedfishVendor

__all__ = ['RedfishVendor']
