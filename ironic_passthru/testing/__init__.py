# SPDX-License-Identifier: Apache-2.0
"""Tests for authors of drivers: see :mod:`conformance`."""
