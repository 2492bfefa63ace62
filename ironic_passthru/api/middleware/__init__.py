# SPDX-License-Identifier: Apache-2.0
"""What every request passes before it is routed."""
