# SPDX-License-Identifier: Apache-2.0
"""Interface of inventory sources, for vendors, too."""

import abc
import functools
from collections.abc import Iterable

from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.drivers.redfish import bmc_target


class Inventory:
    """One version of the targets, by name."""

    def __init__(self, targets: Iterable[bmc_target.Target] = ()) -> None:
        self._targets = {target.name: target for target in targets}

    def __len__(self) -> int:
        return len(self._targets)

    def everything(self) -> list[bmc_target.Target]:
        """Return all targets."""
        return list(self._targets.values())

    @functools.cached_property
    def tags(self) -> dict[str, frozenset[str]]:
        """The tags of all targets by their names."""
        return {target.name: target.tags for target in self.everything()}

    def target(self, name: str) -> bmc_target.Target:
        """Return a target.

        :raises: InvalidParameterValue if it is unknown.
        """
        if name not in self._targets:
            raise errors.InvalidParameterValue(f'Unknown target: {name}')
        return self._targets[name]


class PasswordNotStored(Exception):
    """A source cannot store a password.

    ``str()`` is the reason, a message for callers: it contains neither
    paths nor credentials.
    """


class InventorySource(abc.ABC):
    """A source of targets, selected by ``[redfish] inventory``.

    The driver creates one instance without arguments and calls ``start()``
    once. The other methods run in several threads at once.
    """

    @abc.abstractmethod
    def start(self, conf: cfg.ConfigOpts) -> None:
        """Prepare the source.

        Options of a vendor are registered on ``conf`` here. Each instance of
        the driver has its own groups whose names begin with ``redfish_``.

        :param conf: the configuration of the service.
        :raises: ConfigError to stop the start of the conductor. Its message
            is one line that names the option, and no credentials.
        """

    @abc.abstractmethod
    def current(self) -> Inventory:
        """Return the targets at this moment.

        It runs several times in each call and must return at once. A source
        that reads from a server does so in a thread of its own, and keeps the
        last targets while the server is unavailable.

        :raises: TemporaryFailure if the targets are not known yet; the call
            has certainly not run.
        """

    def stop(self) -> None:  # noqa: B027, optional
        """Release all resources; runs after the last call."""

    def can_store(self, name: str) -> None:
        """Check that ``store_password()`` is expected to succeed.

        It runs before the password of a BMC is changed. A source that
        implements ``store_password()`` overrides it.

        :param name: name of a target.
        :raises: PasswordNotStored.
        """
        raise PasswordNotStored(
            f'The inventory source of target {name} stores no passwords.'
        )

    def store_password(self, name: str, password: str) -> None:
        """Store a password that a BMC has accepted.

        Afterwards ``current()`` returns the target with this password.

        :param name: name of a target.
        :param password: printable text.
        :raises: PasswordNotStored.
        """
        raise NotImplementedError
