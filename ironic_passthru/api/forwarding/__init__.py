# SPDX-License-Identifier: Apache-2.0
"""Requests for drivers and conductors of an existing Ironic."""
