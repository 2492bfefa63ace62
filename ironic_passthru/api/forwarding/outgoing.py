# SPDX-License-Identifier: Apache-2.0
"""Requests to Ironic, made from requests of clients, and their responses."""

import re
from urllib import parse
from wsgiref import types as wsgi_types

import webob

from ironic_passthru import errors
from ironic_passthru.api.forwarding import exchange
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import links
from ironic_passthru.api.http import routes
from ironic_passthru.api.http import versions
from ironic_passthru.api.middleware import client_address

#: Name of this service in ``Via``.
_PSEUDONYM = 'ironic_passthru'

VERSION_HEADERS = (versions.HEADER, 'OpenStack-API-Version')

# Ironic authenticates the caller itself.
_SENT = (
    *VERSION_HEADERS,
    'X-Auth-Token',
    'X-Service-Token',
    'Authorization',
    'User-Agent',
    'Accept-Language',
)

# Connection, length, server and date are those of this service, like the
# request ids, the CORS headers and Vary, which the layers add.
_RELAYED = (
    'Content-Type',
    'Content-Encoding',
    'Content-Language',
    'Content-Disposition',
    'Allow',
    'Location',
    'Retry-After',
    'WWW-Authenticate',
    'OpenStack-API-Minimum-Version',
    'OpenStack-API-Maximum-Version',
    'OpenStack-API-Version',
    versions.MINIMUM_HEADER,
    versions.MAXIMUM_HEADER,
    versions.HEADER,
)

# Servers may pass on control characters, which separate headers.
_TEXT = re.compile(r'[\t -~\x80-\xff]*')
_FOLD = re.compile(r'\s*[\r\n]+[\t ]+')

_BY_QUERY = 'passthru.call_by_query'
# Ironic removes a suffix .json.
_METHOD = re.compile(r'[\w-]+', re.ASCII)

# Printable characters that a query may contain as they are.
_QUERY_SAFE = "!$%&'()*+,/:;=?@[]~"


def request(
    environ: wsgi_types.WSGIEnvironment, links: links.Links
) -> exchange.IronicRequest:
    """Return a request with method, path, query and body of another one.

    :raises: ForwardingLoop, RequestError if there is no valid URL.
    """
    body: bytes = environ[environ_keys.BODY]
    sent = headers(environ, links)
    optional = {
        'Accept': environ[environ_keys.ACCEPT],
        'Content-Type': environ[environ_keys.CONTENT_TYPE],
    }
    sent |= {name: text for name, text in optional.items() if text}
    match = routes.match(environ)
    query = environ[environ_keys.QUERY]
    if match.route and match.route.controller == _BY_QUERY:
        path, query = _by_path(environ['PATH_INFO'], query)
        environ = {**environ, 'PATH_INFO': path}
    return exchange.IronicRequest(
        environ['REQUEST_METHOD'], target(environ, query), sent, body
    )


def _by_path(path: str, query: str) -> tuple[str, str]:
    """Return path and query with the name of the method in the path.

    Ironic 39.0 has status 500 for a method named in the query, the form that
    openstacksdk and the client of this service send.
    """
    pairs = parse.parse_qsl(query, keep_blank_values=True)
    names = [value for name, value in pairs if name == 'method']
    part = ''.join(f'method={name}' for name in names)
    parts = query.split('&')
    if len(names) != 1 or part not in parts:
        return path, query
    if not _METHOD.fullmatch(names[0]) or names[0] == 'methods':
        # The path would have another meaning.
        return path, query
    parts.remove(part)
    return f'{path.rstrip("/")}/{names[0]}', '&'.join(parts)


def target(environ: wsgi_types.WSGIEnvironment, query: str) -> str:
    """Return path and query in the form for an HTTP request.

    :param query: as WSGI passes it.
    """
    path = parse.quote(environ['PATH_INFO'].encode('latin-1'))
    if not query:
        return path
    quoted = parse.quote(query.encode('latin-1'), safe=_QUERY_SAFE)
    return f'{path}?{quoted}'


def headers(
    environ: wsgi_types.WSGIEnvironment, links: links.Links
) -> dict[str, str]:
    """Return the headers of every request to Ironic.

    Links in the response have the URL that the client used.

    :raises: ForwardingLoop, RequestError if that URL is not valid.
    """
    if _PSEUDONYM in environ.get('HTTP_VIA', ''):
        raise errors.ForwardingLoop()
    found = {}
    for name in _SENT:
        text = environ.get(f'HTTP_{name.upper().replace("-", "_")}')
        if text is not None:
            found[name] = text
    url = parse.urlsplit(links.base(webob.Request(environ)))
    found |= {
        'Host': url.netloc,
        'Via': f'1.1 {_PSEUDONYM}',
        'X-Forwarded-Proto': url.scheme,
        'X-Forwarded-Host': url.netloc,
        'X-Openstack-Request-Id': environ[environ_keys.CONTEXT].global_id,
    }
    if url.path:
        found['X-Forwarded-Prefix'] = url.path
    client = client_address.client_of(environ)
    if client is not None:
        found['X-Forwarded-For'] = client
    return found


def response(
    answer: exchange.IronicResponse, http_method: str
) -> webob.Response:
    """Return a response of Ironic for the client."""
    relayed = webob.Response(body=answer.body)
    reason = answer.reason if _TEXT.fullmatch(answer.reason) else ''
    relayed.status = f'{answer.status} {reason}'
    del relayed.headers['Content-Type']
    for name in _RELAYED:
        for value in answer.headers.getlist(name):
            text = _FOLD.sub(' ', value)
            if _TEXT.fullmatch(text):
                relayed.headers.add(name, text)
    if http_method == 'HEAD':
        del relayed.headers['Content-Length']
    return relayed
