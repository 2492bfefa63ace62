# SPDX-License-Identifier: Apache-2.0
"""An id for each request, told to the client in every answer."""

from oslo_middleware import request_id


class RequestId(request_id.RequestId):
    """oslo's middleware; the id stands under both names that are in use."""

    compat_headers = ['openstack-request-id']
