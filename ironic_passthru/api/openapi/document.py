# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document, and a cache of it."""

import collections
import dataclasses
import functools
import hashlib
import json
import threading
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from ironic_passthru.api.http import versions
from ironic_passthru.api.openapi import definitions
from ironic_passthru.api.openapi import methods
from ironic_passthru.api.openapi import responses
from ironic_passthru.api.openapi import schemas
from ironic_passthru.api.openapi import surface

# Its schemas are JSON Schema 2020-12. Swagger UI warns about a document that
# names another dialect than OpenAPI's own extension of it.
_OPENAPI = '3.1.1'

#: Limit of the methods in a document, in characters of JSON.
MAX_SIZE = 8 << 20

# Documents in memory: one for each set of methods that callers may call.
_CACHE_SIZE = 8

_DESCRIPTION = (
    'Driver vendor passthru of the Bare Metal service. The methods that the '
    'caller may call have operations of their own. HEAD is accepted where '
    'GET is, except for calls, and paths work without the leading /v1. With '
    'GET and DELETE, parameters of calls can be in a JSON body instead.'
)

#: Security schemes by ``[DEFAULT] auth_strategy``.
SECURITY: Mapping[str, Mapping[str, Any]] = {
    'noauth': {},
    'http_basic': {'basic': {'type': 'http', 'scheme': 'basic'}},
    'keystone': {
        'token': {'type': 'apiKey', 'in': 'header', 'name': 'X-Auth-Token'}
    },
}


@dataclasses.dataclass(frozen=True)
class CachedDocument:
    """A document in the form in which it is sent.

    :param body: JSON.
    :param etag: identifier of the body.
    :param callables: its methods; while they exist, so do their ids.
    """

    body: bytes
    etag: str
    callables: tuple[methods.CallableMethod, ...]


class Documents:
    """Builds documents, and keeps the last ones.

    :param strategy: value of ``[DEFAULT] auth_strategy``.
    """

    def __init__(self, strategy: str) -> None:
        self._strategy = strategy
        self._lock = threading.Lock()
        self._known: collections.OrderedDict[Any, CachedDocument] = (
            collections.OrderedDict()
        )

    def get(
        self, url: str, callables: Iterable[methods.CallableMethod]
    ) -> CachedDocument:
        """Return the document for a set of methods.

        :param url: URL of the service.
        :param callables: their specs are those of the catalog, which replaces
            the objects when they change.
        """
        found = tuple(callables)
        key = (
            url,
            tuple((c.driver, id(c.method), c.http_methods) for c in found),
        )
        # One thread builds a document, the others wait for it.
        with self._lock:
            document = self._known.pop(key, None) or self._make(url, found)
            self._known[key] = document
            if len(self._known) > _CACHE_SIZE:
                self._known.popitem(last=False)
        return document

    def _make(
        self, url: str, callables: tuple[methods.CallableMethod, ...]
    ) -> CachedDocument:
        body = json.dumps(build(url, self._strategy, callables)).encode()
        return CachedDocument(
            body, hashlib.sha256(body).hexdigest(), callables
        )


def build(
    url: str, strategy: str, callables: Iterable[methods.CallableMethod]
) -> dict[str, Any]:
    """Return the document.

    :param strategy: value of ``[DEFAULT] auth_strategy``.
    """
    shared = definitions.Definitions()
    paths, omitted = _method_paths(callables, shared)
    security = SECURITY[strategy]
    found: dict[str, Any] = {
        'openapi': _OPENAPI,
        'info': {
            'title': 'Driver passthru',
            'version': str(versions.MAXIMUM),
            'description': _DESCRIPTION,
        },
        'servers': [{'url': url}],
        'security': [{name: []} for name in security],
        'paths': surface.paths() | paths,
        'components': {
            **responses.components(),
            'schemas': fixed_schemas() | shared.schemas,
        },
    }
    if security:
        found['components']['securitySchemes'] = security
    if omitted:
        found['x-omitted-methods'] = omitted
    return found


@functools.cache
def fixed_schemas() -> dict[str, Any]:
    """Return the schemas of the bodies of all services."""
    kinds = surface.return_types()
    return {**schemas.of_structures(kinds), **schemas.OTHERS}


def _method_paths(
    callables: Iterable[methods.CallableMethod],
    shared: definitions.Definitions,
) -> tuple[dict[str, Any], int]:
    """Return the path items of methods, and the number of omitted methods."""
    found: dict[str, Any] = {}
    size = omitted = 0
    ids = surface.operation_ids()
    for each in callables:
        if size + shared.size > MAX_SIZE:
            omitted += 1
            continue
        item = methods.path_item(each, shared)
        if item:
            _make_unique(item, ids)
            found[each.path] = item
            size += len(json.dumps(item))
    return found, omitted


def _make_unique(item: dict[str, Any], ids: set[str]) -> None:
    """Add numbers to equal ids, such as of ``a-b`` and ``a_b``."""
    for operation in item.values():
        wanted = name = operation['operationId']
        number = 1
        while name in ids:
            number += 1
            name = f'{wanted}_{number}'
        ids.add(name)
        operation['operationId'] = name
