# SPDX-License-Identifier: Apache-2.0
"""Layers that a request passes before its controller."""
