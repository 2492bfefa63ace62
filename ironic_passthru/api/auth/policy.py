# SPDX-License-Identifier: Apache-2.0
"""Authorization with rules from files."""

import dataclasses
import os
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_log import log
from oslo_policy import policy

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import watched_files
from ironic_passthru.api.auth import policy_rules

LOG = log.getLogger(__name__)

_GROUP = 'oslo_policy'
# Certificates and key for rules that a remote service decides.
_REMOTE_FILES = (
    'remote_ssl_ca_crt_file',
    'remote_ssl_client_crt_file',
    'remote_ssl_client_key_file',
)
_DEFAULT_LOCATIONS = (cfg.Locations.opt_default, cfg.Locations.set_default)

_NOTHING: Mapping[str, Any] = {}

Verdict = Callable[[Mapping[str, Any]], bool]


@dataclasses.dataclass(frozen=True)
class _Loaded:
    """Rules and their origin.

    :param places: the policy file, and the directories with files.
    :param files: all policy files.
    """

    rules: policy_rules.PolicyRules
    places: tuple[str, ...]
    files: tuple[str, ...]


class Policy:
    """The current rules; threads may share the object.

    A reload replaces all rules at once, so each decision uses a consistent
    set.

    :param look_seconds: minimum interval between checks of the files.
    :raises: ConfigError if a file is not valid, or a configured file does not
        exist.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        *,
        look_seconds: float = watched_files.LOOK_SECONDS,
    ) -> None:
        self._conf = conf
        _check_remote_files(conf)
        self._files = watched_files.WatchedFiles(
            self._load,
            what='policy rules',
            describe=_describe,
            look_seconds=look_seconds,
        )

    def authorize(
        self,
        context: request_context.RequestContext,
        rule: str,
        target: Mapping[str, Any] = _NOTHING,
    ) -> None:
        """Check that a rule allows the caller to act on a target.

        :param target: attributes of the target; their values are not None.
        :raises: Forbidden, PolicyUnavailable.
        """
        if not self.allows(context, rule, target):
            raise errors.Forbidden(rule=rule)

    def allows(
        self,
        context: request_context.RequestContext,
        rule: str,
        target: Mapping[str, Any] = _NOTHING,
    ) -> bool:
        """Return whether a rule allows it; see authorize()."""
        return self.verdict_on_named(context, rule)(target)

    def verdict(
        self, context: request_context.RequestContext, rule: str
    ) -> Verdict:
        """Return a function that decides about existing targets."""
        current = self._current()
        caller = policy_rules.caller_values(context)
        return lambda target: current.decide(rule, target, caller)

    def verdict_on_named(
        self,
        context: request_context.RequestContext,
        rule: str,
        *,
        not_chosen: frozenset[str] = policy_rules.NOT_CHOSEN,
    ) -> Verdict:
        """Return a function that decides about targets named by a request.

        Its duration does not depend on earlier requests, and therefore not
        on whether the targets exist.

        :param not_chosen: attributes that the request does not choose.
        """
        current = self._current()
        caller = policy_rules.caller_values(context)
        own: policy_rules.Decisions = {}
        return lambda target: current.decide(
            rule, target, caller, own=own, not_chosen=not_chosen
        )

    def _current(self) -> policy_rules.PolicyRules:
        return self._files.current().rules

    def _load(
        self, reader: watched_files.Reader, previous: _Loaded | None
    ) -> _Loaded:
        """Return the rules of the files and, for all others, the defaults.

        :param previous: the current rules. If one of its places no longer
            contains rules, that is an error.
        :raises: ConfigError.
        """
        places, files = _find(self._conf, reader)
        for place in previous.places if previous else ():
            if place not in places and not reader.probe(os.path.isfile, place):
                raise _unusable(place, 'it no longer contains policy rules')
        texts: dict[str, str] = {}
        origins: dict[str, str] = {}
        for path in files:
            found = _read(reader, path)
            texts |= found
            origins |= dict.fromkeys(found, path)
        rules = policy_rules.PolicyRules(self._conf, texts, origins)
        for path in previous.files if previous else ():
            if path not in files:
                LOG.warning(
                    'Policy file %s is no longer in use: its rules do not '
                    'apply',
                    path,
                )
        return _Loaded(rules, tuple(places), tuple(files))


def _find(
    conf: cfg.ConfigOpts, reader: watched_files.Reader
) -> tuple[list[str], list[str]]:
    """Return the places with rules, and the files in order of precedence.

    :raises: ConfigError if a configured place is missing or unreadable.
    """
    options = conf.oslo_policy
    places: list[str] = []
    files: list[str] = []
    path = _resolve(conf, reader, 'policy_file', options.policy_file)
    if path:
        places.append(path)
        files.append(path)
    for name in options.policy_dirs:
        directory = _resolve(conf, reader, 'policy_dirs', name)
        if not directory:
            continue
        try:
            names = reader.names(directory)
        except watched_files.Unusable as error:
            raise _unusable(directory, str(error)) from None
        if names:
            places.append(directory)
            files += [os.path.join(directory, name) for name in names]
    return places, files


def _resolve(
    conf: cfg.ConfigOpts,
    reader: watched_files.Reader,
    option: str,
    name: str,
) -> str | None:
    """Return the path of a policy file or directory, None if it is missing.

    :raises: ConfigError if it is missing although the option is set.
    """
    path: str | None = reader.probe(conf.find_file, name)
    if path is None:
        found = conf.get_location(option, _GROUP)
        if found is None or found.location not in _DEFAULT_LOCATIONS:
            raise errors.ConfigError(
                f'Option {option} in group [{_GROUP}]: {name} does not exist '
                'or cannot be reached'
            )
    return path


def _describe(loaded: _Loaded) -> str:
    found = ', '.join(loaded.files)
    return f'policy rules are those of {found or "no file"}'


def _check_remote_files(conf: cfg.ConfigOpts) -> None:
    """Verify that certificates for remote checks can be read.

    :raises: ConfigError.
    """
    for name in _REMOTE_FILES:
        path = conf.oslo_policy[name]
        if path and not os.access(path, os.R_OK):
            raise errors.ConfigError(
                f'Option {name} in group [{_GROUP}]: {path} cannot be read'
            )


def _read(reader: watched_files.Reader, path: str) -> dict[str, str]:
    try:
        found = policy.parse_file_contents(reader.read(path).decode('utf-8'))
    except watched_files.Unusable as error:
        raise _unusable(path, str(error)) from None
    except RecursionError:
        raise _unusable(path, 'it is nested too deeply') from None
    except ValueError as error:
        raise _unusable(path, ' '.join(str(error).split())) from None
    if not isinstance(found, dict):
        raise _unusable(path, 'it is not a mapping of rules to checks')
    for name, check in found.items():
        # oslo.policy would treat any empty value as a true check.
        if not isinstance(name, str) or not isinstance(check, str):
            raise _unusable(path, f'the check of rule {name} is not text')
    return found


def _unusable(path: str, reason: str) -> errors.ConfigError:
    return errors.ConfigError(f'Policy file {path}: {reason}')
