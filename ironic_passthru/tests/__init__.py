# SPDX-License-Identifier: Apache-2.0
"""Tests of the service."""

from ironic_passthru import threads

threads.init()
