# SPDX-License-Identifier: Apache-2.0
"""The request context: identity of the caller and ids of the request."""

import copy
import time
import types
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

from oslo_context import context as oslo_context

from ironic_passthru.tracing import spans

# Fields of a context in RPC messages with their attributes. All others are
# neither sent nor accepted, such as tokens and ``is_admin``.
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

#: Names of the signed fields of a context in RPC messages. Those of the trace
#: are not: other releases, which do not know them, would reject the signature.
BUS_FIELDS = frozenset(_ATTRIBUTES)

_MAX_TEXT_LENGTH = 255
_MAX_ROLES = 100


_Context = TypeVar('_Context', bound='RequestContext')


class CallState:
    """State of a running call for its driver; this class drops reports.

    :param deadline: ``time.monotonic()`` at which the call times out.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.deadline = deadline

    @property
    def accepted(self) -> bool:
        """Whether the call was acknowledged (202) before it runs."""
        return False

    @property
    def cancel_requested(self) -> bool:
        """Whether the call should stop early."""
        return False

    @property
    def timed_out(self) -> bool:
        """Whether the call should stop because of its timeout alone."""
        return False

    def report_progress(self, percent: float, message: str) -> None:
        """Record the progress."""

    def report_targets(self, names: Iterable[str]) -> None:
        """Record the targets that the call acts on."""


class RequestContext(oslo_context.RequestContext):
    """Identity and ids of one request, passed from the API to a driver.

    As the current context of a thread it adds the ids of the request and of
    its trace to log records.

    :ivar trace_headers: the span of the client that sent the message.
    """

    _call = CallState()
    trace_headers: Mapping[str, str] = types.MappingProxyType({})

    @classmethod
    def from_bus(cls: type[_Context], values: Any) -> _Context:
        """Return the context of an RPC message.

        Unknown fields and values of a wrong type are ignored: other services
        send their own contexts, and any user of the broker can send anything.
        """
        fields = values if isinstance(values, dict) else {}
        arguments: dict[str, Any] = {
            attribute: fields[name]
            for name, attribute in _TEXTS.items()
            if _is_text(fields.get(name))
        }
        roles = fields.get('roles')
        if isinstance(roles, list):
            arguments['roles'] = list(filter(_is_text, roles[:_MAX_ROLES]))
        context = cls(**arguments)
        context.trace_headers = spans.valid_headers(fields)
        return context

    def get_logging_values(self) -> dict[str, Any]:
        """Return the values that log formats can contain."""
        values: dict[str, Any] = super().get_logging_values()
        values['trace_id'] = (
            spans.current().trace_id
            or spans.trace_id(self.trace_headers)
            or '-'
        )
        return values

    def for_call(self: _Context, call: CallState) -> _Context:
        """Return a copy for the driver that runs ``call``."""
        copied = copy.copy(self)
        copied._call = call
        return copied

    def convert(self, kind: type[_Context]) -> _Context:
        """Return a copy that is an instance of a subclass."""
        return kind.from_bus(to_bus(self)).for_call(self._call)

    def report_progress(self, percent: float, message: str = '') -> None:
        """Report the progress of the operation.

        The latest report is recorded once per ``[operations]
        progress_interval``; more frequent reports cost nothing.

        :param percent: 0 to 100; values outside are replaced by the bound.
        :param message: one line for users, truncated to 255 characters.
        :raises: ValueError if ``percent`` is not a number.
        """
        value = float(percent)
        if value != value:
            raise ValueError('percent must be a number')
        bounded = max(0.0, min(100.0, value))
        self._call.report_progress(bounded, str(message))

    def report_targets(self, names: Iterable[str]) -> None:
        """Report the hardware that the call acts on.

        Audit records, operations and notifications list the reported targets
        after those of the parameters. Report targets that are selected by a
        tag, a default or an inventory, before the method acts on them: a
        failed call then lists them too.

        Reports are cumulative and thread-safe. The first 1,000 targets of a
        call are kept. Names are truncated to 255 characters, and ``?``
        replaces characters that cannot be printed.

        :raises: TypeError if ``names`` is not an iterable of strings;
            ValueError if a name is empty.
        """
        if isinstance(names, str):
            raise TypeError('names must be a list of strings')
        reported = list(names)
        for name in reported:
            if not isinstance(name, str):
                raise TypeError('a target must be a string')
            if not name:
                raise ValueError('a target must not be empty')
        self._call.report_targets(reported)

    @property
    def cancel_requested(self) -> bool:
        """Whether the operation should stop early.

        It is true after a cancellation request and after the timeout of the
        call. A method can check it where it can stop safely, and stop by
        raising :class:`~ironic_passthru.errors.Cancelled`; methods are never
        interrupted.
        """
        return self._call.cancel_requested

    @property
    def accepted(self) -> bool:
        """Whether the call was acknowledged (202) before it runs.

        The caller of such a call does not wait for the result.
        """
        return self._call.accepted

    @property
    def seconds_left(self) -> float | None:
        """Time until the timeout of the call, at least 0; None without one."""
        if self._call.deadline is None:
            return None
        return max(0.0, self._call.deadline - time.monotonic())


def to_bus(context: Any) -> dict[str, Any]:
    """Return the fields of a context for RPC messages.

    :param context: an object of any class, or a mapping of the fields.
    """
    if isinstance(context, Mapping):
        values = {name: context.get(name) for name in BUS_FIELDS}
    else:
        values = {
            name: getattr(context, attribute, None)
            for name, attribute in _ATTRIBUTES.items()
        }
    headers = spans.current().headers or getattr(context, 'trace_headers', {})
    sent = {name: value for name, value in values.items() if value}
    return {**sent, **headers}


def _is_text(value: Any) -> bool:
    """Return whether a value is a string for logs and records."""
    return (
        isinstance(value, str)
        and len(value) <= _MAX_TEXT_LENGTH
        and value.isprintable()
    )


def clear_current() -> None:
    """Remove the current context of this thread, which a pool reuses."""
    # oslo.context has no public function for it.
    store = oslo_context._request_store
    if hasattr(store, 'context'):
        del store.context
