# SPDX-License-Identifier: Apache-2.0
"""The SQL registry: what conductors publish and the API reads."""
