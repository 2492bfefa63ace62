# SPDX-License-Identifier: Apache-2.0
"""The bus between the API and the conductors."""
