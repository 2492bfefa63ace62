# SPDX-License-Identifier: Apache-2.0
"""The request context: who asks, and under which ids it is traced."""

import copy
import time
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from oslo_context import context as oslo_context

# What a context says on the bus, and the attribute that holds it. Nothing
# else is sent or read: no token, nobody who is an administrator by his word.
_TEXTS = {
    'request_id': 'request_id',
    'global_request_id': 'global_request_id',
    'user': 'user_id',
    'user_name': 'user_name',
    'user_domain': 'user_domain_id',
    'user_domain_name': 'user_domain_name',
    'project_id': 'project_id',
    'project_name': 'project_name',
    'project_domain': 'project_domain_id',
    'project_domain_name': 'project_domain_name',
    'domain': 'domain_id',
    'domain_name': 'domain_name',
    'system_scope': 'system_scope',
}
_ATTRIBUTES = {**_TEXTS, 'roles': 'roles'}

#: Names of the fields that a context has on the bus.
BUS_FIELDS = frozenset(_ATTRIBUTES)

_MAX_TEXT_LENGTH = 255
_MAX_ROLES = 100


class CallState:
    """What a driver can say and learn of the call that it works on.

    This one is of a call that nobody follows: what is said is lost.

    :param deadline: ``time.monotonic()`` by which it should have ended.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.deadline = deadline

    @property
    def cancel_requested(self) -> bool:
        """Whether it should end early."""
        return False

    @property
    def timed_out(self) -> bool:
        """Whether it should end early for its timeout alone."""
        return False

    def report_progress(self, percent: float, message: str) -> None:
        """Note how far it has come."""

    def report_targets(self, names: Iterable[str]) -> None:
        """Note which hardware the call acts on."""


_NOBODYS = CallState()


class RequestContext(oslo_context.RequestContext):
    """Identity and ids of one request, carried from the API to a driver.

    Being the current context of its thread it also gives log lines their
    request id.
    """

    _call = _NOBODYS

    @classmethod
    def from_bus(cls, values: Any) -> 'RequestContext':
        """Rebuild the context that travelled with a message.

        What is not a known field of the right type is left out, since other
        services may send contexts of their own kind, and anybody with a
        login to the broker may send anything.
        """
        known = values if isinstance(values, dict) else {}
        facts: dict[str, Any] = {
            attribute: known[name]
            for name, attribute in _TEXTS.items()
            if _is_text(known.get(name))
        }
        roles = known.get('roles')
        if isinstance(roles, list):
            facts['roles'] = list(filter(_is_text, roles[:_MAX_ROLES]))
        return cls(**facts)

    def for_call(self, call: CallState) -> 'RequestContext':
        """Return a copy through which a driver sees ``call``."""
        mine = copy.copy(self)
        mine._call = call
        return mine

    def report_progress(self, percent: float, message: str = '') -> None:
        """Tell whoever follows the operation how far it has come.

        It may be called as often as a driver likes: what is written is the
        latest report, at most once in ``[operations] progress_interval``.

        :param percent: 0 to 100; what is beyond is taken for the bound.
        :param message: one line for people, of which 255 characters are
            kept.
        :raises: ValueError if ``percent`` is no number.
        """
        value = float(percent)
        if value != value:
            raise ValueError('percent must be a number')
        bounded = max(0.0, min(100.0, value))
        self._call.report_progress(bounded, str(message))

    def report_targets(self, names: Iterable[str]) -> None:
        """Report which hardware the call acts on.

        Audit lines, operation records and notifications list the reported
        targets after those that the parameters name. Report the targets that
        a tag, a default or an inventory selects, and report them before the
        method acts on them: a call that fails then shows them, too.

        Several reports add up; threads may report at once. The first 1,000
        targets of a call are kept. A name that is longer than 255 characters
        is truncated, and ``?`` replaces characters that cannot be printed.

        :raises: TypeError if ``names`` is not an iterable of strings;
            ValueError if a name is empty.
        """
        if isinstance(names, str):
            raise TypeError('names must be several strings, not one')
        reported = list(names)
        for name in reported:
            if not isinstance(name, str):
                raise TypeError('a target must be a string')
            if not name:
                raise ValueError('a target must not be empty')
        self._call.report_targets(reported)

    @property
    def cancel_requested(self) -> bool:
        """Whether the caller wants the operation to end early.

        A method may look at it where it can stop safely, and raise
        :class:`~ironic_passthru.errors.Cancelled` to do so; nothing stops it
        by force. It is true as well once the call has exceeded its timeout.
        """
        return self._call.cancel_requested

    @property
    def seconds_left(self) -> float | None:
        """How long the call may still take; None if nobody said."""
        if self._call.deadline is None:
            return None
        return max(0.0, self._call.deadline - time.monotonic())


def to_bus(context: Any) -> dict[str, Any]:
    """Return what a context says on the bus.

    :param context: of whatever class, or a mapping of the fields.
    """
    if isinstance(context, Mapping):
        values = {name: context.get(name) for name in BUS_FIELDS}
    else:
        values = {
            name: getattr(context, attribute, None)
            for name, attribute in _ATTRIBUTES.items()
        }
    return {name: value for name, value in values.items() if value}


def _is_text(value: Any) -> bool:
    """Tell whether it is text that may stand in logs and records."""
    return (
        isinstance(value, str)
        and len(value) <= _MAX_TEXT_LENGTH
        and value.isprintable()
    )


def clear_current() -> None:
    """Forget the context of this thread, which a pool will use again."""
    # oslo.context keeps the current context in this thread-local store and
    # offers no function to empty it.
    store = oslo_context._request_store
    if hasattr(store, 'context'):
        del store.context
