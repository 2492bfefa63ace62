# SPDX-License-Identifier: Apache-2.0
"""``application`` for WSGI servers: Apache mod_wsgi, uWSGI, gunicorn.

Configuration files are the usual ones of oslo.config, or those in the
environment variable ``OS_IRONIC_PASSTHRU_CONFIG_FILES``, separated by
semicolons.
"""

from collections.abc import Iterable
from urllib import parse
from wsgiref import types as wsgi_types

from ironic_passthru import threads

with threads.imports():
    from ironic_passthru.api.http import environ_keys
    from ironic_passthru.api.middleware import raw_path
    from ironic_passthru.cmd import launch

# Characters of a path that need no escape, besides letters and digits.
_UNESCAPED = "/!$&'()*+,:;=@"

_MAX_LINE_LENGTH = 255


def _with_log_variables(
    application: wsgi_types.WSGIApplication,
) -> wsgi_types.WSGIApplication:
    """Set ``%(request)`` and ``%(request_id)`` for the log of uWSGI.

    uWSGI's own variables contain what the client sent, line feeds included.
    Other servers escape them.
    """
    try:
        # Exists only in processes of uWSGI.
        import uwsgi
    except ImportError:
        return application

    def serve(
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        # The application changes the path.
        line = _request_line(environ)
        response = application(environ, start_response)
        uwsgi.set_logvar('request', line)
        if request_id := environ.get(environ_keys.REQUEST_ID):
            uwsgi.set_logvar('request_id', request_id)
        return response

    return serve


def _request_line(environ: wsgi_types.WSGIEnvironment) -> str:
    """Return HTTP method, path and protocol, escaped, without the query."""
    parts = ('REQUEST_METHOD', 'PATH_INFO', 'SERVER_PROTOCOL')
    line = ' '.join(
        parse.quote(environ.get(part, ''), _UNESCAPED, encoding='latin-1')
        for part in parts
    )
    # uWSGI stores the length of a value in one byte.
    if len(line) <= _MAX_LINE_LENGTH:
        return line
    return line[: _MAX_LINE_LENGTH - 3] + '...'


application = raw_path.RawPath(_with_log_variables(launch.wsgi_application()))
