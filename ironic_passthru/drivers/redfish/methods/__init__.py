# SPDX-License-Identifier: Apache-2.0
"""The vendor methods of the ``redfish`` driver, by capability."""
