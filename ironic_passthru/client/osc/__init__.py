# SPDX-License-Identifier: Apache-2.0
"""Commands ``openstack passthru`` for OpenStackClient."""
