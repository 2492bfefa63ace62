# SPDX-License-Identifier: Apache-2.0
r"""The all-in-one service in the process of a test.

::

    with service.LocalService('acme', config='[acme]\\nracks = r1') as local:
        requests.get(f'{local.url}/v1/drivers/acme')
"""

import contextlib
import pathlib
import tempfile
import types
import warnings

from oslo_config import cfg

from ironic_passthru import conf as project_conf
from ironic_passthru import service
from ironic_passthru.conf import database
from ironic_passthru.httpd import server


def configuration(text: str = '') -> cfg.ConfigOpts:
    """Return a configuration of its own.

    :param text: content of a configuration file. Options that a driver
        registers in its ``start()`` are read from it, too.
    """
    conf = cfg.ConfigOpts()
    project_conf.register_opts(conf)
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory, 'test.conf')
        file.write_text(text)
        conf([], project='ironic_passthru', default_config_files=[str(file)])
    return conf


class LocalService:
    """API, conductor and HTTP server on a free port of the loopback address.

    Clients need no login, and dangerous methods are allowed, unless the
    configuration differs. The registry is a file that is deleted at the end.

    :param drivers: entry points of the drivers to load.
    :param config: text of a configuration file.
    :ivar url: URL of the API without a trailing slash.
    :ivar conf: the configuration.
    """

    def __init__(self, *drivers: str, config: str = '') -> None:
        self.conf = configuration(config)
        for name, value, group in (
            ('auth_strategy', 'noauth', None),
            ('port', 0, 'api'),
            ('catalog_max_age', 0.1, 'api'),
            ('enabled_drivers', list(drivers), 'conductor'),
            ('allowed_dangerous_methods', ['*'], 'conductor'),
            ('graceful_shutdown_timeout', 5.0, 'conductor'),
            ('host', 'test', None),
        ):
            self.conf.set_default(name, value, group=group)
        self.url = ''
        self._closing = contextlib.ExitStack()

    def start(self) -> None:
        """Start the service; it answers when the method returns.

        :raises: DriverLoadError, ConfigError.
        """
        with contextlib.ExitStack() as closing:
            directory = closing.enter_context(
                tempfile.TemporaryDirectory(prefix='passthru-')
            )
            path = pathlib.Path(directory, 'registry.sqlite')
            self.conf.set_override(
                'connection', database.sqlite_url(path), group='database'
            )
            services = _build(self.conf)
            http = server.HTTPServer(self.conf, services.api.application)
            services.conductor.start()
            closing.callback(services.close)
            http.bind()
            closing.callback(http.stop)
            http.start()
            self.url = http.url
            self._closing = closing.pop_all()

    def stop(self) -> None:
        """Stop the service; running calls may finish within five seconds."""
        self._closing.close()

    def __enter__(self) -> 'LocalService':
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: types.TracebackType | None,
    ) -> None:
        self.stop()


def _build(conf: cfg.ConfigOpts) -> service.AllInOne:
    with warnings.catch_warnings():
        # Libraries of the API import deprecated modules, which would be
        # errors with -W error.
        warnings.simplefilter('ignore', DeprecationWarning)
        return service.build_all_in_one(conf)
