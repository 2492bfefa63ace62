# SPDX-License-Identifier: Apache-2.0
"""WSGI application that serves the files of the console."""

from collections.abc import Iterable
from collections.abc import Mapping
from urllib import parse
from wsgiref import types as wsgi_types

import webob
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.api.http import error_responses
from ironic_passthru.console import files

#: Path of the console; its files are below it.
PATH = '/console'

_HTTP_METHODS = ('GET', 'HEAD')

_HEADERS = {
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    # Browsers compare the ETag before each use: an upgrade must not mix the
    # modules of two releases.
    'Cache-Control': 'no-cache',
}


def make(
    conf: cfg.ConfigOpts,
    renderer: error_responses.ErrorRenderer,
    application: wsgi_types.WSGIApplication,
) -> wsgi_types.WSGIApplication:
    """Return the application with the console, if it is enabled."""
    if not conf.api.console:
        return application
    return Console(
        renderer,
        files.load(),
        application,
        identity_origin=_identity_origin(conf),
    )


def _identity_origin(conf: cfg.ConfigOpts) -> str:
    """Return scheme, host and port of the Identity service, or ''."""
    if conf.auth_strategy != 'keystone':
        return ''
    # Loads libraries that the other strategies do not need.
    from ironic_passthru.api.auth import keystone

    parts = parse.urlsplit(keystone.public_uri(conf))
    return f'{parts.scheme}://{parts.netloc}'


def content_security_policy(identity_origin: str = '') -> str:
    """Return the Content-Security-Policy of every file.

    :param identity_origin: where the login form may request tokens.
    """
    return '; '.join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            f"connect-src 'self' {identity_origin}".rstrip(),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            # No data can become markup or code.
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


class Console:
    """Serve the console below ``/console/``; pass on other requests.

    The files are public and contain no data: scripts read it from the REST
    API, with the rights of the user.

    :param static: the files by path.
    :param identity_origin: origin of the Identity service, if it is used.
    """

    def __init__(
        self,
        renderer: error_responses.ErrorRenderer,
        static: Mapping[str, files.StaticFile],
        application: wsgi_types.WSGIApplication,
        *,
        identity_origin: str = '',
    ) -> None:
        self._renderer = renderer
        self._static = static
        self._application = application
        self._headers = _HEADERS | {
            'Content-Security-Policy': content_security_policy(identity_origin)
        }

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        """Respond as PEP 3333 describes."""
        path = environ.get('PATH_INFO', '')
        file = self._find(path)
        if file is None and path != PATH:
            # Unknown files are unknown routes of the API.
            return self._application(environ, start_response)
        http_method = environ.get('REQUEST_METHOD', '')
        if http_method not in _HTTP_METHODS:
            error = errors.VerbNotAllowed(
                http_method=http_method, allow=list(_HTTP_METHODS)
            )
            response = self._renderer.render(error, environ)
        elif file is None:
            return self._redirect(start_response)
        else:
            response = self._response(file)
        body: Iterable[bytes] = response(environ, start_response)
        return body

    def _find(self, path: str) -> files.StaticFile | None:
        if not path.startswith(f'{PATH}/'):
            return None
        name = path.removeprefix(f'{PATH}/')
        return self._static.get(name or files.INDEX)

    def _redirect(
        self, start_response: wsgi_types.StartResponse
    ) -> Iterable[bytes]:
        # Relative, and not from WebOb, which completes it: a proxy may have
        # removed a prefix of the path.
        location = f'{PATH.removeprefix("/")}/'
        start_response(
            '308 Permanent Redirect',
            [
                ('Location', location),
                ('Content-Length', '0'),
                *self._headers.items(),
            ],
        )
        return [b'']

    def _response(self, file: files.StaticFile) -> webob.Response:
        response = webob.Response(
            body=file.data,
            etag=file.etag,
            last_modified=file.last_modified,
            # Answers 304 and HEAD.
            conditional_response=True,
        )
        response.headers['Content-Type'] = file.media_type
        response.headers.update(self._headers)
        return response
