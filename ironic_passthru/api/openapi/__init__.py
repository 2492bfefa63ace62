# SPDX-License-Identifier: Apache-2.0
"""OpenAPI document of the REST API."""
