# SPDX-License-Identifier: Apache-2.0
"""SQL registry: conductors, catalogs and operations."""
