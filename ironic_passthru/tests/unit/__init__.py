# SPDX-License-Identifier: Apache-2.0
"""Unit tests; they mirror the package."""
