# SPDX-License-Identifier: Apache-2.0
"""Masking of declared secrets and redaction of known ones."""
