# SPDX-License-Identifier: Apache-2.0
"""``application`` for WSGI servers: Apache mod_wsgi, uWSGI, gunicorn.

The configuration is read from the usual files of oslo.config, or from those
that the environment variable ``OS_IRONIC_PASSTHRU_CONFIG_FILES`` names,
separated by semicolons.
"""

from typing import Any

from ironic_passthru import threads

threads.init()

from ironic_passthru.api import environ as keys  # noqa: E402
from ironic_passthru.api.middleware import path  # noqa: E402
from ironic_passthru.cmd import launch  # noqa: E402


def _named_in_log(application: Any) -> Any:
    """Let uWSGI write ``%(request_id)`` into its log; others need no help."""
    try:
        # There is such a module in its processes alone.
        import uwsgi
    except ImportError:
        return application

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        answer = application(environ, start_response)
        if request_id := environ.get(keys.REQUEST_ID):
            uwsgi.set_logvar('request_id', request_id)
        return answer

    return serve


application = _named_in_log(path.AsWritten(launch.wsgi_application()))
