# SPDX-License-Identifier: Apache-2.0
"""Calls of driver methods: dispatch, responses, long polling."""
