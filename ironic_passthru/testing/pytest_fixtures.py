# SPDX-License-Identifier: Apache-2.0
"""Fixtures of pytest for tests of drivers.

A package with a driver selects them in its ``conftest.py``::

    import pytest

    pytest_plugins = ['ironic_passthru.testing.pytest_fixtures']

    @pytest.fixture
    def passthru_driver():
        return 'acme'       # an entry point, or the class itself

and uses them as arguments of its tests::

    def test_tag(driver_harness):
        assert driver_harness.call('asset_tag', 'GET', rack='r1') == 't'
"""

from collections.abc import Iterator

import pytest

from ironic_passthru.drivers import base
from ironic_passthru.testing import bmc
from ironic_passthru.testing import harness
from ironic_passthru.testing import service


@pytest.fixture
def passthru_driver() -> str | type[base.VendorInterface]:
    """Entry point or class of the driver; to be overridden."""
    pytest.fail(
        'The fixture passthru_driver must be overridden: return the name of '
        'an entry point, or the class of the driver.',
        pytrace=False,
    )


@pytest.fixture
def passthru_config() -> str:
    """Text of the configuration file; empty, unless overridden."""
    return ''


@pytest.fixture
def driver_harness(
    passthru_driver: str | type[base.VendorInterface], passthru_config: str
) -> Iterator[harness.DriverHarness]:
    """Return calls of the driver, which is started and stopped."""
    driver = harness.load(passthru_driver)
    conf = service.configuration(passthru_config)
    driver.interface.start(harness.driver_conf(passthru_driver, conf))
    yield harness.DriverHarness(driver)
    driver.interface.stop()


@pytest.fixture
def local_service(
    passthru_driver: str | type[base.VendorInterface], passthru_config: str
) -> Iterator[service.LocalService]:
    """Return the all-in-one service with the driver, an entry point."""
    if not isinstance(passthru_driver, str):
        pytest.fail(
            'The fixture local_service requires that passthru_driver returns '
            f'the name of an entry point, not {passthru_driver!r}.',
            pytrace=False,
        )
    with service.LocalService(passthru_driver, config=passthru_config) as made:
        yield made


@pytest.fixture
def simulated_bmc() -> Iterator[bmc.SimulatedBmc]:
    """Return a BMC that listens at a free port."""
    with bmc.SimulatedBmc() as made:
        yield made
