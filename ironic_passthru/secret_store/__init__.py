# SPDX-License-Identifier: Apache-2.0
"""Secrets of Vault, Barbican or another key manager of castellan."""
