# SPDX-License-Identifier: Apache-2.0
"""Request ids."""

import re
from collections.abc import Iterable
from typing import Any
from wsgiref import types as wsgi_types

from oslo_context import context

from ironic_passthru.api.http import environ_keys

_GLOBAL_ID = re.compile(
    'req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
)
# Both names of the header are in use.
_HEADERS = ('x-openstack-request-id', 'openstack-request-id')


class RequestId:
    """Make an id for each request, and add it to the response.

    The layer of oslo.middleware does the same, but copies each request and
    response, which takes a twentieth of the CPU of a call.
    """

    def __init__(self, application: wsgi_types.WSGIApplication) -> None:
        self._application = application

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        sent = environ.get('HTTP_X_OPENSTACK_REQUEST_ID', '')
        if _GLOBAL_ID.fullmatch(sent):
            environ[environ_keys.GLOBAL_REQUEST_ID] = sent
        id_ = context.generate_request_id()
        environ[environ_keys.REQUEST_ID] = id_

        def start(
            status: str, headers: list[tuple[str, str]], *args: Any
        ) -> Any:
            present = {name.lower() for name, _ in headers}
            missing = (name for name in _HEADERS if name not in present)
            return start_response(
                status, [*headers, *((name, id_) for name in missing)], *args
            )

        return self._application(environ, start)
