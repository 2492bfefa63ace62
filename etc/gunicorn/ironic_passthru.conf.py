# SPDX-License-Identifier: Apache-2.0
"""The API under gunicorn: ``gunicorn --config`` with this file."""

from gunicorn import glogging

wsgi_app = 'ironic_passthru.wsgi:application'

# It bounds neither how long a client takes to send a request nor how many of
# them do, so only a proxy should reach it.
bind = ['127.0.0.1:6385']

# Calls that run at once occupy one thread each: workers times threads. The
# default kind of worker would take one request at a time.
worker_class = 'gthread'
workers = 2
threads = 32

# The application connects to nothing before its first request, so it is
# loaded once, and a mistake in its configuration ends the start. A new
# configuration takes a restart.
preload_app = True

# A worker that ends lets its calls finish: above [api] call_timeout and the
# longest timeout of a synchronous method, and below the time after which
# whoever supervises it kills it.
graceful_timeout = 300

# A worker of this kind shows a sign of life however long its calls take.
timeout = 60
keepalive = 5

# The largest that it allows; its default is half of that.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 16380

# The path alone: a query may hold parameters, and these a password. The last
# field is the id that the logs of API and conductors have, too.
accesslog = '-'
access_log_format = (
    '%(h)s %(u)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(D)s '
    '%({openstack-request-id}o)s'
)


class Logger(glogging.Logger):
    """Writes what clients have sent as harmless text.

    By itself gunicorn lets a path, or the name of a user, begin new lines.
    """

    def atoms(self, *args, **kwargs):
        """Return the values that may stand in a line, by name."""
        return {
            name: _escaped(value) if isinstance(value, str) else value
            for name, value in super().atoms(*args, **kwargs).items()
        }


def _escaped(text):
    return text.encode('unicode_escape').decode('ascii')


logger_class = Logger
