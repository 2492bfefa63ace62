# SPDX-License-Identifier: Apache-2.0
"""Driver vendor passthru for bare metal as a service of its own."""
