# SPDX-License-Identifier: Apache-2.0
"""Calls over many targets: their parameters and results.

Drivers that use these types in their methods can have targets on several
conductors: the API selects the targets, and splits a call by conductor.
"""
