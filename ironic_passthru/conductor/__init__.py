# SPDX-License-Identifier: Apache-2.0
"""The tier that owns the drivers and runs their methods."""
