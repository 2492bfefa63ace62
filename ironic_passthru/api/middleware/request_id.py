# SPDX-License-Identifier: Apache-2.0
"""Request ids."""

from oslo_middleware import request_id


class RequestId(request_id.RequestId):
    """oslo's middleware, with both names of the header that are in use."""

    compat_headers = ['openstack-request-id']
