# SPDX-License-Identifier: Apache-2.0
"""Tests of the tier that owns the drivers."""
