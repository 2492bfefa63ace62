# SPDX-License-Identifier: Apache-2.0
"""The rules of the policy at one moment: read, checked, and decided by.

oslo.policy has the language. It forgives nearly every mistake in a file,
some of which open what they were to close: a check of something that is not
known is false, so that its ``not`` is true. Here a file with a mistake in a
rule that counts is refused as a whole.
"""

import ast
import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_log import log

# Not all kinds of checks have a public name.
from oslo_policy import _checks
from oslo_policy import policy

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import policies
from ironic_passthru.policies import base

LOG = log.getLogger(__name__)

# Kinds of checks that are URLs with attributes in them.
_URLS = ('http', 'https')
# Another name that oslo.policy has for the value system_scope of a caller.
_SYSTEM = 'system'
_OF_CALLERS = frozenset(
    [
        *request_context.RequestContext(overwrite=False).to_policy_values(),
        _SYSTEM,
    ]
)
# Decisions are kept up to this number, then forgotten all at once.
_MOST_DECISIONS = 10_000
# Attributes that callers do not choose the values of.
_NOT_CHOSEN = frozenset({'dangerous', 'conductor_group'})
# That of something longer is not kept: callers choose the names that they
# ask for.
_LONGEST_KEY = 500

Decisions = dict[tuple[Any, ...], bool]


def caller_values(context: request_context.RequestContext) -> dict[str, Any]:
    """Return what rules can ask of a caller.

    What is not known is left out: oslo.policy compares texts, and None is
    the same as 'None' then.
    """
    known = context.to_policy_values().items()
    values = {name: value for name, value in known if value is not None}
    if context.system_scope:
        values[_SYSTEM] = context.system_scope
    return values


@dataclasses.dataclass(frozen=True)
class _Mentions:
    """All that a rule looks at, itself or by other rules.

    :param attributes: of the target.
    :param values: of the caller.
    """

    attributes: tuple[str, ...]
    values: tuple[str, ...]


class _Trial(dict[str, str]):
    """A target that has every attribute, and holds those asked for."""

    def __missing__(self, name: str) -> str:
        self[name] = ''
        return ''

    def __repr__(self) -> str:
        # Or a check would be of the text of the whole target.
        raise ValueError('"%" wants the name of an attribute')


class PolicyRules:
    """All rules; they never change.

    :param texts: the checks that stand in files, by names of rules.
    :param origins: the file of each, for messages.
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
        # It reads no file then, neither now nor at a decision.
        self._enforcer.set_rules(self._checks, use_conf=False)
        used: set[str] = set()
        self._mentions = {
            rule.name: self._examine(rule, used) for rule in defaults.values()
        }
        for name in sorted(used & texts.keys()):
            # oslo.policy puts a refusal where it does not understand.
            if str(self._checks[name]).count('!') > texts[name].count('!'):
                raise self._error(name, 'it is not in the language of rules')
        unused = sorted(texts.keys() - used - {self._enforcer.default_rule})
        if unused:
            LOG.warning(
                'No request asks for these rules of the policy: %s',
                ', '.join(unused),
            )

    def decide(
        self,
        name: str,
        target: Mapping[str, Any],
        caller: dict[str, Any],
        *,
        own: Decisions | None = None,
    ) -> bool:
        """Tell whether a rule lets a caller do something.

        :param target: attributes of what is done; none of them is None.
        :param caller: what :func:`caller_values` returned.
        :param own: decisions of one request, where the caller chose names
            in ``target``. Those that depend on such names are neither read
            from nor kept with the shared ones: the time of an answer would
            show which names were decided on before, such as those in lists.
        :raises: PolicyUnavailable if somebody else has to decide, and fails.
        """
        mentions = self._mentions[name]
        if mentions is None:
            return self._ask_others(name, target, caller)
        key = (
            name,
            *[target.get(attribute) for attribute in mentions.attributes],
            *[_hashable(caller.get(value)) for value in mentions.values],
        )
        if own is not None and not _NOT_CHOSEN.issuperset(mentions.attributes):
            if key not in own:
                own[key] = self._ask(name, target, caller)
            return own[key]
        decision = self._decisions.get(key)
        if decision is None:
            decision = self._ask(name, target, caller)
            self._keep(key, decision)
        return decision

    def _keep(self, key: tuple[Any, ...], decision: bool) -> None:
        # In ASCII no character is shorter than what it takes in memory.
        if len(ascii(key)) > _LONGEST_KEY:
            return
        if len(self._decisions) >= _MOST_DECISIONS:
            self._decisions.clear()
        self._decisions[key] = decision

    def _ask_others(
        self, name: str, target: Mapping[str, Any], caller: dict[str, Any]
    ) -> bool:
        try:
            return self._ask(name, target, caller)
        except Exception as error:
            # Whatever it is: HTTP alone fails in a dozen ways, and other
            # kinds of checks may be installed.
            reason = ' '.join(str(error).split()) or type(error).__name__
            LOG.error('Rule %s cannot be decided: %s', name, reason)
            raise errors.PolicyUnavailable(rule=name) from None

    def _ask(
        self, name: str, target: Mapping[str, Any], caller: dict[str, Any]
    ) -> bool:
        # oslo.policy adds to both. It tells a wrong scope by False, too.
        answer = self._enforcer.authorize(name, dict(target), dict(caller))
        return bool(answer)

    def _examine(self, rule: base.Rule, used: set[str]) -> _Mentions | None:
        """Make sure that a rule can be decided by.

        :param used: gets the names of all rules that belong to it.
        :returns: what it looks at, or None if that cannot be known.
        :raises: ConfigError.
        """
        attributes: set[str] = set()
        values: set[str] = set()
        known = True
        for owner, leaf in self._leaves(rule.name, ()):
            used.add(owner)
            if isinstance(leaf, _checks.TrueCheck | _checks.FalseCheck):
                continue
            trial = _Trial()
            if isinstance(leaf, _checks.RoleCheck | _checks.GenericCheck):
                values |= self._try(owner, leaf, trial)
            else:
                # Such as one that asks a remote service.
                known = False
                if leaf.kind in _URLS:
                    self._fill(owner, leaf, trial)
            unknown = trial.keys() - rule.attributes
            if unknown:
                raise self._error(
                    owner,
                    f'what {rule.name} decides on has no attribute '
                    f'{min(unknown)}',
                )
            attributes |= trial.keys()
        if not known:
            return None
        return _Mentions(tuple(attributes), tuple(values))

    def _leaves(
        self, name: str, path: tuple[str, ...]
    ) -> Iterator[tuple[str, Any]]:
        """Yield each single check of a rule, and the rule that it is of."""
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
                    raise self._error(name, f'no rule is named {check.match}')
                yield name, _checks.TrueCheck()
                yield from self._leaves(check.match, (*path, name))
            else:
                yield name, check

    def _try(self, name: str, leaf: _checks.Check, trial: _Trial) -> set[str]:
        """Return the values of callers that a check looks at.

        :raises: ConfigError if it cannot be decided.
        """
        try:
            leaf(trial, {'roles': []}, self._enforcer, name)
        except Exception as error:
            # Else it would fail at each request.
            raise self._error(
                name, f'{str(leaf)!r} cannot be decided ({error})'
            ) from None
        if isinstance(leaf, _checks.RoleCheck):
            return {'roles'}
        if _is_literal(leaf.kind):
            return set()
        value = leaf.kind.partition('.')[0]
        if value not in _OF_CALLERS:
            raise self._error(name, f'callers have no value {value}')
        return {value}

    def _fill(self, name: str, leaf: _checks.Check, trial: _Trial) -> None:
        try:
            _ = leaf.match % trial
        except (TypeError, ValueError) as error:
            raise self._error(
                name, f'{str(leaf)!r} is no URL ({error})'
            ) from None

    def _error(self, name: str, reason: str) -> errors.ConfigError:
        return errors.ConfigError(
            f'Policy file {self._origins.get(name)}: rule {name}: {reason}'
        )


def _is_literal(text: str) -> bool:
    """Tell whether the left side of a check stands for itself."""
    try:
        ast.literal_eval(text)
    except ValueError:
        return False
    return True


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
