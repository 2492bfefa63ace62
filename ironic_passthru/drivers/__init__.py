# SPDX-License-Identifier: Apache-2.0
"""Driver interface and the drivers that come with the service."""
