# SPDX-License-Identifier: Apache-2.0
"""Functional tests with real servers."""
