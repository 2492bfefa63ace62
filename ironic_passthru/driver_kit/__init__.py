# SPDX-License-Identifier: Apache-2.0
"""Subcommands of ``ironic-passthru-driver``, for authors of drivers."""
