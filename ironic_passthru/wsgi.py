# SPDX-License-Identifier: Apache-2.0
"""``application`` for WSGI servers: Apache mod_wsgi, uWSGI, gunicorn.

The configuration is read from the usual files of oslo.config, or from those
that the environment variable ``OS_IRONIC_PASSTHRU_CONFIG_FILES`` names,
separated by semicolons.
"""

from ironic_passthru import threads

threads.init()

from ironic_passthru.api.middleware import path  # noqa: E402
from ironic_passthru.cmd import launch  # noqa: E402

application = path.AsWritten(launch.wsgi_application())
