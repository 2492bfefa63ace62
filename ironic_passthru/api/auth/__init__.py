# SPDX-License-Identifier: Apache-2.0
"""How requests log in: one layer of the application, a strategy behind it.

A strategy finds out who sent a request. It returns the identity of the
caller, a context.RequestContext, or raises Unauthorized or
IdentityUnavailable.
"""
