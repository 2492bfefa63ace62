# SPDX-License-Identifier: Apache-2.0
"""Detection of clients that disconnect during a long response."""

from collections.abc import Callable
from wsgiref import types as wsgi_types

from ironic_passthru import wsgi_server

try:
    # Exists only in uWSGI.
    import uwsgi
except ImportError:
    uwsgi = None


def detector(
    environ: wsgi_types.WSGIEnvironment,
) -> Callable[[], bool] | None:
    """Return a function that returns whether a response can be abandoned.

    It is None under other servers, such as mod_wsgi: they close a response
    some time after they could not send a part of it.
    """
    found: Callable[[], bool] | None = environ.get(wsgi_server.HAS_ENDED)
    if found is not None:
        return found
    connection = environ.get('gunicorn.socket')
    if connection is not None:
        return lambda: wsgi_server.is_closed_by_client(connection.fileno())
    if uwsgi is not None:
        # With disable-write-exception, uWSGI reads a response to its end,
        # whether or not the client receives it.
        return lambda: wsgi_server.is_closed_by_client(uwsgi.connection_fd())
    return None
