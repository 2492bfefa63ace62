# SPDX-License-Identifier: Apache-2.0
"""HTTP semantics of the REST API: headers, queries, links, errors."""
