# SPDX-License-Identifier: Apache-2.0
"""The registry as the API sees it: drivers and live conductors."""
