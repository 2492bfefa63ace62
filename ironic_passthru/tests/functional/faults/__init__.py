# SPDX-License-Identifier: Apache-2.0
"""Tests that break things under load and check what clients were told."""
