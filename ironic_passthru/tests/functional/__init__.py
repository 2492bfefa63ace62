# SPDX-License-Identifier: Apache-2.0
"""Tests over real servers."""
