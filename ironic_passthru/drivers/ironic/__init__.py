# SPDX-License-Identifier: Apache-2.0
"""Vendor interfaces of Ironic, unchanged.

This package is imported only if ``[conductor] enabled_ironic_hardware_types``
is set, since it imports Ironic::

    configuration    supported versions and configuration of Ironic
    hardware_types   find a hardware type and its vendor interface
    adapter          wrap the vendor interface as a driver

The global ``cfg.CONF`` belongs to Ironic then, which registers options of the
same names as those of the service (``cmd/parsing``).
"""
