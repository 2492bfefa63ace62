# SPDX-License-Identifier: Apache-2.0
"""``application`` for WSGI servers: Apache mod_wsgi, uWSGI, gunicorn.

The configuration is read from the usual files of oslo.config, or from those
that the environment variable ``OS_IRONIC_PASSTHRU_CONFIG_FILES`` names,
separated by semicolons.
"""

from typing import Any
from urllib import parse

from ironic_passthru import threads

threads.init()

from ironic_passthru.api.http import environ_keys as keys  # noqa: E402
from ironic_passthru.api.middleware import raw_path  # noqa: E402
from ironic_passthru.cmd import launch  # noqa: E402

# What stands in a path beside letters, digits and what is escaped.
_IN_PATHS = "/!$&'()*+,:;=@"

_MAX_LINE = 255


def _told_to_log(application: Any) -> Any:
    """Let uWSGI write ``%(request)`` and ``%(request_id)`` into its log.

    What it writes by itself is what the client has sent, line feeds included.
    Others need no help.
    """
    try:
        # There is such a module in its processes alone.
        import uwsgi
    except ImportError:
        return application

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        # Before layers of the application change the path.
        line = _first_line(environ)
        answer = application(environ, start_response)
        uwsgi.set_logvar('request', line)
        if request_id := environ.get(keys.REQUEST_ID):
            uwsgi.set_logvar('request_id', request_id)
        return answer

    return serve


def _first_line(environ: dict[str, Any]) -> str:
    """Return verb, path and protocol as harmless text, without the query."""
    parts = ('REQUEST_METHOD', 'PATH_INFO', 'SERVER_PROTOCOL')
    line = ' '.join(
        parse.quote(environ.get(part, ''), _IN_PATHS, encoding='latin-1')
        for part in parts
    )
    # uWSGI keeps the length of a value in one byte: a longer one would be cut
    # anywhere, and one of 256 be empty.
    return line if len(line) <= _MAX_LINE else line[: _MAX_LINE - 3] + '...'


application = raw_path.RawPath(_told_to_log(launch.wsgi_application()))
