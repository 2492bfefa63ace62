# SPDX-License-Identifier: Apache-2.0
"""The all-in-one service in the process of a test."""

import pathlib
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import fixtures
from oslo_config import cfg
from oslo_messaging import conffixture

from ironic_passthru import conf as project_conf
from ironic_passthru import service
from ironic_passthru.conf import database
from ironic_passthru.drivers import base
from ironic_passthru.drivers import entry_points
from ironic_passthru.httpd import server
from ironic_passthru.tests import reference


class Embedded(fixtures.Fixture):
    """API, conductor and built-in HTTP server on a free port of loopback.

    :param drivers: drivers by name, without entry points.
    :param options: values to set, as ``group__name=value`` or
        ``name=value`` for the group DEFAULT.
    :param config: text of a configuration file, for options that are not
        registered before they are needed.
    :ivar url: URL of the API, without a trailing slash.
    :ivar application: the WSGI application; the cleanup fails if a response
        is not in the API reference.
    :ivar conf: the configuration of this service.
    """

    def __init__(
        self,
        drivers: Mapping[str, base.VendorInterface] | None = None,
        *,
        config: str = '',
        **options: object,
    ) -> None:
        super().__init__()
        self._drivers = drivers or {}
        self._config = config
        self._options: dict[str, object] = {
            'auth_strategy': 'noauth',
            'api__port': 0,
            'api__catalog_max_age': 0.05,
            'conductor__enabled_drivers': ['fake-hardware', *self._drivers],
            'conductor__graceful_shutdown_timeout': 5.0,
            'host': 'embedded',
        } | options

    def _setUp(self) -> None:
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        file = directory / 'test.conf'
        file.write_text(self._config)
        self.conf = cfg.ConfigOpts()
        project_conf.register_opts(self.conf)
        self.useFixture(conffixture.ConfFixture(self.conf))
        self.conf(
            [], project='ironic_passthru', default_config_files=[str(file)]
        )
        url = database.sqlite_url(directory / 'registry.sqlite')
        self.conf.set_override('connection', url, group='database')
        for key, value in self._options.items():
            group, _, name = key.rpartition('__')
            self.conf.set_override(name, value, group=group or None)
        self.service = service.build_all_in_one(self.conf)
        self.application = reference.Watch(self.service.api.application)
        self.addCleanup(self.application.check)
        with fixtures.MonkeyPatch(
            'ironic_passthru.drivers.entry_points.instance',
            self._instances(),
        ):
            self.service.conductor.start()
        self.addCleanup(self.service.close)
        http = server.HTTPServer(self.conf, self.application)
        http.bind()
        http.start()
        self.addCleanup(http.stop)
        self.url = http.url

    def _instances(self) -> Callable[[str], Any]:
        """Return a replacement that knows the drivers of the test."""
        installed = entry_points.instance

        def instance(name: str, **options: Any) -> Any:
            own = self._drivers.get(name)
            return own or installed(name, **options)

        return instance
