# SPDX-License-Identifier: Apache-2.0
"""Start a long call, wait for its end, and print the result."""

import os

import openstack

URL = os.environ.get('PASSTHRU_URL', 'http://127.0.0.1:6385')


def main() -> None:
    cloud = openstack.connect(auth_type='none', auth={'endpoint': URL})
    baremetal = cloud.baremetal
    call = baremetal.call_driver_vendor_passthru(
        'fake-hardware',
        'POST',
        'inspect_rack',
        body={'slots': 4, 'seconds_per_slot': 0.25},
    )
    result = call
    while result.status_code == 202:
        # The response is held for up to 20 seconds.
        result = baremetal.get(
            f'{call.headers["Location"]}/result', headers={'Prefer': 'wait=20'}
        )
    result.raise_for_status()
    print(result.json())


if __name__ == '__main__':
    main()
