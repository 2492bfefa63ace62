# SPDX-License-Identifier: Apache-2.0
"""Print model, serial number, power state and health of servers as CSV.

Arguments are tags; without any, all servers are listed. The cloud of
openstacksdk is named by the environment variable OS_CLOUD.
"""

import csv
import sys

import openstack

FIELDS = ('model', 'serial_number', 'power_state', 'health')


def main() -> int:
    baremetal = openstack.connect().baremetal
    selection = {'any_tags': sys.argv[1:]} if sys.argv[1:] else {}
    answer = baremetal.call_driver_vendor_passthru(
        'redfish', 'GET', 'inventory', body=selection
    ).json()
    writer = csv.writer(sys.stdout)
    writer.writerow(('name', *FIELDS, 'error'))
    for name, item in sorted(answer['items'].items()):
        error = item.get('error', {}).get('code', '')
        writer.writerow((name, *(item.get(f) for f in FIELDS), error))
    return 1 if answer['summary']['succeeded'] < len(answer['items']) else 0


if __name__ == '__main__':
    sys.exit(main())
