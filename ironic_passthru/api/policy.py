# SPDX-License-Identifier: Apache-2.0
"""Whether a caller may do something, by rules that files can change."""

import os
import pathlib
import threading
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_log import log
from oslo_policy import policy

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.api import rules

LOG = log.getLogger(__name__)

# How long a change of a file may stay unseen: a look costs some calls of
# the operating system.
_LOOK_SECONDS = 1.0

# oslo.policy's default; it need not be there.
_USUAL_FILE = 'policy.yaml'

_NOTHING: Mapping[str, Any] = {}

Verdict = Callable[[Mapping[str, Any]], bool]
# Of each file what changes when it is changed.
_Stamp = tuple[tuple[str, int, int, int], ...]


class Policy:
    """The rules in force; threads may share it.

    Rules are never changed in place: those of a request are the old ones or
    the new ones. Files are looked at by one thread while the others go on.

    :param look_seconds: how often, at most.
    :raises: ConfigError if a file cannot be used.
    """

    def __init__(
        self, conf: cfg.ConfigOpts, *, look_seconds: float = _LOOK_SECONDS
    ) -> None:
        self._conf = conf
        self._look_seconds = look_seconds
        self._looking = threading.Lock()
        # Taken before they are read: a change in between is seen later.
        self._stamp = _stamp(conf)
        self._rules = _load(conf, self._stamp)
        self._looked_at = time.monotonic()

    def authorize(
        self,
        context: request_context.RequestContext,
        rule: str,
        target: Mapping[str, Any] = _NOTHING,
    ) -> None:
        """Return if the caller may do something.

        :param target: attributes of what is done, none of them None.
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
        """Tell whether the caller may do something; see authorize()."""
        return self.verdict(context, rule)(target)

    def verdict(
        self, context: request_context.RequestContext, rule: str
    ) -> Verdict:
        """Return what :meth:`allows` is for many targets of one request."""
        current = self._current()
        caller = rules.caller_values(context)
        return lambda target: current.decide(rule, target, caller)

    def _current(self) -> rules.Rules:
        if time.monotonic() - self._looked_at > self._look_seconds and (
            self._looking.acquire(blocking=False)
        ):
            try:
                self._look()
            finally:
                self._looked_at = time.monotonic()
                self._looking.release()
        return self._rules

    def _look(self) -> None:
        stamp = _stamp(self._conf)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._rules = _load(self._conf, stamp)
        except errors.ConfigError as error:
            LOG.error('%s; the rules in force stay', error)
        else:
            LOG.info('The rules of the policy were read anew')


def _stamp(conf: cfg.ConfigOpts) -> _Stamp:
    """Return the files that there are, in the order that they count."""
    options = conf.oslo_policy
    paths = [conf.find_file(options.policy_file)]
    for directory in map(conf.find_file, options.policy_dirs):
        paths += _listed(directory) if directory else []
    return tuple(_status(path) for path in paths if path)


def _listed(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        # To read it as a file will fail, too, and say so.
        return [directory]
    paths = [os.path.join(directory, name) for name in names]
    return [
        path
        for path, name in zip(paths, names, strict=True)
        if not name.startswith('.') and not os.path.isdir(path)
    ]


def _status(path: str) -> tuple[str, int, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        # It went meanwhile, or may not be looked at.
        return path, 0, 0, 0
    return path, status.st_mtime_ns, status.st_size, status.st_ino


def _load(conf: cfg.ConfigOpts, stamp: _Stamp) -> rules.Rules:
    """Return the rules that files state and, for all else, the defaults.

    :raises: ConfigError.
    """
    name = conf.oslo_policy.policy_file
    if name != _USUAL_FILE and conf.find_file(name) is None:
        # It was named on purpose.
        LOG.warning('There is no policy file %s', name)
    texts: dict[str, str] = {}
    origins: dict[str, str] = {}
    for path, *_ in stamp:
        found = _read(path)
        texts |= found
        origins |= dict.fromkeys(found, path)
    return rules.Rules(conf, texts, origins)


def _read(path: str) -> dict[str, str]:
    try:
        text = pathlib.Path(path).read_text('utf-8')
        found = policy.parse_file_contents(text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _unusable(path, reason) from None
    except ValueError as error:
        raise _unusable(path, ' '.join(str(error).split())) from None
    if not isinstance(found, dict):
        raise _unusable(path, 'it is not a mapping of rules to checks')
    for name, check in found.items():
        # To oslo.policy all that is empty or false is a check that is true.
        if not isinstance(name, str) or not isinstance(check, str):
            raise _unusable(path, f'the check of rule {name} is not text')
    return found


def _unusable(path: str, reason: str) -> errors.ConfigError:
    return errors.ConfigError(f'Policy file {path}: {reason}')
