# SPDX-License-Identifier: Apache-2.0
"""The API under gunicorn: ``gunicorn --config`` with this file."""

from gunicorn import glogging

wsgi_app = 'ironic_passthru.wsgi:application'

# gunicorn limits neither the time nor the number of slow clients: allow
# connections from a proxy only.
bind = ['127.0.0.1:6385']

# The maximum number of concurrent calls is workers times threads. Workers of
# the default class serve one request at a time.
worker_class = 'gthread'
workers = 2
threads = 32

# Load the application before the fork: it opens no connection before the first
# request, and an invalid configuration prevents the start. A changed
# configuration requires a restart.
preload_app = True

# Maximum time that a stopping worker waits for running calls: above [api]
# call_timeout and the longest timeout of a synchronous method, and below the
# stop timeout of the service manager.
graceful_timeout = 300

# Workers of this class send heartbeats during long calls.
timeout = 60
keepalive = 5

# The maximum; the default is half of it.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 16380

# Without the query, which can contain passwords. The last field is the request
# id in the logs of API and conductors.
accesslog = '-'
access_log_format = (
    '%(h)s %(u)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(D)s '
    '%({openstack-request-id}o)s'
)


class Logger(glogging.Logger):
    """Escape data from clients.

    gunicorn logs line breaks in paths and user names unchanged.
    """

    def atoms(self, *args, **kwargs):
        """Return the escaped values for the access log by name."""
        return {
            name: _escaped(value) if isinstance(value, str) else value
            for name, value in super().atoms(*args, **kwargs).items()
        }


def _escaped(text):
    return text.encode('unicode_escape').decode('ascii')


logger_class = Logger
