# SPDX-License-Identifier: Apache-2.0
"""Options whose values are secrets of a key manager.

oslo.config reads them by the driver ``castellan``, whose sources have these
defects (castellan 5.8.0):

- A secret that cannot be read is logged, and the option has its default, such
  as no signing keys.
- An unexpected exception, such as that of a record that castellan has not
  written, leaves the option without value, or is raised with a traceback.
- Each option is read when it is used first: later, when the key manager may be
  unavailable, or by each process that a server forks.
- Lists of ``MultiOpt`` are split into characters, and $ is substituted.

Therefore each of these sources is replaced by the secrets themselves. There is
no public interface of oslo.config for that.
"""

from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_config import sources

from ironic_passthru import conf as project_conf
from ironic_passthru import errors
from ironic_passthru.secret_store import store

DRIVER = 'castellan'

_DEFAULT = 'DEFAULT'


class MappedSecrets(sources.ConfigurationSource):
    """Secrets that have been read, by group and option.

    :param place: the mapping file.
    """

    def __init__(
        self, place: str, secrets: Mapping[tuple[str, str], str]
    ) -> None:
        self._location = cfg.LocationInfo(cfg.Locations.user, place)
        self._secrets = secrets

    def get(
        self, group_name: str | None, option_name: str, opt: cfg.Opt
    ) -> tuple[Any, cfg.LocationInfo | None]:
        """Return the value of an option.

        :raises: ConfigSourceValueError without the value.
        """
        key = (group_name or _DEFAULT, option_name)
        if key not in self._secrets:
            return sources._NoValue, None
        secret = self._secrets[key]
        try:
            opt.type(secret)
        except ValueError:
            raise cfg.ConfigSourceValueError(
                f'the secret of [{key[0]}] {option_name} has a wrong form'
            ) from None
        # oslo.config substitutes a single $.
        value = secret.replace('$', '$$')
        return ([value] if opt.multi else value), self._location


def load(conf: cfg.ConfigOpts) -> None:
    """Read the secrets of all sources with the driver ``castellan``.

    :raises: ConfigError, with the cause StoreUnavailable if the start may
        succeed later.
    """
    names = conf.config_source
    if names:
        # Those before have been opened by an earlier call of conf().
        opened = conf._sources[-len(names) :]
        conf._sources = [
            _read(conf, name) if conf[name].driver == DRIVER else source
            for name, source in zip(names, opened, strict=True)
        ]


def share(conf: cfg.ConfigOpts, other: cfg.ConfigOpts) -> None:
    """Use the sources of ``conf`` for another object of the same files."""
    other._sources = list(conf._sources)


def _read(conf: cfg.ConfigOpts, name: str) -> MappedSecrets:
    """Read the secrets of one source.

    :param name: its group.
    :raises: ConfigError.
    """
    reader = store.SecretStore(
        conf[name].config_file, option=f'Option config_file in group [{name}]'
    )
    path = conf[name].mapping_file
    sections: dict[str, dict[str, list[str]]] = {}
    cfg.ConfigParser(path, sections).parse()
    found = {}
    for group, options in sections.items():
        for option, identifiers in options.items():
            what = f'Option {option} in group [{group}] ({path}): '
            _check(group, option, what)
            try:
                found[group, option] = reader.read(identifiers[-1])
            except (store.SecretUnusable, store.StoreUnavailable) as error:
                raise errors.ConfigError(f'{what}{error}') from error
    return MappedSecrets(path, found)


def _check(group: str, option: str, what: str) -> None:
    """Reject an unknown option of a group of this service.

    :raises: ConfigError.
    """
    for module in project_conf.MODULES:
        if getattr(getattr(module, 'GROUP', None), 'name', '') != group:
            continue
        names = sorted(each.dest for each in module.OPTS)
        if option not in names:
            raise errors.ConfigError(
                f'{what}the group has no such option; correct the mapping '
                f'file (options: {", ".join(names)})'
            )
