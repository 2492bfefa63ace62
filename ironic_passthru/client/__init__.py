# SPDX-License-Identifier: Apache-2.0
"""Python client of the REST API."""

from ironic_passthru.client.client import Client

__all__ = ['Client']
