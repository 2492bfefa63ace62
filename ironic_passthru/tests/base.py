# SPDX-License-Identifier: Apache-2.0
"""Base class of all tests."""

import collections.abc
import os
import time
import typing

import fixtures
import testtools
from oslo_config import cfg
from oslo_messaging import conffixture

from ironic_passthru import conf as project_conf
from ironic_passthru.rpc import log_limit

_Fixture = typing.TypeVar('_Fixture', bound=fixtures.Fixture)


class TestCase(testtools.TestCase):
    """A test with a log of its own, a time limit and fresh configuration."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.FakeLogger(level=0, nuke_handlers=True))
        # All tests of a worker share the loggers.
        log_limit.LIMIT.reset()
        limit = int(os.environ.get('OS_TEST_TIMEOUT', '0'))
        if limit:
            self.useFixture(fixtures.Timeout(limit, gentle=True))

    @classmethod
    def use_class_fixture(cls, fixture: _Fixture) -> _Fixture:
        """Set a fixture up for all tests of the class, and return it."""
        fixture.setUp()
        cls.addClassCleanup(fixture.cleanUp)
        return fixture

    def make_conf(self, **options: object) -> cfg.ConfigOpts:
        """Return a private configuration without any file.

        :param options: values to set, as ``group__name=value`` or
            ``name=value`` for the group DEFAULT.
        """
        conf = cfg.ConfigOpts()
        project_conf.register_opts(conf)
        self.useFixture(conffixture.ConfFixture(conf))
        conf([], project='ironic_passthru', default_config_files=[])
        for key, value in options.items():
            group, _, name = key.rpartition('__')
            conf.set_override(name, value, group=group or None)
        return conf

    def wait_for(
        self,
        condition: collections.abc.Callable[[], object],
        what: str,
        *,
        seconds: float = 30.0,
    ) -> None:
        """Wait until ``condition()`` is true; fail after ``seconds``."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f'{what}: not within {seconds} seconds')
            time.sleep(0.01)
