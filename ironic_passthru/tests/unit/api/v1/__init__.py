# SPDX-License-Identifier: Apache-2.0
"""Unit tests of version 1 of the API."""
