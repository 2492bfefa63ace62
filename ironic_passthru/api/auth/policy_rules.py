# SPDX-License-Identifier: Apache-2.0
"""One set of policy rules: validation and decisions.

oslo.policy defines the language. It accepts nearly every mistake in a file,
and some of them grant access: a check of an unknown value is false, so its
``not`` is true. Here a mistake in a used rule rejects all files.

``Enforcer.check_rules()`` is not used: it does not look below ``not``, and its
error states neither the file nor the undefined name.
"""

import ast
import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_log import log

# Some classes of checks have no public name.
from oslo_policy import _checks
from oslo_policy import policy

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import policies
from ironic_passthru.policies import base

LOG = log.getLogger(__name__)

# Kinds of checks that are URLs, possibly with attributes.
_URL_KINDS = ('http', 'https')
# oslo.policy's second name of the value system_scope.
_SYSTEM = 'system'
_CALLER_VALUES = frozenset(
    [
        *request_context.RequestContext(overwrite=False).to_policy_values(),
        _SYSTEM,
    ]
)
# The cache is cleared when it has this size.
_MAX_DECISIONS = 10_000
#: Attributes whose values no request chooses, and those that a request does
#: not choose unless it names a conductor group.
NEVER_CHOSEN = frozenset({'dangerous'})
NOT_CHOSEN = NEVER_CHOSEN | {'conductor_group'}
# Longer keys are not cached, since callers choose names.
_MAX_KEY_LENGTH = 500

Decisions = dict[tuple[Any, ...], bool]


def caller_values(context: request_context.RequestContext) -> dict[str, Any]:
    """Return the values of a caller for policy rules.

    Unknown values are omitted: oslo.policy compares strings, so None would
    equal 'None'.
    """
    known = context.to_policy_values().items()
    values = {name: value for name, value in known if value is not None}
    if context.system_scope:
        values[_SYSTEM] = context.system_scope
    return values


@dataclasses.dataclass(frozen=True)
class _Inputs:
    """All inputs of a rule, including those of rules that it refers to.

    :param attributes: of the target.
    :param values: of the caller.
    """

    attributes: tuple[str, ...]
    values: tuple[str, ...]


class _RecordingTarget(dict[str, str]):
    """A target with every attribute; it records the ones that are read."""

    def __missing__(self, name: str) -> str:
        self[name] = ''
        return ''

    def __repr__(self) -> str:
        # The check would compare the text of the whole target.
        raise ValueError('"%" needs the name of an attribute')


class PolicyRules:
    """All rules; immutable.

    :param texts: the checks in files, by rule name.
    :param origins: the file of each rule, for messages.
    :raises: ConfigError.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        texts: Mapping[str, str],
        origins: Mapping[str, str],
    ) -> None:
        self._origins = origins
        defaults = {rule.name: rule for rule in policies.list_rules()}
        stated = {
            name: policy.RuleDefault(name, text)
            for name, text in texts.items()
        }
        self._checks = {
            name: rule.check for name, rule in (defaults | stated).items()
        }
        self._decisions: Decisions = {}
        self._enforcer = policy.Enforcer(conf, use_conf=False)
        self._enforcer.register_defaults(list(defaults.values()))
        # use_conf=False: the enforcer reads no files.
        self._enforcer.set_rules(self._checks, use_conf=False)
        used: set[str] = set()
        self._inputs = {
            rule.name: self._examine(rule, used) for rule in defaults.values()
        }
        for name in sorted(used & texts.keys()):
            # oslo.policy replaces a check that it cannot parse by '!'.
            if str(self._checks[name]).count('!') > texts[name].count('!'):
                raise self._error(name, 'it is not in the policy language')
        unused = sorted(texts.keys() - used - {self._enforcer.default_rule})
        if unused:
            LOG.warning(
                'No request uses these policy rules: %s',
                ', '.join(unused),
            )

    def decide(
        self,
        name: str,
        target: Mapping[str, Any],
        caller: dict[str, Any],
        *,
        own: Decisions | None = None,
        not_chosen: frozenset[str] = NOT_CHOSEN,
    ) -> bool:
        """Return whether a rule allows a caller to act on a target.

        :param target: attributes of the target; their values are not None.
        :param caller: result of :func:`caller_values`.
        :param own: cache of one request, if the caller chose names in
            ``target``. Decisions that depend on such names do not use the
            shared cache: response times would show which names were used
            before, such as those in lists.
        :param not_chosen: attributes that the caller did not choose.
        :raises: PolicyUnavailable if a remote check fails.
        """
        inputs = self._inputs[name]
        if inputs is None:
            return self._decide_remotely(name, target, caller)
        key = (
            name,
            *[target.get(attribute) for attribute in inputs.attributes],
            *[_hashable(caller.get(value)) for value in inputs.values],
        )
        if own is not None and not not_chosen.issuperset(inputs.attributes):
            if key not in own:
                own[key] = self._authorize(name, target, caller)
            return own[key]
        decision = self._decisions.get(key)
        if decision is None:
            decision = self._authorize(name, target, caller)
            self._cache(key, decision)
        return decision

    def _cache(self, key: tuple[Any, ...], decision: bool) -> None:
        # The ASCII form is at least as long as the key in memory.
        if len(ascii(key)) > _MAX_KEY_LENGTH:
            return
        if len(self._decisions) >= _MAX_DECISIONS:
            self._decisions.clear()
        self._decisions[key] = decision

    def _decide_remotely(
        self, name: str, target: Mapping[str, Any], caller: dict[str, Any]
    ) -> bool:
        try:
            return self._authorize(name, target, caller)
        except Exception as error:
            # HTTP raises many exceptions, and other kinds of checks may be
            # installed.
            reason = ' '.join(str(error).split()) or type(error).__name__
            LOG.error('Rule %s cannot be decided: %s', name, reason)
            raise errors.PolicyUnavailable(rule=name) from None

    def _authorize(
        self, name: str, target: Mapping[str, Any], caller: dict[str, Any]
    ) -> bool:
        # oslo.policy changes both. It returns False for a wrong scope.
        return bool(self._enforcer.authorize(name, dict(target), dict(caller)))

    def _examine(self, rule: base.Rule, used: set[str]) -> _Inputs | None:
        """Validate a rule.

        :param used: gets the names of all rules that it refers to.
        :returns: its inputs, or None if they are unknown.
        :raises: ConfigError.
        """
        attributes: set[str] = set()
        values: set[str] = set()
        known = True
        for owner, leaf in self._leaves(rule.name, ()):
            used.add(owner)
            if isinstance(leaf, _checks.TrueCheck | _checks.FalseCheck):
                continue
            target = _RecordingTarget()
            if isinstance(leaf, _checks.RoleCheck | _checks.GenericCheck):
                values |= self._try(owner, leaf, target)
            else:
                # For example a remote check.
                known = False
                if leaf.kind in _URL_KINDS:
                    self._fill(owner, leaf, target)
            unknown = target.keys() - rule.attributes
            if unknown:
                raise self._error(
                    owner,
                    f'{rule.name} has no attribute {min(unknown)}',
                )
            attributes |= target.keys()
        if not known:
            return None
        return _Inputs(tuple(attributes), tuple(values))

    def _leaves(
        self, name: str, path: tuple[str, ...]
    ) -> Iterator[tuple[str, Any]]:
        """Yield the leaves of a rule, each with the rule that contains it."""
        if name in path:
            raise self._error(name, 'it refers to itself')
        pending = [self._checks[name]]
        while pending:
            check = pending.pop()
            if isinstance(check, policy.AndCheck | policy.OrCheck):
                pending += check.rules
            elif isinstance(check, policy.NotCheck):
                pending.append(check.rule)
            elif isinstance(check, policy.RuleCheck):
                if check.match not in self._checks:
                    raise self._error(
                        name, f'rule {check.match} does not exist'
                    )
                yield name, _checks.TrueCheck()
                yield from self._leaves(check.match, (*path, name))
            else:
                yield name, check

    def _try(
        self, name: str, leaf: _checks.Check, target: _RecordingTarget
    ) -> set[str]:
        """Return the values of callers that a check reads.

        :raises: ConfigError if the check fails.
        """
        try:
            leaf(target, {'roles': []}, self._enforcer, name)
        except Exception as error:
            # It would fail at each request.
            raise self._error(
                name, f'{str(leaf)!r} cannot be evaluated ({error})'
            ) from None
        if isinstance(leaf, _checks.RoleCheck):
            return {'roles'}
        if _is_literal(leaf.kind):
            return set()
        value = leaf.kind.partition('.')[0]
        if value not in _CALLER_VALUES:
            raise self._error(name, f'callers have no value {value}')
        return {value}

    def _fill(
        self, name: str, leaf: _checks.Check, target: _RecordingTarget
    ) -> None:
        try:
            _ = leaf.match % target
        except (TypeError, ValueError) as error:
            raise self._error(
                name, f'{str(leaf)!r} is not a URL ({error})'
            ) from None

    def _error(self, name: str, reason: str) -> errors.ConfigError:
        return errors.ConfigError(
            f'Policy file {self._origins.get(name)}: rule {name}: {reason}'
        )


def _is_literal(text: str) -> bool:
    """Return whether the left side of a check is a literal."""
    try:
        ast.literal_eval(text)
    except ValueError:
        return False
    return True


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
