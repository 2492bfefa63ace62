# SPDX-License-Identifier: Apache-2.0
"""Unit tests of what driver authors test with."""
