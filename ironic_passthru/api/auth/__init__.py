# SPDX-License-Identifier: Apache-2.0
"""How requests log in: one layer of the application for each strategy.

Each leaves the identity of the caller, a context.RequestContext, in the
environment of the request, or raises Unauthorized or IdentityUnavailable.
"""
