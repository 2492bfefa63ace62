# SPDX-License-Identifier: Apache-2.0
"""Serve three simulated BMCs for a trial of the redfish driver.

The argument is a directory. Their inventory and a configuration file of the
service are written there. Ctrl-C stops the BMCs.
"""

import contextlib
import json
import pathlib
import signal
import sys

from ironic_passthru.testing import bmc

TAGS = {
    'rack1-node1': ['rack1', 'web'],
    'rack1-node2': ['rack1', 'database'],
    'rack2-node1': ['rack2', 'web'],
}
RESET = f'{bmc.SYSTEM}/Actions/ComputerSystem.Reset'
UPDATE = f'{bmc.ROOT}/UpdateService'
FIRMWARE = f'{UPDATE}/FirmwareInventory'

CONFIGURATION = """\
[conductor]
enabled_drivers = fake-hardware, redfish

[redfish]
inventory_file = {}
"""


def simulate(number: int) -> bmc.SimulatedBmc:
    """Return a BMC with power and firmware; each has another version."""
    fake = bmc.SimulatedBmc()
    fake.latency_seconds = 0.1
    system = fake.resources[bmc.SYSTEM]
    system['SerialNumber'] = f'S{number}'
    system['Actions'] = {'#ComputerSystem.Reset': {'target': RESET}}
    fake.resources[bmc.ROOT]['UpdateService'] = {'@odata.id': UPDATE}
    fake.resources |= {
        UPDATE: {'FirmwareInventory': {'@odata.id': FIRMWARE}},
        FIRMWARE: {'Members': [{'@odata.id': f'{FIRMWARE}/BMC'}]},
        f'{FIRMWARE}/BMC': {
            'Id': 'BMC',
            'Name': 'Firmware of the BMC',
            'Version': f'1.{number}',
            'Updateable': True,
        },
    }

    def reset(request: bmc.BmcRequest) -> None:
        off = request.document()['ResetType'] in (
            'ForceOff',
            'GracefulShutdown',
        )
        system['PowerState'] = 'Off' if off else 'On'

    fake.actions[RESET] = reset
    return fake


def main(directory: pathlib.Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    inventory = directory / 'inventory.yaml'
    configuration = directory / 'passthru.conf'
    with contextlib.ExitStack() as stack:
        entries = {}
        for number, (name, tags) in enumerate(TAGS.items(), 1):
            fake = stack.enter_context(simulate(number))
            entries[name] = {
                'address': fake.url,
                'username': fake.username,
                'password': fake.password,
                'tags': tags,
            }
        # JSON is valid YAML.
        inventory.write_text(json.dumps(entries, indent=2))
        inventory.chmod(0o600)
        configuration.write_text(CONFIGURATION.format(inventory.absolute()))
        print(f'Serving {", ".join(entries)}; run the service with')
        print(f'  --config-file {configuration}', flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(f'usage: {sys.argv[0]} DIRECTORY')
    main(pathlib.Path(sys.argv[1]))
