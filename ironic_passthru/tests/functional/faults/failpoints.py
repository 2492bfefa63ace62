# SPDX-License-Identifier: Apache-2.0
"""Failpoints: steps at which the process of a conductor ends itself.

A driver that only tests install patches them into the process; the service
has no code for them.
"""

import collections.abc
import functools
import importlib
import itertools
import os
import signal
from typing import Any

# Environment variable with failpoint and number of the last passage, as in
# ``record:37``.
VARIABLE = 'PASSTHRU_TEST_FAILPOINT'

# Not a patch: the driver's method calls it.
METHOD = 'method'

_RUNNER = 'ironic_passthru.conductor.runner', 'Runner', 'run'
_WRITER = 'ironic_passthru.conductor.operation_writer', 'OperationWriter'
_RECORD = *_WRITER, 'record'
_CLAIM = (
    'ironic_passthru.conductor.operation_tracker',
    'OperationTracker',
    'start',
)
_REPLY = 'ironic_passthru.rpc.rabbit', '_Request', 'reply'

_BEFORE, _AFTER = 'before', 'after'

# In the approximate order of an asynchronous call, which is acknowledged
# while it runs.
_PATCHES = {
    'receipt': (_BEFORE, _RUNNER),
    'record': (_AFTER, _RECORD),
    'claim': (_AFTER, _CLAIM),
    'before-reply': (_BEFORE, _REPLY),
    'after-reply': (_AFTER, _REPLY),
}
POINTS = (*_PATCHES, METHOD)


class Failpoint:
    """End the process at the ``last``-th passage.

    :param die: function that ends it; by default ``kill -9``.
    """

    def __init__(
        self,
        last: int,
        die: collections.abc.Callable[[], object] | None = None,
    ) -> None:
        self._last = last
        # next() on it is atomic.
        self._passages = itertools.count(1)
        self._die = die or _kill

    def __call__(self) -> None:
        if next(self._passages) == self._last:
            self._die()


def install(text: str) -> dict[str, Failpoint]:
    """Install a failpoint.

    :param text: value of the variable; empty for none.
    :returns: the failpoint by its name, or an empty dictionary.
    """
    if not text:
        return {}
    name, _, last = text.partition(':')
    failpoint = Failpoint(int(last))
    if name != METHOD:
        when, (module, class_name, function) = _PATCHES[name]
        owner = getattr(importlib.import_module(module), class_name)
        patch(owner, function, when == _BEFORE, failpoint)
    return {name: failpoint}


def patch(
    owner: type,
    name: str,
    before: bool,
    failpoint: collections.abc.Callable[[], None],
) -> None:
    """Pass the failpoint before or after each call of a function."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        counts = name != 'reply' or _answers_a_call(*args, **kwargs)
        if counts and before:
            failpoint()
        result = original(*args, **kwargs)
        if counts and not before:
            failpoint()
        return result

    setattr(owner, name, replacement)


def _answers_a_call(_: object, reply: Any = None, failure: Any = None) -> bool:
    # Not a ping: conductors send several of them to themselves each second.
    return bool(failure) or isinstance(reply, dict)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
