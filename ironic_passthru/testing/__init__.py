# SPDX-License-Identifier: Apache-2.0
"""What the author of a driver needs to test it.

:mod:`ironic_passthru.testing.conformance` holds the tests that every driver
must pass.
"""
