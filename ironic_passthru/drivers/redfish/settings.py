# SPDX-License-Identifier: Apache-2.0
"""Resources for settings that apply with a later reset (DSP0266)."""

from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource


def writable(
    client: bmc_client.BmcClient, source: resource.Resource, *names: str
) -> resource.Resource:
    """Return the resource in which a property of ``source`` is changed.

    It is the settings object (``@Redfish.Settings``) if that one has the
    property, else ``source`` itself.
    """
    path = source.link('@Redfish.Settings', 'SettingsObject')
    if path is not None:
        found = partial_reader.read_optional(client, path)
        if found is not None and found.value(*names) is not None:
            return found
    return source
