# SPDX-License-Identifier: Apache-2.0
"""Vendor interface of the Acme chassis."""
