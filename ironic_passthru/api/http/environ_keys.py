# SPDX-License-Identifier: Apache-2.0
"""Keys that the layers of the API add to the WSGI environment."""

#: Negotiated API version, a versions.APIVersion.
VERSION = 'ironic_passthru.version'
#: Match of the request in the table of routes, a routes.RouteMatch.
ROUTE = 'ironic_passthru.route'
#: Complete request body; bytes within the size limit.
BODY = 'ironic_passthru.body'
#: Original query string.
QUERY = 'ironic_passthru.query'
#: Original Accept header, or None.
ACCEPT = 'ironic_passthru.accept'
#: Original Content-Type header, or the empty string.
CONTENT_TYPE = 'ironic_passthru.content_type'
#: Identity of the caller, a context.RequestContext.
CONTEXT = 'ironic_passthru.context'
#: Data for the audit record, an audit_data.AuditData.
AUDIT_DATA = 'ironic_passthru.audit_data'
#: Address of the connection; set only if the headers of a proxy may replace
#: REMOTE_ADDR.
PROXY_ADDRESS = 'ironic_passthru.proxy_address'
#: Request ids; the names are those of oslo.middleware.
REQUEST_ID = 'openstack.request_id'
GLOBAL_REQUEST_ID = 'openstack.global_request_id'
