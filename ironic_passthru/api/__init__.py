# SPDX-License-Identifier: Apache-2.0
"""The REST tier: a WSGI application that validates and forwards calls."""
