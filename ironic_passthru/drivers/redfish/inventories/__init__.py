# SPDX-License-Identifier: Apache-2.0
"""Inventory sources: where the ``redfish`` driver finds its BMCs.

::

    loading ──> file       an inventory file, reloaded when it changes
       │          ├──> document          the YAML and its line numbers
       │          ├──> password_files    storing of changed passwords
       │          └──> password_secrets  passwords in a key manager
       ├──────> ironic     the nodes of an existing Ironic
       │          └──> ironic_nodes      a target from a node
       └──────> a vendor's source

    base     the interface of a source, for vendors
    entry    the fields of a target and their validation
    exposure warnings about targets whose passwords are exposed
"""
