# SPDX-License-Identifier: Apache-2.0
"""What the layers of the API leave for each other in the WSGI environment."""

# The negotiated version of the API, a versions.Version.
VERSION = 'ironic_passthru.version'
# The whole request body, bytes within the allowed size.
BODY = 'ironic_passthru.body'
# The query string as it came.
QUERY = 'ironic_passthru.query'
# The Accept header as it came, or None.
ACCEPT = 'ironic_passthru.accept'
# The Content-Type header as it came, or the empty text.
CONTENT_TYPE = 'ironic_passthru.content_type'
# Whether answers may hold tracebacks; unset unless they may.
TRACEBACKS = 'ironic_passthru.tracebacks'
# The identity of the caller, a context.RequestContext.
CONTEXT = 'ironic_passthru.context'
# What becomes known of a call, a facts.Facts.
FACTS = 'ironic_passthru.facts'
# The address of who is connected, where headers of a proxy may change what
# REMOTE_ADDR says; unset where they may not.
PEER = 'ironic_passthru.peer'
# The id of the request, set by oslo.middleware.
REQUEST_ID = 'openstack.request_id'
GLOBAL_REQUEST_ID = 'openstack.global_request_id'
