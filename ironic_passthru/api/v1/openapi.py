# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document for a caller."""

from collections.abc import Iterator

import webob

from ironic_passthru.api.auth import policy
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import links
from ironic_passthru.api.http import query
from ironic_passthru.api.openapi import document
from ironic_passthru.api.openapi import methods
from ironic_passthru.api.registry import catalog
from ironic_passthru.api.v1 import drivers
from ironic_passthru.api.v1 import permissions
from ironic_passthru.policies import drivers as rules


class OpenAPIController:
    """``/v1/openapi.json``.

    :param strategy: value of ``[DEFAULT] auth_strategy``.
    """

    def __init__(
        self,
        catalog: catalog.Catalog,
        links: links.Links,
        *,
        policy: policy.Policy,
        strategy: str,
    ) -> None:
        self._catalog = catalog
        self._links = links
        self._policy = policy
        self._documents = document.Documents(strategy)

    @expose.controller
    def get(
        self, request: webob.Request, _response: webob.Response
    ) -> webob.Response:
        """Return the document with the methods that the caller may call."""
        found = tuple(self._callable_methods(request))
        error_responses.check_accept(request.environ)
        query.check_names(query.parameters(request.environ), ())
        current = self._documents.get(self._links.base(request), found)
        if current.etag in request.if_none_match:
            response = webob.Response(status=304, content_type=None)
        else:
            response = expose.json_text_response(current.body)
        response.etag = current.etag
        return response

    def _callable_methods(
        self, request: webob.Request
    ) -> Iterator[methods.CallableMethod]:
        """Yield the methods of visible drivers that the caller may call.

        :raises: Forbidden if the caller may not list drivers.
        """
        context = request.environ[environ_keys.CONTEXT]
        may_get = self._policy.verdict(context, rules.GET)
        may_call = self._policy.verdict(context, rules.CALL)
        visible = drivers.visible(may_get, self._catalog.snapshot())
        for driver, entry in sorted(visible.items()):
            if not entry.versions:
                continue
            for _, method in sorted(entry.allowed.methods.items()):
                http_methods = tuple(
                    permissions.permitted_http_methods(may_call, entry, method)
                )
                if http_methods:
                    yield methods.CallableMethod(driver, method, http_methods)
