# SPDX-License-Identifier: Apache-2.0
"""JSON parsing and validation by JSON Schema."""
