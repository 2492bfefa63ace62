# SPDX-License-Identifier: Apache-2.0
"""Cached registry: drivers and live conductors."""
