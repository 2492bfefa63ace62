# SPDX-License-Identifier: Apache-2.0
"""The built-in HTTP server, based on cheroot."""
