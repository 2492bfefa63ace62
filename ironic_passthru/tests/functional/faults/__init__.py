# SPDX-License-Identifier: Apache-2.0
"""Fault injection under load, with checks of all responses."""
