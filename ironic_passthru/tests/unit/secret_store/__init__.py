# SPDX-License-Identifier: Apache-2.0
"""Tests of options and passwords in key managers."""
