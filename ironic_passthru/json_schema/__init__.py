# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas and pointers, for validation and redaction."""
