# SPDX-License-Identifier: Apache-2.0
"""Templates of URLs of BMCs, without the ids that each BMC chooses."""

# Segments of the data model; any other segment is an id.
_WORDS = (
    'redfish v1 $metadata odata '
    'AccountService Accounts Actions Assembly Bios BootOptions Cables '
    'CertificateLocations CertificateService Certificates Chassis '
    'Controllers Drives Entries EnvironmentMetrics EthernetInterfaces '
    'EventService Fans FirmwareInventory GenerateCSR GraphicsControllers '
    'HostInterfaces JsonSchemas Links LogServices ManagerAccounts Managers '
    'Memory MemorySummary Metrics NetworkAdapters NetworkDeviceFunctions '
    'NetworkInterfaces NetworkPorts NetworkProtocol Oem PCIeDevices '
    'PCIeSlots Ports Power PowerSubsystem PowerSupplies Processors '
    'Registries Roles SecureBoot SecureBootDatabases Sensors '
    'SerialInterfaces SessionService Sessions Settings SimpleStorage '
    'SoftwareInventory Storage StorageControllers Subscriptions Systems '
    'TaskMonitors TaskService Tasks TelemetryService Thermal ThermalMetrics '
    'ThermalSubsystem TrustedComponents UpdateService VirtualMedia '
    'Volumes'
)
_KNOWN = frozenset(_WORDS.split())


# The longest paths of the data model are shorter.
_MAX_SEGMENTS = 16


def of(target: str) -> str:
    """Return the template of a path with an optional query.

    It contains no id, whatever links a BMC sends.
    """
    path = target.partition('?')[0].rstrip('/')
    segments = [
        part if part in _KNOWN else '{id}' for part in path.split('/')[1:]
    ]
    if len(segments) > _MAX_SEGMENTS:
        return '/{path}'
    return '/' + '/'.join(segments)
