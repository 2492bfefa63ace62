# SPDX-License-Identifier: Apache-2.0
"""The console: a page in the browser that uses the REST API."""
